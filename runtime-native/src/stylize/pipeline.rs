//! Reads, stylizes and writes pictures in separate threads, so that no model waits for a file.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use easel_console::interrupt::wait;
use easel_pictures::{DecodeError, Header, PictureFile};
use easel_runtime::stylizer::Source;
use easel_runtime::transparency::fill_unseen;
use image::ImageFormat;

use super::clock::Clock;
use super::jobs::Job;
use super::outcome::{Event, Failure, Success};
use super::plan::StylizePlan;
use super::reading::read;
use super::semaphore::{Permit, Semaphore};
use super::tiling::{Footprint, ModelTraits, PROGRAM, Tiling, tiling};
use super::worker::{TilingSummary, Worker};
use super::writer::{ResultWriter, Written};
use crate::error::{Error, Result};

/// The memory that pictures and models may take.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    /// For pictures and results, from reading to writing.
    pub pictures: Semaphore,
    /// For the models.
    pub models: Semaphore,
    /// What it depends on in each model.
    pub traits: Vec<ModelTraits>,
}

/// A picture that was read.
struct Unstyled<'a> {
    index: usize,
    content: PictureFile,
    tilings: Vec<Tiling>,
    permit: Permit<'a>,
}

/// A picture that was stylized and is not written yet.
struct Styled<'a> {
    index: usize,
    content: PictureFile,
    success: Success,
    permit: Permit<'a>,
}

/// Does all jobs and passes on what happens. Ends early if nothing can be written any more. Returns how long no model ran
/// between the first and the last picture.
///
/// Each worker has a thread, and there are `io_threads` that read and as many that write. No more pictures than there are
/// workers wait between two stages.
pub(super) fn run(
    plan: &StylizePlan,
    jobs: &[Job],
    workers: Vec<Worker>,
    io_threads: usize,
    budget: &MemoryBudget,
    writer: &ResultWriter,
    mut on_event: impl FnMut(Event),
) -> Duration {
    let stages = Stages { plan, jobs, budget, writer, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let clock = Clock::default();
    let (stages, clock) = (&stages, &clock);
    thread::scope(|scope| {
        let (unstyled_sender, unstyled) = sync_channel(workers.len());
        let (styled_sender, styled) = sync_channel(workers.len());
        let (event_sender, events) = channel();
        // Ctrl-C is an event as long as there is a thread that works.
        let event_sender = Arc::new(event_sender);
        let at_work = Arc::downgrade(&event_sender);
        writer.on_interrupt(move || {
            if let Some(events) = at_work.upgrade()
                && events.send(Event::Interrupted).is_ok()
            {
                wait();
            }
        });
        let (unstyled, styled) = (Shared::new(unstyled), Shared::new(styled));
        for _ in 0..io_threads {
            let (sender, events) = (unstyled_sender.clone(), event_sender.clone());
            scope.spawn(move || stages.read(&sender, &events));
            let (receiver, events) = (styled.clone(), event_sender.clone());
            scope.spawn(move || stages.write(&receiver, &events));
        }
        for worker in workers {
            let (receiver, sender, events) = (unstyled.clone(), styled_sender.clone(), event_sender.clone());
            scope.spawn(move || stages.stylize(worker, clock, &receiver, &sender, &events));
        }
        drop((unstyled_sender, styled_sender, event_sender, unstyled, styled));
        for event in events {
            if matches!(event, Event::End(_, Err(Failure::Full(_)))) {
                stages.stop.store(true, Ordering::Relaxed);
            }
            on_event(event);
        }
    });
    clock.idle()
}

struct Stages<'a> {
    plan: &'a StylizePlan,
    jobs: &'a [Job],
    budget: &'a MemoryBudget,
    writer: &'a ResultWriter,
    /// The job to read next.
    next: AtomicUsize,
    /// Whether to leave the rest undone.
    stop: AtomicBool,
}

impl<'a> Stages<'a> {
    fn read(&self, sender: &SyncSender<Unstyled<'a>>, events: &Arc<Sender<Event>>) {
        while !self.stop.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return };
            let sent = match self.read_one(index, job) {
                Ok(unstyled) => sender.send(unstyled).is_ok(),
                Err(failure) => events.send(Event::End(index, Err(failure))).is_ok(),
            };
            if !sent {
                return;
            }
        }
    }

    fn read_one(&self, index: usize, job: &Job) -> Result<Unstyled<'a>, Failure> {
        let bytes = read(&job.input).map_err(Failure::Input)?;
        let (tilings, held) = self.tilings(job, &bytes)?;
        let permit = self.budget.pictures.acquire(held);
        let content = PictureFile::decode(&bytes, self.plan.max_size).map_err(|error| unreadable(&error))?;
        content.check(format_of(job, &content)).map_err(|error| cannot_write(job, &error))?;
        Ok(Unstyled { index, content, tilings, permit })
    }

    /// A picture's tiles for each model that computes it, and the bytes to hold from reading to writing.
    fn tilings(&self, job: &Job, bytes: &[u8]) -> Result<(Vec<Tiling>, usize), Failure> {
        let plan = self.plan;
        let format = job.format.unwrap_or(ImageFormat::Png);
        let header = Header::read(bytes).map_err(|error| Failure::Input(error.to_string()))?;
        let footprint = Footprint::new(&header, plan.max_size, format, plan.blend.is_some())
            .of_frames(PictureFile::frame_count(bytes));
        let traits = &self.budget.traits;
        let traits = job.style.map_or(&traits[..], |style| &traits[style..=style]);
        let tilings = traits.iter().map(|traits| tiling(traits, &footprint, &plan.tiling));
        let tilings = tilings.collect::<Result<Vec<_>>>().map_err(|error| Failure::Input(error.to_string()))?;
        let peak = tilings.iter().map(|tiling| tiling.peak).max().unwrap_or(0);
        // With a limit, a picture has all of its memory before it begins; without one, models have a budget of their own.
        let scale = traits.iter().map(|traits| traits.scale).max().unwrap_or(1);
        let held = if plan.tiling.memory.is_some() { peak - PROGRAM } else { footprint.enlarged(scale).peak() };
        Ok((tilings, held))
    }

    fn stylize(
        &self,
        mut worker: Worker,
        clock: &Clock,
        receiver: &Shared<Unstyled<'a>>,
        sender: &SyncSender<Styled<'a>>,
        events: &Arc<Sender<Event>>,
    ) {
        while let Some(Unstyled { index, mut content, tilings, permit }) = receiver.next() {
            if self.stop.load(Ordering::Relaxed) {
                continue;
            }
            let began = Instant::now();
            let sent = match self.stylize_one(&mut worker, clock, index, &mut content, &tilings, events) {
                Ok(tiling) => {
                    let (frames, (width, height)) = (content.pictures().len(), content.size());
                    let success = Success { width, height, frames, tiling, took: began.elapsed() };
                    sender.send(Styled { index, content, success, permit }).is_ok()
                }
                Err(error) => events.send(Event::End(index, Err(Failure::Input(error.to_string())))).is_ok(),
            };
            if !sent {
                return;
            }
        }
    }

    fn stylize_one(
        &self,
        worker: &mut Worker,
        clock: &Clock,
        index: usize,
        content: &mut PictureFile,
        tilings: &[Tiling],
        events: &Arc<Sender<Event>>,
    ) -> Result<TilingSummary> {
        worker.open(self.jobs[index].style)?;
        let _running = clock.start();
        let frames = content.pictures().len();
        let mut summary = TilingSummary::default();
        for (frame, (picture, alpha)) in content.frames_mut().enumerate() {
            let progress = |done, of| drop(events.send(Event::Tiles(frame * of + done, frames * of)));
            let seen = alpha.map(|alpha| fill_unseen(picture, alpha));
            let source = Source { seen: seen.as_ref().unwrap_or(picture), original: picture };
            (*picture, summary) = worker.stylize(source, tilings, &self.budget.models, progress)?;
        }
        content.enlarge_alpha(summary.scale);
        Ok(summary)
    }

    fn write(&self, receiver: &Shared<Styled<'a>>, events: &Arc<Sender<Event>>) {
        while let Some(Styled { index, mut content, success, permit }) = receiver.next() {
            if self.stop.load(Ordering::Relaxed) {
                continue;
            }
            if self.plan.strip {
                content.strip();
            }
            let (outcome, written) = match self.write_one(&self.jobs[index], &content) {
                Ok(written) => (Ok(success), Some(written)),
                Err(failure) => (Err(failure), None),
            };
            drop((content, permit));
            if events.send(Event::End(index, outcome)).is_err() {
                return;
            }
            drop(written);
        }
    }

    fn write_one(&self, job: &Job, content: &PictureFile) -> Result<Written<'a>, Failure> {
        let bytes = content.encode(format_of(job, content), self.plan.quality);
        let bytes = bytes.map_err(|error| cannot_write(job, &error))?;
        self.writer.write(&job.output, &bytes).map_err(|error| match error.is_full() {
            true => Failure::Full(error.to_string()),
            false => Failure::Output(error.to_string()),
        })
    }
}

fn unreadable(error: &DecodeError) -> Failure {
    let hint = if let DecodeError::TooManyFrames { .. } = error { "; --max-size makes them smaller" } else { "" };
    Failure::Input(format!("{error}{hint}"))
}

/// The format of a result.
fn format_of(job: &Job, content: &PictureFile) -> ImageFormat {
    job.format.unwrap_or(content.format())
}

fn cannot_write(job: &Job, error: &io::Error) -> Failure {
    Failure::Output(Error::write(&job.output, "cannot write", error).to_string())
}

/// A queue that several threads receive from.
struct Shared<T>(Arc<Mutex<Receiver<T>>>);

impl<T> Shared<T> {
    fn new(receiver: Receiver<T>) -> Self {
        Self(Arc::new(Mutex::new(receiver)))
    }

    /// The next item; none when there are no more.
    fn next(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
