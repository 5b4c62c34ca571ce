//! Reads a video's properties with ffprobe, before it is decoded.

use std::path::Path;

use serde_json::Value;

use super::ffmpeg;
use crate::error::{Error, Result};

/// A video counts as truncated if it is shorter than its header says by more than this part of it and these seconds.
const MISSING_PART: f64 = 0.02;
const MISSING_SECONDS: f64 = 0.1;

/// Frame rates that differ by no more than this part are the same rate, rounded differently.
const SAME_RATE: f64 = 0.01;

/// The smallest sizes of high definition, whose default colour matrix is BT.709.
const HIGH_WIDTH: usize = 1280;
const HIGH_HEIGHT: usize = 720;

/// Frames per second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate(pub u64, pub u64);

impl Rate {
    /// Parses `30000/1001`; none if it is not a rate.
    fn read(text: &str) -> Option<Self> {
        let (frames, seconds) = text.split_once('/')?;
        let rate = Self(frames.parse().ok()?, seconds.parse().ok()?);
        (rate.0 > 0 && rate.1 > 0).then_some(rate)
    }

    pub fn per_second(self) -> f64 {
        self.0 as f64 / self.1 as f64
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

/// A video's frames, sound and subtitles.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VideoInfo {
    /// The number of the video stream.
    pub stream: u64,
    /// The size after rotation, in pixels.
    pub width: usize,
    pub height: usize,
    /// The aspect ratio of a pixel if it is not square, as `4:3`.
    pub aspect: Option<String>,
    pub rate: Rate,
    /// The duration, if it is known.
    pub seconds: Option<f64>,
    /// ffmpeg's names of the colour matrix, primaries and transfer function, if the file has them.
    pub matrix: Option<String>,
    pub primaries: Option<String>,
    pub transfer: Option<String>,
    /// The codecs of the audio streams.
    pub sound: Vec<String>,
    /// The codecs of the subtitle streams.
    pub subtitles: Vec<String>,
}

/// Reads through a video file. Fails if it is not a video or truncated.
pub(super) fn probe(path: &Path) -> Result<VideoInfo> {
    let unfit = |reason: &str| Error::Video { path: path.to_owned(), reason: reason.into() };
    let (found, _) = ask(path, &["-show_streams", "-of", "json"])?;
    let found = serde_json::from_slice(&found).map_err(|_| unfit("ffprobe's answer cannot be read"))?;
    let mut video = read(&found).map_err(|what| unfit(&what))?;
    let stream = video.stream.to_string();
    let times =
        ["-select_streams", &stream, "-show_entries", "packet=pts_time,dts_time,duration_time", "-of", "csv=p=0"];
    let (packets, printed) = ask(path, &times)?;
    if let Some(seconds) = seconds(&String::from_utf8_lossy(&packets), 1.0 / video.rate.per_second()) {
        let promised = video.seconds.unwrap_or(0.0);
        // Without a complaint of ffprobe, it is the last frame that is shown for long.
        if !printed.trim().is_empty() && seconds < promised * (1.0 - MISSING_PART) - MISSING_SECONDS {
            return Err(unfit(&format!(
                "truncated after {seconds:.1} of {promised:.1} seconds; get another copy, or make a complete video of what \
                 is there with ffmpeg -i FILM -c copy NEW"
            )));
        }
        video.seconds = Some(seconds);
    }
    Ok(video)
}

/// Runs ffprobe on a video: its stdout and stderr.
fn ask(path: &Path, what: &[&str]) -> Result<(Vec<u8>, String)> {
    let mut ffprobe = ffmpeg::command("ffprobe");
    let output = ffprobe.args(["-v", "error"]).args(what).arg(ffmpeg::file(path)).output();
    let output = output.map_err(|error| ffmpeg::unusable(path, &error))?;
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(Error::Video { path: path.to_owned(), reason: ffmpeg::reason(&printed, path) });
    }
    Ok((output.stdout, printed))
}

/// The duration of packets, one per line: `presented,decoded,duration` in seconds, or `N/A`.
fn seconds(packets: &str, usual: f64) -> Option<f64> {
    let shown = packets.lines().filter_map(|line| {
        let mut numbers = line.split(',').map(|number| number.parse::<f64>().ok());
        let (presented, decoded) = (numbers.next()?, numbers.next()?);
        Some((presented.or(decoded)?, numbers.next()?.unwrap_or(usual)))
    });
    let ends = shown.map(|(at, lasts)| (at, at + lasts));
    ends.reduce(|(first, last), (from, to)| (first.min(from), last.max(to))).map(|(first, last)| last - first)
}

/// Reads ffprobe's JSON. The error does not include the path.
fn read(found: &Value) -> Result<VideoInfo, String> {
    let streams = found["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codecs = |kind: &str| {
        let of_kind = streams.iter().filter(|stream| stream["codec_type"] == kind);
        of_kind.map(|stream| text(&stream["codec_name"]).unwrap_or_default()).collect()
    };
    let is_video = |stream: &&Value| stream["codec_type"] == "video" && stream["disposition"]["attached_pic"] != 1;
    let stream = streams.iter().find(is_video).ok_or("it has no video stream")?;
    let side = |name: &str| stream[name].as_u64().filter(|&side| side > 1).map(|side| side as usize);
    let (Some(mut width), Some(mut height)) = (side("width"), side("height")) else {
        return Err("its frames must have at least two pixels a side".into());
    };
    let rate = rate(stream).ok_or("it has no frame rate")?;
    // Matroska has the time of the end.
    let start = number(&stream["start_time"]).unwrap_or(0.0);
    let end = || Some(clock(stream["tags"]["DURATION"].as_str()?)? - start);
    let mut aspect = text(&stream["sample_aspect_ratio"]).filter(|ratio| !matches!(ratio.as_str(), "1:1" | "0:1"));
    if is_rotated(stream) {
        (width, height) = (height, width);
        aspect = aspect.and_then(|ratio| ratio.split_once(':').map(|(wide, high)| format!("{high}:{wide}")));
    }
    let colour = |name: &str| text(&stream[name]).filter(|name| !matches!(name.as_str(), "unknown" | "reserved"));
    Ok(VideoInfo {
        stream: stream["index"].as_u64().unwrap_or(0),
        width,
        height,
        aspect,
        rate,
        seconds: number(&stream["duration"]).or_else(end),
        matrix: colour("color_space"),
        primaries: colour("color_primaries"),
        transfer: colour("color_transfer"),
        sound: codecs("audio"),
        subtitles: codecs("subtitle"),
    })
}

impl VideoInfo {
    /// About how many frames there are, or 0 if the duration is unknown.
    pub fn frames(&self) -> u64 {
        self.seconds.map_or(0, |seconds| (seconds * self.rate.per_second()).round() as u64)
    }
}

/// The colour matrix that players assume for a size if the file has none.
pub(super) fn default_matrix(width: usize, height: usize) -> &'static str {
    if width >= HIGH_WIDTH || height >= HIGH_HEIGHT { "bt709" } else { "smpte170m" }
}

/// The constant rate that a video is converted to: its nominal one, or the mean if they are far apart.
fn rate(stream: &Value) -> Option<Rate> {
    let of = |name: &str| Rate::read(stream[name].as_str()?);
    match (of("r_frame_rate"), of("avg_frame_rate")) {
        (Some(nominal), Some(mean)) => {
            let ratio = nominal.per_second() / mean.per_second();
            Some(if (ratio - 1.0).abs() <= SAME_RATE { nominal } else { mean })
        }
        (nominal, mean) => mean.or(nominal),
    }
}

/// Whether it is shown rotated by 90 degrees, like a video from a phone held upright.
fn is_rotated(stream: &Value) -> bool {
    let sides = stream["side_data_list"].as_array().into_iter().flatten();
    let rotation = sides.filter_map(|side| side["rotation"].as_f64()).next();
    let rotation = rotation.or_else(|| number(&stream["tags"]["rotate"]));
    rotation.is_some_and(|degrees| (degrees.rem_euclid(180.0) - 90.0).abs() < 45.0)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_string)
}

fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Seconds of `00:01:02.5`.
fn clock(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| Some(60.0 * sum + part.parse::<f64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing(more: Value) -> Value {
        let mut stream = json!({
            "index": 1, "codec_type": "video", "width": 640, "height": 480, "disposition": { "attached_pic": 0 },
            "r_frame_rate": "30000/1001", "avg_frame_rate": "2997/100", "duration": "10.0",
            "start_time": "0.5", "color_space": "bt709", "color_primaries": "unknown",
        });
        for (key, value) in more.as_object().unwrap() {
            stream[key] = value.clone();
        }
        json!({ "streams": [
            { "index": 0, "codec_type": "video", "width": 9, "height": 9, "disposition": { "attached_pic": 1 } },
            stream,
            { "index": 2, "codec_type": "audio", "codec_name": "aac" },
        ]})
    }

    #[test]
    fn a_video_is_understood() {
        let video = read(&listing(json!({}))).unwrap();
        assert_eq!((video.stream, video.width, video.height, video.frames()), (1, 640, 480, 300));
        assert_eq!((video.rate.to_string().as_str(), &video.sound[..]), ("30000/1001", &["aac".to_string()][..]));
        assert_eq!((video.matrix.as_deref(), video.primaries), (Some("bt709"), None));
        // Rotated, and with pixels that are not square.
        for rotation in [json!({ "side_data_list": [{ "rotation": -90 }] }), json!({ "tags": { "rotate": "270" } })] {
            let mut more = rotation;
            more["sample_aspect_ratio"] = "4:3".into();
            let video = read(&listing(more)).unwrap();
            assert_eq!((video.width, video.height, video.aspect.as_deref()), (480, 640, Some("3:4")));
        }
        // A variable frame rate: the mean.
        let video = read(&listing(json!({ "r_frame_rate": "90000/1", "avg_frame_rate": "25/1", "duration": "12" })));
        assert_eq!(video.unwrap().rate, Rate(25, 1));
    }

    #[test]
    fn lengths_are_added_up() {
        let video = read(&listing(json!({ "duration": null, "tags": { "DURATION": "00:01:00.5" } }))).unwrap();
        assert_eq!(video.seconds, Some(60.0));
        assert_eq!(seconds("0.5,0.4,0.1\n0.9,N/A,0.2\nN/A,0.7,N/A\n\n", 0.05), Some(1.1 - 0.5));
        assert_eq!(seconds("N/A,N/A,N/A\n", 0.1), None);
    }

    #[test]
    fn what_is_not_a_video_is_refused() {
        for (more, wanted) in [
            (json!({ "r_frame_rate": "0/0", "avg_frame_rate": "0/0" }), "frame rate"),
            (json!({ "width": 0 }), "two pixels"),
            (json!({ "codec_type": "data" }), "no video stream"),
        ] {
            let error = read(&listing(more)).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
        assert!(read(&Value::Null).unwrap_err().contains("no video stream"));
    }
}
