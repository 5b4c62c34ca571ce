//! Reports on the work: JSON lines on stdout if they are wanted, errors and progress on stderr.

use std::collections::BTreeMap;
use std::mem;
use std::path::Path;
use std::time::{Duration, Instant};

use easel_console::interrupt::quit;
use easel_console::{Results, tell};
use serde_json::{Value, json};

use super::inputs::ignoring_case;
use super::interrupt::INTERRUPTED;
use super::jobs::{Job, Jobs};
use super::models::{ModelNames, RESIZED};
use super::outcome::{Event, Failure, Outcome, Success};
use super::plan::StylizePlan;
use crate::cli::Progress;
use crate::error::{Error, Incomplete, Result, printed, wrote_pictures};
use crate::left_out::{self, LeftOut};

/// JSON lines on stdout, if they are wanted. If they cannot be written, the work goes on.
pub(super) struct JsonLines {
    started: Instant,
    results: Option<Results>,
}

/// What became of all pictures, or of the video: the last line.
#[derive(Default)]
pub(super) struct Summary<'a> {
    pub done: usize,
    pub skipped: usize,
    pub failed: usize,
    /// Not begun, or not finished.
    pub left: usize,
    /// Files in folders that are not pictures.
    pub left_out: &'a [LeftOut],
    /// How long no model ran between the first and the last picture or frame.
    pub idle: Duration,
    /// Empty if an error came before.
    pub models: ModelNames,
    /// Why the run ended before its end.
    pub error: Option<String>,
}

impl JsonLines {
    pub fn new(plan: &StylizePlan) -> Self {
        Self { started: Instant::now(), results: plan.json.then(Results::new) }
    }

    /// How long the work takes so far.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same in milliseconds.
    pub fn ms(&self) -> u64 {
        self.elapsed().as_millis() as u64
    }

    /// Prints a line.
    pub fn print(&mut self, line: &Value) {
        self.results.iter_mut().for_each(|results| results.line(line));
    }

    /// Prints the last line.
    pub fn summary(&mut self, summary: Summary) {
        let Summary { done, skipped, failed, left, left_out, idle, models, error } = summary;
        let ms = self.ms();
        self.print(&json!({ "summary": {
            "done": done, "skipped": skipped, "failed": failed, "left": left,
            "left_out": left_out::counts(left_out), "ms": ms, "idle_ms": idle.as_millis() as u64, "models": models.titles,
            "engine": models.engine.as_ref().map(|engine| &engine.description),
            "engine_name": models.engine.as_ref().map(|engine| engine.name), "error": error,
        }}));
    }

    /// Fails if a line could not be written.
    pub fn finish(&mut self) -> Result<()> {
        printed(self.results.as_mut().map_or(Ok(()), Results::finish))
    }
}

/// Ends the program at a Ctrl-C before the first picture or frame.
pub(super) fn interrupted_early(plan: &StylizePlan) -> impl FnOnce() + Send + 'static {
    let mut lines = JsonLines::new(plan);
    move || {
        lines.summary(Summary { error: Some(INTERRUPTED.into()), ..Summary::default() });
        tell!("{INTERRUPTED}; nothing was written");
        quit();
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
    models: ModelNames,
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
            models: ModelNames::default(),
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
        self.lines.summary(Summary { error: Some(error.to_string()), ..Summary::default() });
    }

    /// Reports what is not worked on, and begins to count the rest.
    pub fn begin(&mut self, jobs: &Jobs, models: ModelNames) {
        self.models = models;
        for link in &jobs.loops {
            let link = link.display();
            self.progress.say(&format!("note: {link}: a link to a folder that was searched already; skipped"));
        }
        if let [(result, source), ..] = &jobs.beside[..] {
            self.progress.say(&format!(
                "note: {}: taken for the result of {}, of an earlier run ({} of this kind); if it is a picture of its own, give \
                 another -o",
                result.display(),
                source.display(),
                jobs.beside.len()
            ));
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

    /// Takes in what happened. Ctrl-C ends the process.
    pub fn on_event(&mut self, jobs: &Jobs, event: Event) {
        match event {
            Event::Interrupted => {
                let Incomplete { written, left, output, .. } = self.end(jobs, Duration::ZERO, Some(INTERRUPTED));
                let wrote = wrote_pictures(written, 0, &output);
                let hint = if jobs.len() > 1 { "; --skip-existing resumes" } else { "" };
                tell!("{INTERRUPTED}; {wrote}, {left} left{hint}");
                quit();
            }
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
                    self.report(&jobs.to_do[self.next], outcome);
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
    pub fn finish(mut self, jobs: &Jobs, idle: Duration) -> Result<()> {
        let end = self.end(jobs, idle, None);
        if end.left > 0 || end.failed > 0 {
            return Err(Error::Incomplete(end));
        }
        let Incomplete { written, skipped, output, .. } = end;
        let seconds = self.lines.elapsed().as_secs_f64();
        let rate = if written > 1 { format!(", {:.1}/s", written as f64 / seconds) } else { String::new() };
        let left_out = match jobs.left_out.len() {
            0 => String::new(),
            1 => ", 1 file left out".into(),
            count => format!(", {count} files left out"),
        };
        tell!("{}{left_out} in {seconds:.1} s{rate}", wrote_pictures(written, skipped, &output));
        self.lines.finish()
    }

    /// Prints the lines of all remaining jobs and the last one, and gives the counts.
    fn end(&mut self, jobs: &Jobs, idle: Duration, error: Option<&str>) -> Incomplete {
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
        let (models, error) = (mem::take(&mut self.models), error.map(str::to_string));
        let left_out = &jobs.left_out[..];
        self.lines.summary(Summary { done: written, skipped, failed, left, left_out, idle, models, error });
        Incomplete { total, written, skipped, failed, left, output }
    }
}
