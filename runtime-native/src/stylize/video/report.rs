//! Reports on a video: JSON lines on stdout if they are wanted, and a summary on stderr.

use serde_json::json;

use super::super::jobs::Job;
use super::super::models::ModelSummary;
use super::super::plan::StylizePlan;
use super::super::report::{JsonLines, about};
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
    pub models: ModelSummary,
    /// What the result lacks or has been converted.
    pub notes: Vec<String>,
}

/// Reports a result that was written.
pub(super) fn done(plan: &StylizePlan, lines: &mut JsonLines, job: &Job, video: &StyledVideo) {
    let StyledVideo { width, height, frames, tiles, frames_per_second, flicker, models, notes } = video;
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
    lines.print(&json!({ "summary": {
        "done": 1, "skipped": 0, "failed": 0, "ms": ms, "models": models.titles, "engine": models.engine,
    }}));
    let rate = *frames as f64 / seconds;
    eprintln!("wrote {frames} frames to {} in {seconds:.1} s, {rate:.1}/s", job.output.display());
    if let Some((result, video)) = flicker.levels() {
        let percent = 100.0 * flicker.share();
        let hint = if plan.steady { "" } else { "; --steady reduces it" };
        eprintln!(
            "flicker: {result:.2} levels of 255 in the {percent:.0} % that hardly change, in the video itself {video:.2}{hint}"
        );
    }
}

/// Reports a result that exists already.
pub(super) fn skipped(lines: &mut JsonLines, job: &Job) {
    let ms = lines.ms();
    lines.print(&about(job, "skipped"));
    lines.print(&json!({ "summary": { "done": 0, "skipped": 1, "failed": 0, "ms": ms } }));
    eprintln!("{}: it exists already; skipped", job.output.display());
}

/// Reports an error.
pub(super) fn failed(plan: &StylizePlan, lines: &mut JsonLines, error: &Error) {
    let (error, ms) = (error.to_string(), lines.ms());
    let (input, output) = (plan.inputs[0].to_string_lossy(), plan.destination.describe());
    lines.print(&json!({ "input": input, "output": output, "status": "failed", "error": error }));
    lines.print(&json!({ "summary": { "done": 0, "failed": 1, "ms": ms, "error": error } }));
}
