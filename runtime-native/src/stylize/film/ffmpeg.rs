//! The programs ffmpeg and ffprobe: how they are called, and what they say.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::container::Container;
use super::probe::{Film, usual_matrix};
use crate::Error;

/// How ffmpeg brings colours from one form to the other: to the nearest, and chroma in full.
const CONVERSION: &str = "flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp";

/// What to install.
pub(in crate::stylize) const GET: &str = "apt-get install ffmpeg (or brew install ffmpeg)";

/// One of the programs, deaf to this one's terminal: Ctrl-C is for this one, which then ends it.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// A path as ffmpeg takes it for a file, whatever its name is.
pub(super) fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Why one of the programs did not start.
pub(super) fn not_started(film: &Path, error: &io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::NotFound => format!("films need ffmpeg, which is not installed; {GET}"),
        _ => format!("ffmpeg does not start: {error}"),
    };
    Error::Impossible(format!("{}: {what}", film.display()))
}

/// The first thing that one of the programs said, without its own addresses and the file's name.
pub(super) fn reason(said: &str, path: &Path) -> String {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it ended without a word");
    let mut what = line;
    while let Some((_, rest)) = what.strip_prefix('[').and_then(|inside| inside.split_once("] ")) {
        what = rest;
    }
    let name = path.display().to_string();
    for prefix in ["file:", &name, ": "] {
        what = what.strip_prefix(prefix).unwrap_or(what);
    }
    format!("ffmpeg: {}", what.trim_end_matches('.'))
}

/// ffmpeg, writing a film's frames to standard output: RGB, rows from the top, at a constant rate and in a given size.
/// Where the pictures begin after the sound, it repeats the first.
pub(super) fn decoder(path: &Path, film: &Film, size: (usize, usize)) -> Command {
    let (width, height) = size;
    let matrix = film.matrix.is_none().then(|| format!(":in_color_matrix={}", usual_matrix(film.width, film.height)));
    let matrix = matrix.unwrap_or_default();
    // The size as it is, less a column or row that makes it odd, or a smaller one.
    let filters = match (film.width - width, film.height - height) {
        (0 | 1, 0 | 1) => format!("crop={width}:{height}:0:0,scale={CONVERSION}{matrix}"),
        _ => format!("scale={width}:{height}:{CONVERSION}{matrix}"),
    };
    let mut ffmpeg = command("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(file(path));
    ffmpeg.args(["-map", &format!("0:{}", film.stream), "-vf", &format!("fps={},{filters}", film.rate)]);
    ffmpeg.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
    ffmpeg
}

/// ffmpeg, making a film file of such frames on standard input and of what is beside the pictures in the first film; with
/// its `metadata` and chapters, or without.
pub(super) fn encoder(
    path: &Path,
    film: &Film,
    (width, height): (usize, usize),
    output: &OsStr,
    container: Container,
    quality: u8,
    metadata: bool,
) -> Command {
    let matrix = usual_matrix(width, height);
    let mut ffmpeg = command("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
    ffmpeg.args(["-video_size", &format!("{width}x{height}"), "-framerate", &film.rate.to_string()]);
    ffmpeg.args(["-i", "pipe:0", "-i"]).arg(file(path));
    ffmpeg.args(["-map", "0:v", "-map", "1:a?"]);
    ffmpeg.args(match metadata {
        true => &["-map_metadata", "1", "-map_chapters", "1"][..],
        false => &["-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"],
    });
    for (at, codec) in film.sound.iter().enumerate().filter(|(_, codec)| container.keeps_sound(codec)) {
        tracing::info!("the sound stays as it is: {codec}");
        ffmpeg.args([&format!("-c:a:{at}"), "copy"]);
    }
    let kept = film.subtitles.iter().enumerate().filter_map(|(at, codec)| Some((at, container.subtitles(codec)?)));
    for (place, (at, codec)) in kept.enumerate() {
        ffmpeg.args(["-map", &format!("1:s:{at}"), &format!("-c:s:{place}"), codec]);
    }
    let aspect = film.aspect.as_deref().unwrap_or("1:1").replace(':', "/");
    let filters = format!("scale={CONVERSION}:out_color_matrix={matrix}:out_range=tv,format=yuv420p,setsar={aspect}");
    ffmpeg.args(["-vf", &filters, "-colorspace", matrix, "-color_range", "tv"]);
    // Of these ffprobe tells other names than ffmpeg takes.
    let transfer = film.transfer.as_deref().map(|name| match name {
        "bt470m" => "gamma22",
        "bt470bg" => "gamma28",
        _ => name,
    });
    for (flag, told) in [("-color_primaries", film.primaries.as_deref()), ("-color_trc", transfer)] {
        if let Some(told) = told {
            ffmpeg.args([flag, told]);
        }
    }
    ffmpeg.args(container.video(quality)).args(["-f", container.muxer()]).arg(output);
    ffmpeg.stdin(Stdio::piped());
    ffmpeg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line() {
        let path = Path::new("a b.mp4");
        for (said, wanted) in [
            (
                "[mov,mp4 @ 0x55f0] moov atom not found\nfile:a b.mp4: Invalid data found\n",
                "ffmpeg: moov atom not found",
            ),
            ("\nfile:a b.mp4: Permission denied\n", "ffmpeg: Permission denied"),
            ("", "ffmpeg: it ended without a word"),
        ] {
            assert_eq!(reason(said, path), wanted);
        }
    }
}
