//! The ffmpeg commands that decode and encode a video.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::container::Container;
use super::ffmpeg;
use super::probe::{VideoInfo, default_matrix};

/// How ffmpeg converts colours: rounded to the nearest value, with chroma interpolated in full.
const CONVERSION: &str = "flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp";

/// ffmpeg, decoding a video's frames to standard output: RGB, rows from the top, at a constant rate and in a given size.
/// If the frames begin after the sound, it repeats the first.
pub(super) fn decoder(path: &Path, video: &VideoInfo, size: (usize, usize)) -> Command {
    let (width, height) = size;
    let matrix =
        video.matrix.is_none().then(|| format!(":in_color_matrix={}", default_matrix(video.width, video.height)));
    let matrix = matrix.unwrap_or_default();
    // The same size except for an odd column or row, or a smaller one.
    let filters = match (video.width - width, video.height - height) {
        (0 | 1, 0 | 1) => format!("crop={width}:{height}:0:0,scale={CONVERSION}{matrix}"),
        _ => format!("scale={width}:{height}:{CONVERSION}{matrix}"),
    };
    let mut command = ffmpeg::command("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(ffmpeg::file(path));
    command.args(["-map", &format!("0:{}", video.stream), "-vf", &format!("fps={},{filters}", video.rate)]);
    command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
    command
}

/// ffmpeg, encoding such frames from standard input, with the sound and subtitles of the source video, and with or without
/// its `metadata` and chapters.
pub(super) fn encoder(
    path: &Path,
    video: &VideoInfo,
    (width, height): (usize, usize),
    output: &OsStr,
    container: Container,
    quality: u8,
    metadata: bool,
) -> Command {
    let matrix = default_matrix(width, height);
    let mut command = ffmpeg::command("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
    command.args(["-video_size", &format!("{width}x{height}"), "-framerate", &video.rate.to_string()]);
    command.args(["-i", "pipe:0", "-i"]).arg(ffmpeg::file(path));
    command.args(["-map", "0:v", "-map", "1:a?"]);
    command.args(match metadata {
        true => &["-map_metadata", "1", "-map_chapters", "1"][..],
        false => &["-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"],
    });
    for (at, codec) in video.sound.iter().enumerate().filter(|(_, codec)| container.keeps_sound(codec)) {
        tracing::info!("the sound is copied: {codec}");
        command.args([&format!("-c:a:{at}"), "copy"]);
    }
    let kept = video.subtitles.iter().enumerate().filter_map(|(at, codec)| Some((at, container.subtitles(codec)?)));
    for (stream, (at, codec)) in kept.enumerate() {
        command.args(["-map", &format!("1:s:{at}"), &format!("-c:s:{stream}"), codec]);
    }
    let aspect = video.aspect.as_deref().unwrap_or("1:1").replace(':', "/");
    let filters = format!("scale={CONVERSION}:out_color_matrix={matrix}:out_range=tv,format=yuv420p,setsar={aspect}");
    command.args(["-vf", &filters, "-colorspace", matrix, "-color_range", "tv"]);
    // ffprobe and ffmpeg name these differently.
    let transfer = video.transfer.as_deref().map(|name| match name {
        "bt470m" => "gamma22",
        "bt470bg" => "gamma28",
        _ => name,
    });
    for (option, value) in [("-color_primaries", video.primaries.as_deref()), ("-color_trc", transfer)] {
        if let Some(value) = value {
            command.args([option, value]);
        }
    }
    command.args(container.video(quality)).args(["-f", container.muxer()]).arg(output);
    command.stdin(Stdio::piped());
    command
}
