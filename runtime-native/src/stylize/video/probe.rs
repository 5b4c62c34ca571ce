//! Reads a video's properties with ffprobe, before it is decoded.

use std::path::Path;

use serde_json::Value;

use super::extras::{Extras, is_cover};
use super::ffmpeg;
use crate::error::{Error, Result};

/// A video counts as truncated if it is shorter than its header says by more than this part of it and these seconds.
const MISSING_PART: f64 = 0.02;
const MISSING_SECONDS: f64 = 0.1;

/// Frame rates that differ by no more than this part are the same rate, rounded differently.
const SAME_RATE: f64 = 0.01;

/// The usual frame rates, and the highest that a variable rate is converted to.
const RATES: [Rate; 11] = [
    Rate(10, 1),
    Rate(12, 1),
    Rate(15, 1),
    Rate(20, 1),
    Rate(24, 1),
    Rate(25, 1),
    Rate(30, 1),
    Rate(48, 1),
    Rate(50, 1),
    Rate(60, 1),
    Rate(120, 1),
];

/// The part of a second's frames that may fall together with another at the nominal rate if that is the mean one, and at
/// other rates if the frames are not on the nominal grid.
const LOST_OF_NOMINAL: f64 = 0.1;
const LOST_OF_OTHERS: f64 = 0.02;

/// How far from a grid's place a time may be that was rounded, in frames.
const OFF_GRID: f64 = 0.1;

/// The part of a frame by which the start of a stream may be rounded.
const ROUNDED: f64 = 0.02;

/// How many frames are looked at for fields, where the header does not tell.
const LOOKED_AT: &str = "%+#12";

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
    /// How many seconds after the file's other streams the frames begin.
    pub late: f64,
    /// The duration, if it is known.
    pub seconds: Option<f64>,
    /// ffmpeg's names of the colour matrix, primaries and transfer function, if the file has them.
    pub matrix: Option<String>,
    pub primaries: Option<String>,
    pub transfer: Option<String>,
    /// Whether a frame is two fields of half the lines.
    pub interlaced: bool,
    /// Whether the frames have transparency.
    pub alpha: bool,
    /// ffmpeg's name of the decoder, if it is not the usual one.
    pub decoder: Option<&'static str>,
    /// The codecs of the audio streams.
    pub sound: Vec<String>,
    pub extras: Extras,
}

/// Reads through a video file. Fails if it is not a video or truncated.
pub(super) fn probe(path: &Path) -> Result<VideoInfo> {
    let unfit = |reason: &str| Error::Video { path: path.to_owned(), reason: reason.into() };
    let (found, _) = ask(path, &["-show_streams", "-show_format", "-of", "json"])?;
    let found = serde_json::from_slice(&found).map_err(|_| unfit("ffprobe's answer cannot be read"))?;
    let mut video = read(&found).map_err(|what| unfit(&what))?;
    let nominal = video.rate;
    let stream = video.stream.to_string();
    if matches!(field_order(&found, video.stream), None | Some("unknown")) {
        let fields = ["-select_streams", &stream, "-read_intervals", LOOKED_AT];
        let fields = [&fields[..], &["-show_entries", "frame=interlaced_frame", "-of", "csv=p=0"]].concat();
        video.interlaced = has_fields(&String::from_utf8_lossy(&ask(path, &fields)?.0));
    }
    let times =
        ["-select_streams", &stream, "-show_entries", "packet=pts_time,dts_time,duration_time", "-of", "csv=p=0"];
    let (packets, printed) = ask(path, &times)?;
    let packets = packets_of(&String::from_utf8_lossy(&packets), 1.0 / nominal.per_second());
    video.rate = constant_rate(&packets, rates(&found, video.stream)).unwrap_or(nominal);
    if let Some(seconds) = seconds(&packets) {
        let promised = video.seconds.unwrap_or(0.0);
        // Without a complaint of ffprobe, it is the last frame that is shown for long.
        if !printed.trim().is_empty() && seconds < promised * (1.0 - MISSING_PART) - MISSING_SECONDS {
            return Err(unfit(&format!(
                "truncated after {seconds:.1} of {promised:.1} seconds; get another copy, or make a complete video of what \
                 is there with ffmpeg -i VIDEO -c copy NEW"
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

/// When packets are shown, and for how long, in seconds. They are read from lines `presented,decoded,duration`, with
/// numbers or `N/A`.
fn packets_of(lines: &str, usual: f64) -> Vec<(f64, f64)> {
    let shown = lines.lines().filter_map(|line| {
        let mut numbers = line.split(',').map(|number| number.parse::<f64>().ok());
        let (presented, decoded) = (numbers.next()?, numbers.next()?);
        Some((presented.or(decoded)?, numbers.next()?.unwrap_or(usual)))
    });
    shown.collect()
}

/// The duration from the first packet's start to the last one's end.
fn seconds(packets: &[(f64, f64)]) -> Option<f64> {
    let ends = packets.iter().map(|(at, lasts)| (*at, at + lasts));
    ends.reduce(|(first, last), (from, to)| (first.min(from), last.max(to))).map(|(first, last)| last - first)
}

/// Reads ffprobe's JSON. The error does not include the path.
fn read(found: &Value) -> Result<VideoInfo, String> {
    let streams = found["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codecs = |kind: &str| {
        let of_kind = streams.iter().filter(|stream| stream["codec_type"] == kind);
        of_kind.map(|stream| text(&stream["codec_name"]).unwrap_or_default()).collect()
    };
    let is_video = |stream: &&Value| stream["codec_type"] == "video" && !is_cover(stream);
    let stream = streams.iter().find(is_video).ok_or("it has no video stream")?;
    let side = |name: &str| stream[name].as_u64().filter(|&side| side > 1).map(|side| side as usize);
    let (Some(mut width), Some(mut height)) = (side("width"), side("height")) else {
        return Err("its frames must have at least two pixels a side".into());
    };
    let index = stream["index"].as_u64().unwrap_or(0);
    let rate = rate(rates(found, index)).ok_or("it has no frame rate")?;
    // Matroska has the time of the end.
    let start = number(&stream["start_time"]).unwrap_or(0.0);
    let end = || Some(clock(stream["tags"]["DURATION"].as_str()?)? - start);
    let mut aspect = text(&stream["sample_aspect_ratio"]).filter(|ratio| !matches!(ratio.as_str(), "1:1" | "0:1"));
    if is_rotated(stream) {
        (width, height) = (height, width);
        aspect = aspect.and_then(|ratio| ratio.split_once(':').map(|(wide, high)| format!("{high}:{wide}")));
    }
    let colour = |name: &str| text(&stream[name]).filter(|name| !matches!(name.as_str(), "unknown" | "reserved"));
    // The usual decoders of VP8 and VP9 ignore transparency, which is a stream within the stream.
    let decoder = match (stream["codec_name"].as_str(), stream["tags"]["alpha_mode"].as_str()) {
        (Some("vp8"), Some("1")) => Some("libvpx"),
        (Some("vp9"), Some("1")) => Some("libvpx-vp9"),
        _ => None,
    };
    let alpha = decoder.is_some() || has_alpha(stream["pix_fmt"].as_str().unwrap_or_default());
    Ok(VideoInfo {
        stream: index,
        width,
        height,
        aspect,
        rate,
        late: (start - number(&found["format"]["start_time"]).unwrap_or(start)).max(0.0),
        seconds: number(&stream["duration"]).or_else(end),
        matrix: colour("color_space"),
        primaries: colour("color_primaries"),
        transfer: colour("color_transfer"),
        interlaced: matches!(field_order(found, index), Some("tt" | "bb" | "tb" | "bt")),
        alpha,
        decoder,
        sound: codecs("audio"),
        extras: Extras::read(streams, index),
    })
}

impl VideoInfo {
    /// The name of the transfer function if it is that of high dynamic range.
    pub fn hdr(&self) -> Option<&'static str> {
        match self.transfer.as_deref()? {
            "smpte2084" => Some("HDR (PQ)"),
            "arib-std-b67" => Some("HDR (HLG)"),
            _ => None,
        }
    }

    /// Whether the colours are those of BT.2020.
    pub fn is_wide(&self) -> bool {
        self.primaries.as_deref() == Some("bt2020") || self.hdr().is_some()
    }

    /// Where the grid of the result's frames begins, in seconds of the file: less than a frame's time after its other
    /// streams, and so that the video's own frames lie on it.
    pub fn grid_start(&self) -> f64 {
        let frames = self.late * self.rate.per_second();
        (frames - (frames + ROUNDED).floor()).max(0.0) / self.rate.per_second()
    }

    /// About how many frames there are, or 0 if the duration is unknown.
    pub fn frames(&self) -> u64 {
        self.seconds.map_or(0, |seconds| (seconds * self.rate.per_second()).round() as u64)
    }
}

/// The colour matrix that players assume for a size if the file has none.
pub(super) fn default_matrix(width: usize, height: usize) -> &'static str {
    if width >= HIGH_WIDTH || height >= HIGH_HEIGHT { "bt709" } else { "smpte170m" }
}

/// ffprobe's name of the order of a stream's fields, if it has one.
fn field_order(found: &Value, stream: u64) -> Option<&str> {
    found["streams"].as_array()?.iter().find(|other| other["index"] == stream)?["field_order"].as_str()
}

/// Whether most frames are two fields, from a line for each that begins with 1 if it is.
fn has_fields(lines: &str) -> bool {
    let frames = || lines.lines().filter(|line| line.starts_with(['0', '1']));
    2 * frames().filter(|line| line.starts_with('1')).count() > frames().count()
}

/// The nominal and the mean frame rate of a stream. The nominal rate of an interlaced one may be that of its fields.
fn rates(found: &Value, stream: u64) -> (Option<Rate>, Option<Rate>) {
    let streams = found["streams"].as_array().into_iter().flatten();
    let of = |name: &str| Rate::read(streams.clone().find(|other| other["index"] == stream)?[name].as_str()?);
    (of("r_frame_rate"), of("avg_frame_rate"))
}

/// The constant rate that a video is converted to: its nominal one, or the mean if they are far apart.
fn rate(rates: (Option<Rate>, Option<Rate>)) -> Option<Rate> {
    match rates {
        (Some(nominal), Some(mean)) => Some(if is_same(nominal, mean) { nominal } else { mean }),
        (nominal, mean) => mean.or(nominal),
    }
}

/// The constant rate for a video whose rate varies: the lowest one that loses no frame, or the highest of all. None if it
/// is the nominal one.
fn constant_rate(packets: &[(f64, f64)], rates: (Option<Rate>, Option<Rate>)) -> Option<Rate> {
    let (Some(nominal), Some(mean)) = rates else { return None };
    let mut times: Vec<f64> = packets.iter().map(|packet| packet.0).collect();
    times.sort_by(f64::total_cmp);
    let start = times.first()?;
    let slot = |at: f64, rate: Rate| (at - start) * rate.per_second();
    let keeps = |rate: Rate, lost_part: f64| {
        // A short part in motion counts by itself.
        times.chunk_by(|a, b| (a - start).floor() == (b - start).floor()).all(|second| {
            let lost = second.windows(2).filter(|pair| slot(pair[0], rate).round() == slot(pair[1], rate).round());
            lost.count() as f64 <= lost_part * second.len() as f64
        })
    };
    if times.len() < 2 || is_same(nominal, mean) && keeps(nominal, LOST_OF_NOMINAL) {
        return None;
    }
    let highest = RATES[RATES.len() - 1];
    let is_usable = |rate: &Rate| rate.per_second() <= highest.per_second();
    let is_on_grid = |at: &f64| (slot(*at, nominal) - slot(*at, nominal).round()).abs() <= OFF_GRID;
    let lost_part = if is_usable(&nominal) && times.iter().all(is_on_grid) { 0.0 } else { LOST_OF_OTHERS };
    let usual = RATES.into_iter().filter(|usual| !is_same(*usual, nominal) && !is_same(*usual, mean));
    let mut rates: Vec<Rate> = usual.chain([mean, nominal].into_iter().filter(is_usable)).collect();
    rates.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
    let mut higher = rates.into_iter().filter(|rate| rate.per_second() >= mean.per_second());
    higher.find(|rate| keeps(*rate, lost_part)).or(Some(highest))
}

fn is_same(a: Rate, b: Rate) -> bool {
    (a.per_second() / b.per_second() - 1.0).abs() <= SAME_RATE
}

/// Whether ffmpeg's name of a pixel format is one with transparency.
fn has_alpha(format: &str) -> bool {
    ["rgba", "bgra", "argb", "abgr", "yuva", "gbrap", "ya8", "ya16", "pal8"].iter().any(|name| format.starts_with(name))
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
        for (more, alpha, decoder) in [
            (json!({ "pix_fmt": "yuva444p10le" }), true, None),
            (json!({ "pix_fmt": "argb" }), true, None),
            (
                json!({ "pix_fmt": "yuv420p", "codec_name": "vp9", "tags": { "alpha_mode": "1" } }),
                true,
                Some("libvpx-vp9"),
            ),
            (json!({ "pix_fmt": "yuv420p", "field_order": "progressive" }), false, None),
        ] {
            let video = read(&listing(more)).unwrap();
            assert_eq!((video.alpha, video.decoder, video.interlaced), (alpha, decoder, false));
        }
        assert!(read(&listing(json!({ "field_order": "tt" }))).unwrap().interlaced);
        assert!(has_fields("1\n1,\n0\n\n") && !has_fields("1\n0\n") && !has_fields(""));
    }

    #[test]
    fn the_grid_begins_with_the_first_frame() {
        let mut video = read(&listing(json!({ "r_frame_rate": "25/1", "avg_frame_rate": "25/1" }))).unwrap();
        for (late, start) in [(0.0, 0.0), (0.021, 0.021), (0.04, 0.0), (0.05, 0.01), (0.4999, 0.0199)] {
            video.late = late;
            assert!((video.grid_start() - start).abs() < 1e-9, "{late}: {}", video.grid_start());
        }
        let mut found = listing(json!({}));
        found["format"] = json!({ "start_time": "0.25" });
        assert_eq!(read(&found).unwrap().late, 0.25);
    }

    #[test]
    fn a_variable_rate_loses_no_frame() {
        let at = |times: &[f64]| times.iter().map(|&at| (at, 0.0)).collect::<Vec<_>>();
        let rate = |nominal, mean, times: &[f64]| constant_rate(&at(times), (Some(nominal), Some(mean)));
        // A second in motion between two that stand still, in whole milliseconds.
        for (fps, nominal) in [(30.0, Rate(30, 1)), (25.0, Rate(1000, 1)), (60.0, Rate(90_000, 1))] {
            let moving = (0..fps as u32).map(|frame| 1.0 + (1000.0 * f64::from(frame) / fps).round() / 1000.0);
            let times: Vec<f64> = [0.0].into_iter().chain(moving).chain([3.0]).collect();
            let found = rate(nominal, Rate(10, 1), &times).unwrap();
            assert_eq!(found.per_second(), fps);
        }
        // However short the motion is.
        let still = (0..1800).map(|frame| f64::from(frame) / 30.0);
        let times: Vec<f64> = still.chain((0..60).map(|frame| 60.0 + f64::from(frame) / 60.0)).collect();
        for (nominal, mean) in
            [(Rate(60, 1), Rate(1860, 61)), (Rate(30, 1), Rate(1860, 61)), (Rate(30, 1), Rate(301, 10))]
        {
            assert_eq!(rate(nominal, mean, &times), Some(Rate(60, 1)), "{nominal} {mean}");
        }
        let fast: Vec<f64> = [0.0].into_iter().chain((0..240).map(|frame| 9.0 + f64::from(frame) / 240.0)).collect();
        assert_eq!(rate(Rate(240, 1), Rate(24, 1), &fast), Some(Rate(120, 1)));
        // Fields are not frames, and times that agree with the nominal rate need no search.
        let frames: Vec<f64> = (0..50).map(|frame| f64::from(frame) / 25.0).collect();
        assert_eq!(rate(Rate(50, 1), Rate(25, 1), &frames), Some(Rate(25, 1)));
        assert_eq!(rate(Rate(30_000, 1001), Rate(2997, 100), &frames), None);
    }

    #[test]
    fn lengths_are_added_up() {
        let video = read(&listing(json!({ "duration": null, "tags": { "DURATION": "00:01:00.5" } }))).unwrap();
        assert_eq!(video.seconds, Some(60.0));
        assert_eq!(seconds(&packets_of("0.5,0.4,0.1\n0.9,N/A,0.2\nN/A,0.7,N/A\n\n", 0.05)), Some(1.1 - 0.5));
        assert_eq!(seconds(&packets_of("N/A,N/A,N/A\n", 0.1)), None);
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
