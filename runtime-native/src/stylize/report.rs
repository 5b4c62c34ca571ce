//! Reports on the work: JSON lines on stdout if they are wanted, errors and progress on stderr.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::inputs::ignoring_case;
use super::jobs::{Job, Jobs};
use super::models::{ModelSummary, RESIZED};
use super::outcome::{Event, Failure, Outcome, Success};
use super::plan::StylizePlan;
use crate::cli::Progress;
use crate::error::{Error, Incomplete, Result, wrote_pictures};
use crate::left_out;

/// JSON lines on stdout, if they are wanted.
pub(super) struct JsonLines {
    started: Instant,
    wanted: bool,
}

impl JsonLines {
    pub fn new(plan: &StylizePlan) -> Self {
        Self { started: Instant::now(), wanted: plan.json }
    }

    /// How long the work takes so far.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same in milliseconds.
    pub fn ms(&self) -> u64 {
        self.elapsed().as_millis() as u64
    }

    /// Prints a line. If nobody reads any more, the work goes on.
    pub fn print(&mut self, line: &Value) {
        if self.wanted && writeln!(io::stdout(), "{line}").is_err() {
            self.wanted = false;
        }
    }
}

/// A line about a job.
pub(super) fn about(job: &Job, status: &str) -> Value {
    json!({ "input": job.input.to_string_lossy(), "output": job.output.to_string_lossy(), "status": status })
}

/// Counts pictures and reports them in the order of the jobs.
pub(super) struct Report<'a> {
    plan: &'a StylizePlan,
    lines: JsonLines,
    progress: Progress,
    /// Whether there is a single picture, whose progress is that of its tiles.
    single: bool,
    /// Whether the note on resizing was printed.
    noted: bool,
    done: usize,
    failed: usize,
    /// Outcomes that wait for those of earlier jobs.
    waiting: BTreeMap<usize, Outcome>,
    next: usize,
}

impl<'a> Report<'a> {
    pub fn new(plan: &'a StylizePlan) -> Self {
        Self {
            plan,
            lines: JsonLines::new(plan),
            progress: Progress::new(0, ""),
            single: false,
            noted: false,
            done: 0,
            failed: 0,
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// Reports an error before the first picture.
    pub fn stopped(&mut self, error: &Error) {
        let ms = self.lines.ms();
        self.lines.print(&json!({ "summary": { "done": 0, "ms": ms, "error": error.to_string() } }));
    }

    /// Reports what is not worked on, and begins to count the rest.
    pub fn begin(&mut self, jobs: &Jobs) {
        for link in &jobs.loops {
            let link = link.display();
            self.progress.say(&format!("note: {link}: a link to a folder that was searched already; skipped"));
        }
        for (pattern, first, count) in &jobs.other_case {
            self.progress.say(&format!("note: {}: {}", pattern.display(), ignoring_case(first, *count)));
        }
        left_out::notes(&jobs.left_out).for_each(|note| self.progress.say(&note));
        for file in &jobs.left_out {
            let (input, reason) = (file.path.to_string_lossy(), file.to_string());
            self.lines.print(&json!({ "input": input, "output": null, "status": "left_out", "reason": reason }));
        }
        for (path, why) in &jobs.failed {
            self.fail(path, None, &Failure::Input(why.clone()));
        }
        for job in &jobs.skipped {
            self.lines.print(&about(job, "skipped"));
        }
        self.single = jobs.to_do.len() == 1;
        if !self.single {
            self.progress = Progress::new(jobs.to_do.len() as u64, "pictures");
        }
    }

    /// Takes in what happened.
    pub fn on_event(&mut self, jobs: &[Job], event: Event) {
        match event {
            Event::Tiles(done, of) if self.single => {
                if done <= 1 {
                    self.progress = Progress::new(of as u64, "tiles");
                }
                self.progress.reach(done as u64);
            }
            Event::Tiles(..) => {}
            Event::End(index, outcome) => {
                self.waiting.insert(index, outcome);
                if !self.single {
                    self.progress.advance(1);
                }
                while let Some(outcome) = self.waiting.remove(&self.next) {
                    self.report(&jobs[self.next], outcome);
                    self.next += 1;
                }
            }
        }
    }

    fn report(&mut self, job: &Job, outcome: Outcome) {
        let Success { width, height, frames, tiling, took } = match outcome {
            Ok(success) => success,
            Err(failure) => return self.fail(&job.input, Some(job), &failure),
        };
        self.done += 1;
        if let Some(warning) = &tiling.warning {
            self.progress.say(&format!("warning: {}: {warning}", job.input.display()));
        }
        if tiling.resized && !self.noted {
            self.progress.say(RESIZED);
            self.noted = true;
        }
        let mut line = about(job, "done");
        line["width"] = json!(width);
        line["height"] = json!(height);
        if frames > 1 {
            line["frames"] = json!(frames);
        }
        line["tiles"] = json!(tiling.tiles);
        line["memory"] = json!(tiling.memory);
        line["ms"] = json!(took.as_millis() as u64);
        self.lines.print(&line);
    }

    fn fail(&mut self, input: &Path, job: Option<&Job>, failure: &Failure) {
        self.failed += 1;
        let why = match failure {
            Failure::Input(why) => {
                self.progress.say(&format!("error: {}: {why}", input.display()));
                why
            }
            Failure::Output(why) | Failure::Full(why) => {
                self.progress.say(&format!("error: {why}"));
                why
            }
        };
        let input = input.to_string_lossy();
        let output = job.map(|job| job.output.to_string_lossy());
        self.lines.print(&json!({ "input": input, "output": output, "status": "failed", "error": why }));
    }

    /// Reports the end. `idle` is how long no model ran between the first and the last picture.
    pub fn finish(mut self, jobs: &Jobs, models: &ModelSummary, idle: Duration) -> Result<()> {
        // If the work ended early, some jobs have no outcome.
        for (index, job) in jobs.to_do.iter().enumerate().skip(self.next) {
            match self.waiting.remove(&index) {
                Some(outcome) => self.report(job, outcome),
                None => self.lines.print(&about(job, "left")),
            }
        }
        self.progress = Progress::new(0, "");
        let (written, skipped, failed) = (self.done, jobs.skipped.len(), self.failed);
        let (total, output) = (jobs.len(), self.plan.destination.describe());
        let left = total - written - skipped - failed;
        let ms = self.lines.ms();
        self.lines.print(&json!({ "summary": {
            "done": written, "skipped": skipped, "failed": failed, "left_out": left_out::counts(&jobs.left_out), "ms": ms, "idle_ms": idle.as_millis() as u64,
            "models": models.titles, "engine": models.engine,
        }}));
        if left > 0 || failed > 0 {
            return Err(Error::Incomplete(Incomplete { total, written, skipped, failed, left, output }));
        }
        let seconds = self.lines.elapsed().as_secs_f64();
        let rate = if written > 1 { format!(", {:.1}/s", written as f64 / seconds) } else { String::new() };
        let left_out = match jobs.left_out.len() {
            0 => String::new(),
            1 => ", 1 file left out".into(),
            count => format!(", {count} files left out"),
        };
        eprintln!("{}{left_out} in {seconds:.1} s{rate}", wrote_pictures(written, skipped, &output));
        Ok(())
    }
}
