//! Runs the plan of `stylize`.

use std::io::{IsTerminal, stdout};

use easel_console::interrupt::on_interrupt;
use easel_files::remove_abandoned;

use super::jobs::{self, Jobs};
use super::models::{StyleModel, open_all};
use super::pipeline::{self, MemoryBudget};
use super::plan::{Destination, StylizePlan};
use super::report::{Report, interrupted_early};
use super::semaphore::Semaphore;
use super::tiling::PROGRAM;
use super::video;
use super::worker::Worker;
use super::writer::ResultWriter;
use crate::cli;
use crate::error::{Error, Result};
use crate::memory::free_bytes;
use crate::output::Prepared;

/// Stylizes the pictures, several at a time, or the video. A picture that fails is reported, and fails the run at the end.
pub fn run(plan: &StylizePlan) -> Result<()> {
    if let Destination::Video(_) = &plan.destination {
        return video::run(plan);
    }
    on_interrupt(interrupted_early(plan));
    let mut report = Report::new(plan);
    match prepare(plan) {
        Ok(prepared) => prepared.run(plan, report),
        Err(error) => {
            report.stopped(&error);
            Err(error)
        }
    }
}

/// The files of a run.
struct PreparedRun {
    jobs: Jobs,
    models: Vec<StyleModel>,
    writer: ResultWriter,
}

/// Does all that can end the run early, except opening models.
fn prepare(plan: &StylizePlan) -> Result<PreparedRun> {
    let jobs = jobs::collect(plan)?;
    let models = StyleModel::find_all(plan)?;
    if plan.destination == Destination::Standard && stdout().is_terminal() {
        return Err(Error::OutputIsTerminal);
    }
    let prepared = match &plan.destination {
        Destination::Standard | Destination::Video(_) => Prepared::default(),
        Destination::Pictures(output) => output.prepare()?,
    };
    let writer = ResultWriter::new(prepared);
    writer.on_interrupt(interrupted_early(plan));
    Ok(PreparedRun { jobs, models, writer })
}

impl PreparedRun {
    fn run(self, plan: &StylizePlan, mut report: Report) -> Result<()> {
        let Self { jobs, models: files, writer } = self;
        let threads = plan.engine.thread_count();
        // Several pictures with a thread each are faster than one with all, and have the same bits on every machine.
        let mut count = threads.min(jobs.to_do.len()).max(1);
        let mut first = Worker::new(plan, &files, threads / count);
        let models = open_all(plan, &mut first).inspect_err(|error| report.stopped(error))?;
        if models.on_device {
            count = 1;
        }
        models.names.engine.iter().for_each(|engine| cli::announce(engine, count, "pictures"));
        jobs.folders().into_iter().for_each(remove_abandoned);
        report.begin(&jobs, models.names);
        let mut workers = vec![first];
        workers.extend((1..count).map(|_| Worker::new(plan, &files, threads / count)));
        let (for_pictures, for_models) = match plan.tiling.memory {
            Some(limit) => (limit.saturating_sub(PROGRAM), usize::MAX),
            None => (free_bytes() / 8, free_bytes() / 8 * 3),
        };
        let budget = MemoryBudget {
            pictures: Semaphore::new(for_pictures),
            models: Semaphore::new(for_models),
            traits: models.traits,
        };
        let on_event = |event| report.on_event(&jobs, event);
        let idle = pipeline::run(plan, &jobs.to_do, workers, threads.div_ceil(2), &budget, &writer, on_event);
        report.finish(&jobs, idle)
    }
}
