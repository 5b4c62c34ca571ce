//! Stylizes a video.

use std::io::Write;
use std::path::Path;

use easel_console::interrupt::on_interrupt;
use easel_console::tell;
use easel_files::{AtomicFile, remove_abandoned};
use easel_runtime::resize::enlarge_smoothly;

use super::super::clock::Clock;
use super::super::jobs::{self, Job};
use super::super::models::{RESIZED, StyleModel, open_all};
use super::super::options::{StatisticsSource, TilingOptions};
use super::super::plan::StylizePlan;
use super::super::report::{JsonLines, interrupted_early};
use super::super::semaphore::Semaphore;
use super::super::tiling::{Footprint, ModelTraits, PROGRAM, Tiling, tiling};
use super::super::worker::Worker;
use super::container::Container;
use super::frames::{FrameFormat, Shared, StyledFrame};
use super::probe::{VideoInfo, probe};
use super::processes::Processes;
use super::report::StyledVideo;
use super::smoothing::StatisticsAverage;
use super::steady::FlickerFilter;
use super::{codec, ffmpeg, frames, report};
use crate::cli::{self, Progress};
use crate::error::{Error, Result, written};
use crate::memory::free_bytes;

/// The frames that a worker holds at most, results included, and those held elsewhere, of which the frame before has four
/// bytes per channel.
const FRAMES_PER_WORKER: usize = 6;
const FRAMES_ELSEWHERE: usize = 20;

/// Stylizes the plan's only input, a video.
pub(in crate::stylize) fn run(plan: &StylizePlan) -> Result<()> {
    on_interrupt(interrupted_early(plan));
    let mut lines = JsonLines::new(plan);
    stylize(plan, &mut lines).inspect_err(|error| report::failed(plan, &mut lines, error))?;
    lines.finish()
}

fn stylize(plan: &StylizePlan, lines: &mut JsonLines) -> Result<()> {
    let jobs = jobs::collect(plan)?;
    if let Some((path, reason)) = jobs.failed.into_iter().next() {
        return Err(Error::Video { path, reason });
    }
    for job in &jobs.skipped {
        report::skipped(lines, job);
    }
    for job in &jobs.to_do {
        report::done(plan, lines, job, &stylize_one(plan, job)?);
    }
    Ok(())
}

fn stylize_one(plan: &StylizePlan, job: &Job) -> Result<StyledVideo> {
    let (input, output) = (job.input.as_path(), job.output.as_path());
    let about_input = |error| Error::Input { path: input.to_owned(), source: Box::new(error) };
    let files = StyleModel::find_all(plan)?;
    let video = probe(input)?;
    let size = size(&video, plan.max_size);
    let mut first = Worker::new(plan, &files, 1);
    let models = open_all(plan, &mut first)?;
    let count = if models.on_device { 1 } else { plan.engine.thread_count() };
    models.names.engine.iter().for_each(|engine| cli::announce(engine, count, "frames"));
    let mut workers = vec![first];
    workers.extend((1..count).map(|_| Worker::new(plan, &files, 1)));

    let (tilings, room) = tilings(plan, &models.traits, size, count).map_err(about_input)?;
    let semaphore = Semaphore::new(room);
    let container = Container::of(output).expect("the plan's output is a video");
    let notes = video.notes(container, !plan.strip);
    notes.iter().for_each(|note| tell!("note: {}: {note}", input.display()));
    let file = written(output, AtomicFile::new(output))?;
    output.parent().into_iter().for_each(remove_abandoned);
    let temporary = file.temporary_path().to_owned();
    let processes = Processes::new(file);
    processes.on_interrupt(report::interrupted(plan, job, models.names.clone()));
    let mut decoder = processes.start(input, &mut codec::decoder(input, &video, size))?;
    let target = ffmpeg::file(&temporary);
    let scale = models.traits[0].scale;
    let result_size = (scale * size.0, scale * size.1);
    let encoder = codec::encoder(input, &video, result_size, &target, container, plan.quality.jpeg, !plan.strip);
    let mut encoder = processes.start(input, &mut { encoder })?;
    let source = decoder.stdout.take().expect("it is piped");
    let mut sink = encoder.stdin.take().expect("it is piped");

    let average = plan.steady.then(|| StatisticsAverage::new(video.rate.per_second()));
    let mut filter = FlickerFilter::new(plan.steady);
    let mut progress = Progress::new(video.frames(), "frames");
    let clock = Clock::default();
    let mut tiles = 0;
    let mut broken = false;
    let on_frame = |frame: StyledFrame| {
        // All frames have one size, so one report holds for all.
        if tiles == 0 {
            if let Some(warning) = &frame.tiling.warning {
                progress.say(&format!("warning: {}: {warning}", input.display()));
            }
            if frame.tiling.resized {
                progress.say(RESIZED);
            }
        }
        tiles = frame.tiling.tiles;
        progress.advance(1);
        let video = if scale > 1 { enlarge_smoothly(&frame.video, scale) } else { frame.video };
        let result = filter.next(video, frame.stylized);
        let sent = sink.write_all(&result.pixels).inspect_err(|_| broken = true);
        sent.map_err(|error| Error::write(output, "cannot write", &error))
    };
    let format = FrameFormat { width: size.0, height: size.1, alpha: video.alpha };
    let shared = Shared { tilings: &tilings, semaphore: &semaphore, average: average.as_ref(), clock: &clock };
    let ran = frames::run(source, format, workers, shared, on_frame);
    drop(progress);
    drop(sink);
    let frames = match ran {
        // The encoder's messages say why it does not read any more.
        Err(_) if broken => return Err(not_encoded(output, &temporary, &processes.wait(input, encoder)?.1)),
        ran => ran.map_err(about_input)?,
    };
    let (status, messages) = processes.wait(input, decoder)?;
    if frames == 0 || !status.success() {
        return Err(Error::Video { path: input.to_owned(), reason: ffmpeg::reason(&messages, input) });
    }
    if frames + frames / 50 + 1 < video.frames() {
        tell!(
            "warning: {}: only {frames} of about {} frames could be decoded, and the result is shorter",
            input.display(),
            video.frames()
        );
    }
    let (status, messages) = processes.wait(input, encoder)?;
    if !status.success() {
        return Err(not_encoded(output, &temporary, &messages));
    }
    processes.finish(output)?;
    let ((width, height), frames_per_second) = (result_size, video.rate.per_second());
    let (idle, models, flicker) = (clock.idle(), models.names, filter.flicker);
    Ok(StyledVideo { width, height, frames, tiles, frames_per_second, flicker, idle, models, notes })
}

fn not_encoded(output: &Path, temporary: &Path, messages: &str) -> Error {
    Error::write(output, "cannot write", &std::io::Error::other(ffmpeg::reason(messages, temporary)))
}

/// The tiles of every frame for each model, and the bytes that the models may take together.
///
/// Without a memory limit, a frame gets the tiles of a single picture, so the number of workers does not change the
/// result.
fn tilings(
    plan: &StylizePlan,
    traits: &[ModelTraits],
    (width, height): (usize, usize),
    workers: usize,
) -> Result<(Vec<Tiling>, usize)> {
    let scale = traits.iter().map(|traits| traits.scale).max().unwrap_or(1);
    let frame = 3 * width * height * scale * scale;
    let (computing, room) = match plan.tiling.memory {
        None => (2 * 3 * width * height, free_bytes() / 8 * 3),
        Some(limit) => {
            let all = frame * (FRAMES_PER_WORKER * workers + FRAMES_ELSEWHERE);
            (all / (scale * scale), limit.saturating_sub(PROGRAM + all))
        }
    };
    let footprint = Footprint { width, height, decoding: 0, filling: 0, computing, encoding: 0 };
    // The moving average takes the place of each frame's own statistics.
    let statistics = if plan.steady { StatisticsSource::Thumbnail } else { plan.tiling.statistics };
    let options = TilingOptions { statistics, ..plan.tiling };
    let tilings = traits.iter().map(|traits| tiling(traits, &footprint, &options)).collect::<Result<_>>()?;
    Ok((tilings, room))
}

/// The result's size: even, as H.264 with subsampled chroma needs it, and at most `max_size` a side.
fn size(video: &VideoInfo, max_size: Option<u32>) -> (usize, usize) {
    let long = video.width.max(video.height);
    let even = |side: usize| (side / 2 * 2).max(2);
    match max_size.map(|size| size as usize).filter(|&size| size < long) {
        None => (even(video.width), even(video.height)),
        Some(size) => {
            let side = |side: usize| even((side * size + long / 2) / long);
            (side(video.width), side(video.height))
        }
    }
}
