//! The work of `stylize`.

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use easel_runtime::Engine;
use serde_json::{Value, json};

use super::guard::Guard;
use super::jobs::{self, Job, Jobs};
use super::memory::tiling;
use super::model::{self, Stylizer};
use super::photo::Photo;
use super::{Plan, TileSize};
use crate::cli::{self, Progress};
use crate::{Error, Result, find_model};

/// Stylizes the pictures one by one. One that fails is reported in its place and fails the whole at the end.
pub fn run(plan: &Plan) -> Result<()> {
    let started = Instant::now();
    let mut report = Report { shown: plan.json, ..Report::default() };
    let (jobs, mut stylizer, guard) = prepare(plan).inspect_err(|error| report.stopped(error, started))?;
    cli::announce(&stylizer.engine);
    if stylizer.guessed_range && stylizer.range_looks_wrong().unwrap_or(false) {
        eprintln!(
            "hint: what this model gives is far outside 0..1, so results may be black and white; try --range 0..255"
        );
    }
    if let (false, TileSize::Pixels(_)) = (stylizer.fit.is_free(), plan.tile) {
        eprintln!("note: --tile does not apply: the model takes pictures of one size only");
    }

    for (path, why) in &jobs.failed {
        report.failed(path, None, &Failure::Input(why.clone()), &Progress::new(0, ""));
    }
    for job in &jobs.skipped {
        report.skipped(job);
    }
    let mut work = Work { plan, stylizer: &mut stylizer, guard: &guard, noted: false };
    let single = jobs.to_do.len() == 1;
    let mut pictures = Progress::new(jobs.to_do.len() as u64, "pictures");
    for job in &jobs.to_do {
        let began = Instant::now();
        match work.picture(job, single, &mut pictures) {
            Ok(done) => report.done(job, &done, began),
            Err(failure) => report.failed(&job.input, Some(job), &failure, &pictures),
        }
        if !single {
            pictures.advance(1);
        }
    }
    drop(pictures);
    report.finish(plan, &jobs, &stylizer, started)
}

/// All that can stop the whole.
fn prepare(plan: &Plan) -> Result<(Jobs, Stylizer, Guard)> {
    let jobs = jobs::collect(plan)?;
    let path = find_model(&plan.model)?;
    let stylizer = Stylizer::open(&path, plan.range, plan.bgr, &plan.options)?;
    Ok((jobs, stylizer, Guard::new(plan.output.prepare()?)))
}

/// Why there is no result.
enum Failure {
    /// It is about the picture, which the text does not name.
    Input(String),
    /// It is about the result, which the text names.
    Output(String),
}

/// What became of a picture.
struct Done {
    width: usize,
    height: usize,
    tiles: usize,
}

struct Work<'a> {
    plan: &'a Plan,
    stylizer: &'a mut Stylizer,
    guard: &'a Guard,
    /// Whether what is said once was said.
    noted: bool,
}

impl Work<'_> {
    fn picture(&mut self, job: &Job, single: bool, progress: &mut Progress) -> Result<Done, Failure> {
        let photo = Photo::open(&job.input, self.plan.max_size).map_err(Failure::Input)?;
        let (width, height) = (photo.rgb.width, photo.rgb.height);
        let (tiles, thumbnail) = if !self.stylizer.fit.is_free() {
            if !self.stylizer.fit.fits(width, height) {
                self.note(progress);
            }
            (model::whole(&photo.rgb), 0)
        } else {
            let tiling = tiling(self.stylizer, width, height, self.plan.tile);
            if let Some(warning) = &tiling.warning {
                progress.say(&format!("warning: {}: {warning}", job.input.display()));
            }
            (tiling.tiles, tiling.thumbnail)
        };
        if single {
            *progress = Progress::new(tiles.len() as u64, "tiles");
        }
        let advance = |_| {
            if single {
                progress.advance(1)
            }
        };
        let stylized = self
            .stylizer
            .run(&photo.rgb, &tiles, thumbnail, self.plan.look, advance)
            .map_err(|error| Failure::Input(error.to_string()))?;
        let bytes = Photo { rgb: stylized, ..photo }
            .encode(job.format, self.plan.quality)
            .map_err(|error| Failure::Output(format!("{}: cannot write: {error}", job.output.display())))?;
        self.guard.write(&job.output, &bytes).map_err(|error| Failure::Output(error.to_string()))?;
        Ok(Done { width, height, tiles: tiles.len() })
    }

    fn note(&mut self, progress: &Progress) {
        if !self.noted {
            let text = "the model takes pictures of one size only: others are brought to it and back, and lose detail";
            progress.say(&format!("note: {text}"));
            self.noted = true;
        }
    }
}

/// Counts, and tells on stdout where that is wanted.
#[derive(Default)]
struct Report {
    shown: bool,
    done: usize,
    failed: usize,
}

impl Report {
    fn done(&mut self, job: &Job, done: &Done, began: Instant) {
        self.done += 1;
        let Done { width, height, tiles } = done;
        let mut line = about(job, "done");
        line["width"] = json!(width);
        line["height"] = json!(height);
        line["tiles"] = json!(tiles);
        line["ms"] = json!(began.elapsed().as_millis() as u64);
        self.print(&line);
    }

    fn skipped(&mut self, job: &Job) {
        self.print(&about(job, "skipped"));
    }

    fn failed(&mut self, input: &Path, job: Option<&Job>, failure: &Failure, progress: &Progress) {
        self.failed += 1;
        let why = match failure {
            Failure::Input(why) => {
                progress.say(&format!("error: {}: {why}", input.display()));
                why
            }
            Failure::Output(why) => {
                progress.say(&format!("error: {why}"));
                why
            }
        };
        let input = input.to_string_lossy();
        let output = job.map(|job| job.output.to_string_lossy());
        self.print(&json!({ "input": input, "output": output, "status": "failed", "error": why }));
    }

    /// An error that came before the first picture.
    fn stopped(&mut self, error: &Error, started: Instant) {
        let ms = started.elapsed().as_millis() as u64;
        self.print(&json!({ "summary": { "done": 0, "ms": ms, "error": error.to_string() } }));
    }

    /// Says how it went.
    fn finish(mut self, plan: &Plan, jobs: &Jobs, stylizer: &Stylizer, started: Instant) -> Result<()> {
        let (skipped, failed, took) = (jobs.skipped.len(), self.failed, started.elapsed());
        self.print(&json!({ "summary": {
            "done": self.done, "skipped": skipped, "failed": failed, "ms": took.as_millis() as u64,
            "model": stylizer.title, "engine": stylizer.engine.describe(),
        }}));
        let plural = if self.done == 1 { "" } else { "s" };
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        let wrote = format!("wrote {} picture{plural} to {}{skipped}", self.done, plan.output.path().display());
        if failed > 0 {
            return Err(Error::Impossible(format!("{failed} of {} pictures failed, see above; {wrote}", jobs.len())));
        }
        eprintln!("{wrote} in {:.1} s", took.as_secs_f64());
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
