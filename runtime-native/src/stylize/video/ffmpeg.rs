//! How the programs ffmpeg and ffprobe are started, and what they print.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// ffmpeg's version if it is installed, and ffprobe too.
pub(in crate::stylize) fn version() -> Option<String> {
    let run = |program| command(program).arg("-version").output().ok().filter(|output| output.status.success());
    let output = run("ffprobe").and(run("ffmpeg"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split(" Copyright").next().unwrap_or_default().trim().to_string())
}

/// A command for one of the programs, in a process group of its own: Ctrl-C interrupts this program, which then ends it.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// A path as a URL that ffmpeg takes for a file whatever its name is.
pub(super) fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Why one of the programs cannot be run.
pub(super) fn unusable(video: &Path, error: &io::Error) -> Error {
    let path = video.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => Error::FfmpegMissing { path },
        _ => Error::Video { path, reason: format!("ffmpeg cannot be run: {error}") },
    }
}

/// The first line that one of the programs printed, without addresses and the file's name.
pub(super) fn reason(printed: &str, path: &Path) -> String {
    let line = printed.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it ended without a message");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line() {
        let path = Path::new("a b.mp4");
        for (printed, wanted) in [
            (
                "[mov,mp4 @ 0x55f0] moov atom not found\nfile:a b.mp4: Invalid data found\n",
                "ffmpeg: moov atom not found",
            ),
            ("\nfile:a b.mp4: Permission denied\n", "ffmpeg: Permission denied"),
            ("", "ffmpeg: it ended without a message"),
        ] {
            assert_eq!(reason(printed, path), wanted);
        }
    }
}
