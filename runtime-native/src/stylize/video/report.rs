//! Reports on a video: JSON lines on stdout if they are wanted, and a summary on stderr.

use std::time::Duration;

use easel_console::interrupt::quit;
use easel_console::tell;
use serde_json::json;

use super::super::interrupt::INTERRUPTED;
use super::super::jobs::Job;
use super::super::models::ModelNames;
use super::super::plan::StylizePlan;
use super::super::report::{JsonLines, Summary, about};
use super::flicker::Flicker;
use crate::error::Error;

/// A video whose result was written.
pub(super) struct StyledVideo {
    pub width: usize,
    pub height: usize,
    pub frames: u64,
    /// The tiles of a frame.
    pub tiles: usize,
    pub frames_per_second: f64,
    pub flicker: Flicker,
    /// How long no model ran between the first and the last frame.
    pub idle: Duration,
    pub models: ModelNames,
    /// What the result lacks or has been converted.
    pub notes: Vec<String>,
}

/// Reports a result that was written.
pub(super) fn done(plan: &StylizePlan, lines: &mut JsonLines, job: &Job, video: &StyledVideo) {
    let StyledVideo { width, height, frames, tiles, frames_per_second, flicker, idle, models, notes } = video;
    let (seconds, ms) = (lines.elapsed().as_secs_f64(), lines.ms());
    let mut line = about(job, "done");
    for (key, value) in [
        ("width", json!(width)),
        ("height", json!(height)),
        ("frames", json!(frames)),
        ("fps", json!(frames_per_second)),
        ("tiles", json!(tiles)),
        ("ms", json!(ms)),
        ("flicker", flicker.to_json()),
        ("notes", json!(notes)),
    ] {
        line[key] = value;
    }
    lines.print(&line);
    lines.summary(Summary { done: 1, idle: *idle, models: models.clone(), ..Summary::default() });
    let rate = *frames as f64 / seconds;
    tell!("wrote {frames} frames to {} in {seconds:.1} s, {rate:.1}/s", job.output.display());
    if let Some((result, video)) = flicker.levels() {
        let percent = 100.0 * flicker.share();
        let hint = if plan.steady { "" } else { "; --steady reduces it" };
        tell!(
            "flicker: {result:.2} levels of 255 in the {percent:.0} % that hardly change, in the video itself {video:.2}{hint}"
        );
    }
}

/// Reports a result that exists already.
pub(super) fn skipped(lines: &mut JsonLines, job: &Job) {
    lines.print(&about(job, "skipped"));
    lines.summary(Summary { skipped: 1, ..Summary::default() });
    tell!("{}: it exists already; skipped", job.output.display());
}

/// Reports an error.
pub(super) fn failed(plan: &StylizePlan, lines: &mut JsonLines, error: &Error) {
    let error = error.to_string();
    let (input, output) = (plan.inputs[0].to_string_lossy(), plan.destination.describe());
    lines.print(&json!({ "input": input, "output": output, "status": "failed", "error": error }));
    lines.summary(Summary { failed: 1, error: Some(error), ..Summary::default() });
}

/// Ends the program at a Ctrl-C.
pub(super) fn interrupted(plan: &StylizePlan, job: &Job, models: ModelNames) -> impl FnOnce() + Send + 'static {
    let (mut lines, left) = (JsonLines::new(plan), about(job, "left"));
    move || {
        lines.print(&left);
        lines.summary(Summary { left: 1, models, error: Some(INTERRUPTED.into()), ..Summary::default() });
        tell!("{INTERRUPTED}; nothing was written");
        quit();
    }
}
