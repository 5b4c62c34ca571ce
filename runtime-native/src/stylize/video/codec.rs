//! The ffmpeg commands that decode and encode a video.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::container::Container;
use super::ffmpeg;
use super::probe::{VideoInfo, default_matrix};

/// How ffmpeg converts colours: rounded to the nearest value, with chroma interpolated in full.
const CONVERSION: &str = "flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp";

/// The light that a tone-mapped picture shows as white, in cd/m2, before highlights are compressed.
const PEAK: u32 = 100;

/// ffmpeg, decoding a video's frames to standard output: RGB or RGBA, rows from the top, at a constant rate and in a given
/// size. If the frames begin a frame or more after the sound, it repeats the first.
pub(super) fn decoder(path: &Path, video: &VideoInfo, size: (usize, usize)) -> Command {
    let (width, height) = size;
    let mut filters = vec![];
    if video.interlaced {
        filters.push("bwdif=mode=send_frame".into());
    }
    filters.push(format!("fps={}:start_time={:.6}", video.rate, video.grid_start()));
    if video.is_wide() {
        filters.push(to_bt709(video));
    }
    let matrix =
        video.matrix.is_none().then(|| format!(":in_color_matrix={}", default_matrix(video.width, video.height)));
    let matrix = matrix.unwrap_or_default();
    // The same size except for an odd column or row, or a smaller one.
    filters.push(match (video.width - width, video.height - height) {
        (0 | 1, 0 | 1) => format!("crop={width}:{height}:0:0,scale={CONVERSION}{matrix}"),
        _ => format!("scale={width}:{height}:{CONVERSION}{matrix}"),
    });
    let mut command = ffmpeg::command("ffmpeg");
    command.args(["-v", "error", "-nostdin"]);
    if let Some(decoder) = video.decoder {
        command.args(["-c:v", decoder]);
    }
    command.arg("-i").arg(ffmpeg::file(path));
    command.args(["-map", &format!("0:{}", video.stream), "-vf", &filters.join(",")]);
    let pixels = if video.alpha { "rgba" } else { "rgb24" };
    command.args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", pixels, "pipe:1"]);
    command
}

/// Filters that convert BT.2020 to BT.709. High dynamic range is mapped in linear light: mid-tones stay, highlights are
/// compressed.
fn to_bt709(video: &VideoInfo) -> String {
    let matrix = video.matrix.as_deref().unwrap_or("bt2020nc");
    let transfer = video.transfer.as_deref().unwrap_or("bt709");
    let input = format!("zscale=min={matrix}:pin=bt2020:tin={transfer}");
    let tone = if video.hdr().is_some() { "tonemap=mobius:desat=0," } else { "" };
    format!("{input}:t=linear:npl={PEAK},format=gbrpf32le,zscale=p=bt709,{tone}zscale=t=bt709,format=gbrp10le")
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
    let matrix = if video.is_wide() { "bt709" } else { default_matrix(width, height) };
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
    let aspect = video.aspect.as_deref().unwrap_or("1:1").replace(':', "/");
    let filters = format!("scale={CONVERSION}:out_color_matrix={matrix}:out_range=tv,format=yuv420p,setsar={aspect}");
    command.args(["-filter:v:0", &filters, "-colorspace", matrix, "-color_range", "tv"]);
    let (primaries, transfer) = match video.is_wide() {
        true => (Some("bt709"), Some("bt709")),
        false => (video.primaries.as_deref(), video.transfer.as_deref()),
    };
    // ffprobe and ffmpeg name these differently.
    let transfer = transfer.map(|name| match name {
        "bt470m" => "gamma22",
        "bt470bg" => "gamma28",
        _ => name,
    });
    for (option, value) in [("-color_primaries", primaries), ("-color_trc", transfer)] {
        if let Some(value) = value {
            command.args([option, value]);
        }
    }
    // The last option for a stream holds.
    command.args(container.video(quality)).args(video.extras.options(container, metadata));
    command.args(["-f", container.muxer()]).arg(output);
    command.stdin(Stdio::piped());
    command
}
