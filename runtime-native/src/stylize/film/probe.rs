//! What a film is, before it is decoded: ffprobe's answer.

use std::path::Path;

use serde_json::Value;

use super::ffmpeg;
use crate::{Error, Result};

/// A film may end before the time that its file says by this share, or by these seconds, before it counts as cut off.
const MISSING_SHARE: f64 = 0.02;
const MISSING: f64 = 0.1;

/// Rates that differ by no more than this share are one, rounded differently.
const SAME_RATE: f64 = 0.01;

/// The smallest sizes of high definition, whose colours are those of BT.709 where a file does not tell.
const HIGH_WIDTH: usize = 1280;
const HIGH_HEIGHT: usize = 720;

/// Frames a second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate(pub u64, pub u64);

impl Rate {
    /// Reads `30000/1001`; none where it is no rate.
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

/// A film's pictures, and what is beside them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Film {
    /// The number of the stream that has the pictures.
    pub stream: u64,
    /// The size as shown: rotated, not stretched.
    pub width: usize,
    pub height: usize,
    /// How wide a pixel is shown for its height, as `4:3`.
    pub aspect: Option<String>,
    pub rate: Rate,
    /// How long it is, where that is known.
    pub seconds: Option<f64>,
    /// ffmpeg's names of the matrix, primaries and transfer of its colours, where the file tells.
    pub matrix: Option<String>,
    pub primaries: Option<String>,
    pub transfer: Option<String>,
    /// The codecs of the streams of sound.
    pub sound: Vec<String>,
    /// Those of the subtitles.
    pub subtitles: Vec<String>,
}

/// Reads through a film file and says what is in it. Fails, naming it, on one that is no film or that was cut off.
pub(super) fn probe(path: &Path) -> Result<Film> {
    let unfit = |what: &str| Error::Impossible(format!("{}: {what}", path.display()));
    let (found, _) = ask(path, &["-show_streams", "-of", "json"])?;
    let found = serde_json::from_slice(&found).map_err(|_| unfit("ffprobe's answer cannot be read"))?;
    let mut film = read(&found).map_err(|what| unfit(&what))?;
    let stream = film.stream.to_string();
    let times =
        ["-select_streams", &stream, "-show_entries", "packet=pts_time,dts_time,duration_time", "-of", "csv=p=0"];
    let (packets, said) = ask(path, &times)?;
    if let Some(seconds) = seconds(&String::from_utf8_lossy(&packets), 1.0 / film.rate.per_second()) {
        let promised = film.seconds.unwrap_or(0.0);
        // A last frame that stays for long is no cut: then ffprobe misses nothing.
        if !said.trim().is_empty() && seconds < promised * (1.0 - MISSING_SHARE) - MISSING {
            return Err(unfit(&format!(
                "cut off after {seconds:.1} of {promised:.1} seconds; get it again, or make a whole film of what is \
                 there with ffmpeg -i FILM -c copy NEW"
            )));
        }
        film.seconds = Some(seconds);
    }
    Ok(film)
}

/// What ffprobe writes of a film, and what it complains of.
fn ask(path: &Path, what: &[&str]) -> Result<(Vec<u8>, String)> {
    let mut ffprobe = ffmpeg::command("ffprobe");
    let output = ffprobe.args(["-v", "error"]).args(what).arg(ffmpeg::file(path)).output();
    let output = output.map_err(|error| ffmpeg::not_started(path, &error))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(Error::Impossible(format!("{}: {}", path.display(), ffmpeg::reason(&said, path))));
    }
    Ok((output.stdout, said))
}

/// How long the packets of these lines are shown together: `presented,decoded,duration` in seconds, or `N/A`.
fn seconds(packets: &str, usual: f64) -> Option<f64> {
    let shown = packets.lines().filter_map(|line| {
        let mut numbers = line.split(',').map(|number| number.parse::<f64>().ok());
        let (presented, decoded) = (numbers.next()?, numbers.next()?);
        Some((presented.or(decoded)?, numbers.next()?.unwrap_or(usual)))
    });
    let ends = shown.map(|(at, lasts)| (at, at + lasts));
    ends.reduce(|(first, last), (from, to)| (first.min(from), last.max(to))).map(|(first, last)| last - first)
}

/// Reads ffprobe's JSON. The error says what is wrong without the path.
fn read(found: &Value) -> Result<Film, String> {
    let streams = found["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codecs = |kind: &str| {
        let of_kind = streams.iter().filter(|stream| stream["codec_type"] == kind);
        of_kind.map(|stream| text(&stream["codec_name"]).unwrap_or_default()).collect()
    };
    let is_film = |stream: &&Value| stream["codec_type"] == "video" && stream["disposition"]["attached_pic"] != 1;
    let stream = streams.iter().find(is_film).ok_or("there are no moving pictures in it")?;
    let side = |name: &str| stream[name].as_u64().filter(|&side| side > 1).map(|side| side as usize);
    let (Some(mut width), Some(mut height)) = (side("width"), side("height")) else {
        return Err("its pictures have no size that can be written; two pixels a side are the least".into());
    };
    let rate = rate(stream).ok_or("it does not say how many frames a second has")?;
    // Matroska says when it ends.
    let start = number(&stream["start_time"]).unwrap_or(0.0);
    let end = || Some(clock(stream["tags"]["DURATION"].as_str()?)? - start);
    let mut aspect = text(&stream["sample_aspect_ratio"]).filter(|ratio| !matches!(ratio.as_str(), "1:1" | "0:1"));
    if is_on_its_side(stream) {
        (width, height) = (height, width);
        aspect = aspect.and_then(|ratio| ratio.split_once(':').map(|(wide, high)| format!("{high}:{wide}")));
    }
    let colour = |name: &str| text(&stream[name]).filter(|name| !matches!(name.as_str(), "unknown" | "reserved"));
    Ok(Film {
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

impl Film {
    /// About how many frames there are; 0 where nobody knows.
    pub fn frames(&self) -> u64 {
        self.seconds.map_or(0, |seconds| (seconds * self.rate.per_second()).round() as u64)
    }
}

/// The matrix of a size's colours where a file does not tell: what players suppose.
pub(super) fn usual_matrix(width: usize, height: usize) -> &'static str {
    if width >= HIGH_WIDTH || height >= HIGH_HEIGHT { "bt709" } else { "smpte170m" }
}

/// The constant rate that a film is brought to: its nominal one, or the mean where they are far apart.
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

/// Whether it is shown turned by a quarter, as a telephone held upright films.
fn is_on_its_side(stream: &Value) -> bool {
    let sides = stream["side_data_list"].as_array().into_iter().flatten();
    let turned = sides.filter_map(|side| side["rotation"].as_f64()).next();
    let turned = turned.or_else(|| number(&stream["tags"]["rotate"]));
    turned.is_some_and(|degrees| (degrees.rem_euclid(180.0) - 90.0).abs() < 45.0)
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

    fn video(more: Value) -> Value {
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
    fn a_film_is_understood() {
        let film = read(&video(json!({}))).unwrap();
        assert_eq!((film.stream, film.width, film.height, film.frames()), (1, 640, 480, 300));
        assert_eq!((film.rate.to_string().as_str(), &film.sound[..]), ("30000/1001", &["aac".to_string()][..]));
        assert_eq!((film.matrix.as_deref(), film.primaries), (Some("bt709"), None));
        // On its side, and with pixels that are not square.
        for turned in [json!({ "side_data_list": [{ "rotation": -90 }] }), json!({ "tags": { "rotate": "270" } })] {
            let mut more = turned;
            more["sample_aspect_ratio"] = "4:3".into();
            let film = read(&video(more)).unwrap();
            assert_eq!((film.width, film.height, film.aspect.as_deref()), (480, 640, Some("3:4")));
        }
        // A rate that varies: the mean.
        let film = read(&video(json!({ "r_frame_rate": "90000/1", "avg_frame_rate": "25/1", "duration": "12" })));
        assert_eq!(film.unwrap().rate, Rate(25, 1));
    }

    #[test]
    fn lengths_are_added_up() {
        let film = read(&video(json!({ "duration": null, "tags": { "DURATION": "00:01:00.5" } }))).unwrap();
        assert_eq!(film.seconds, Some(60.0));
        assert_eq!(seconds("0.5,0.4,0.1\n0.9,N/A,0.2\nN/A,0.7,N/A\n\n", 0.05), Some(1.1 - 0.5));
        assert_eq!(seconds("N/A,N/A,N/A\n", 0.1), None);
    }

    #[test]
    fn what_is_no_film_is_refused() {
        for (more, wanted) in [
            (json!({ "r_frame_rate": "0/0", "avg_frame_rate": "0/0" }), "how many frames"),
            (json!({ "width": 0 }), "no size"),
            (json!({ "codec_type": "data" }), "no moving pictures"),
        ] {
            let error = read(&video(more)).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
        assert!(read(&Value::Null).is_err());
    }
}
