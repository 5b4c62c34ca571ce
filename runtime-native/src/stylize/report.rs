//! What is said of the work: lines on stdout where they are wanted, errors and progress on stderr.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::jobs::{Job, Jobs};
use super::lane::Told;
use super::plan::Plan;
use super::run::Opened;
use crate::cli::Progress;
use crate::{Error, Result};

/// What is said once of a model that takes another size than the picture's.
pub(super) const RESIZED: &str =
    "note: the model takes pictures of one size only: others are brought to it and back, and lose detail";

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is about the picture, which the text does not name.
    Input(String),
    /// It is about the result, which the text names.
    Output(String),
    /// So is this, and no other result can be written either.
    Full(String),
}

/// What became of a picture.
#[derive(Debug)]
pub(super) struct Done {
    pub width: usize,
    pub height: usize,
    /// The pictures of an animation, else 1.
    pub frames: usize,
    pub told: Told,
    /// What the models took.
    pub took: Duration,
}

/// Counts, and tells in the order of the jobs what became of them.
pub(super) struct Report<'a> {
    plan: &'a Plan,
    started: Instant,
    /// Whether lines go to stdout.
    shown: bool,
    progress: Progress,
    /// A single picture's progress is that of its tiles.
    single: bool,
    noted: bool,
    done: usize,
    failed: usize,
    /// Ended, while one before them is not.
    waiting: BTreeMap<usize, Result<Done, Failure>>,
    next: usize,
}

impl<'a> Report<'a> {
    pub fn new(plan: &'a Plan, started: Instant) -> Self {
        Self {
            plan,
            started,
            shown: plan.json,
            progress: Progress::new(0, ""),
            single: false,
            noted: false,
            done: 0,
            failed: 0,
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// An error that came before the first picture.
    pub fn stopped(&mut self, error: &Error) {
        let ms = self.started.elapsed().as_millis() as u64;
        self.print(&json!({ "summary": { "done": 0, "ms": ms, "error": error.to_string() } }));
    }

    /// Tells what is not worked on, and begins to count the rest.
    pub fn begin(&mut self, jobs: &Jobs) {
        for link in &jobs.loops {
            self.progress.say(&format!(
                "note: {}: a link to a folder that was looked through already; left out",
                link.display()
            ));
        }
        for (path, why) in &jobs.failed {
            self.fail(path, None, &Failure::Input(why.clone()));
        }
        for job in &jobs.skipped {
            self.print(&about(job, "skipped"));
        }
        self.single = jobs.to_do.len() == 1;
        if !self.single {
            self.progress = Progress::new(jobs.to_do.len() as u64, "pictures");
        }
    }

    /// So many tiles of so many are done.
    pub fn tiles(&mut self, done: usize, of: usize) {
        if !self.single {
            return;
        }
        if done <= 1 {
            self.progress = Progress::new(of as u64, "tiles");
        }
        self.progress.reach(done as u64);
    }

    /// A job ended.
    pub fn end(&mut self, jobs: &[Job], index: usize, ended: Result<Done, Failure>) {
        self.waiting.insert(index, ended);
        if !self.single {
            self.progress.advance(1);
        }
        while let Some(ended) = self.waiting.remove(&self.next) {
            self.tell(&jobs[self.next], ended);
            self.next += 1;
        }
    }

    fn tell(&mut self, job: &Job, ended: Result<Done, Failure>) {
        let done = match ended {
            Ok(done) => done,
            Err(failure) => return self.fail(&job.input, Some(job), &failure),
        };
        self.done += 1;
        let Done { width, height, frames, told, took } = done;
        if let Some(warning) = &told.warning {
            self.progress.say(&format!("warning: {}: {warning}", job.input.display()));
        }
        if told.resized && !self.noted {
            self.progress.say(RESIZED);
            self.noted = true;
        }
        let mut line = about(job, "done");
        line["width"] = json!(width);
        line["height"] = json!(height);
        if frames > 1 {
            line["frames"] = json!(frames);
        }
        line["tiles"] = json!(told.tiles);
        line["memory"] = json!(told.memory);
        line["ms"] = json!(took.as_millis() as u64);
        self.print(&line);
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
        self.print(&json!({ "input": input, "output": output, "status": "failed", "error": why }));
    }

    /// Says how it went. `idle` is how long no model ran between the first and the last picture.
    pub fn finish(mut self, jobs: &Jobs, opened: &Opened, idle: Duration) -> Result<()> {
        // Where the work was given up, some have no end.
        for (index, job) in jobs.to_do.iter().enumerate().skip(self.next) {
            match self.waiting.remove(&index) {
                Some(ended) => self.tell(job, ended),
                None => self.print(&about(job, "left")),
            }
        }
        self.progress = Progress::new(0, "");
        let (skipped, failed, took) = (jobs.skipped.len(), self.failed, self.started.elapsed());
        let left = jobs.len() - self.done - skipped - failed;
        self.print(&json!({ "summary": {
            "done": self.done, "skipped": skipped, "failed": failed, "ms": took.as_millis() as u64,
            "idle_ms": idle.as_millis() as u64, "models": opened.titles, "engine": opened.engine,
        }}));
        let plural = if self.done == 1 { "" } else { "s" };
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        let wrote = format!("wrote {} picture{plural} to {}{skipped}", self.done, self.plan.target.describe());
        if left > 0 {
            return Err(Error::Impossible(format!(
                "{left} of {} pictures were not begun, see above; {wrote}; --skip-existing goes on",
                jobs.len()
            )));
        }
        if failed > 0 {
            return Err(Error::Impossible(format!("{failed} of {} pictures failed, see above; {wrote}", jobs.len())));
        }
        let rate = if self.done > 1 { format!(", {:.1}/s", self.done as f64 / took.as_secs_f64()) } else { "".into() };
        eprintln!("{wrote} in {:.1} s{rate}", took.as_secs_f64());
        Ok(())
    }

    /// A line on stdout. Where nobody reads any more, the pictures are done all the same.
    fn print(&mut self, line: &Value) {
        if self.shown && writeln!(io::stdout(), "{line}").is_err() {
            self.shown = false;
        }
    }
}

fn about(job: &Job, status: &str) -> Value {
    json!({ "input": job.input.to_string_lossy(), "output": job.output.to_string_lossy(), "status": status })
}
