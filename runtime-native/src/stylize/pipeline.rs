//! Pictures on their way: read, stylized and written by threads of their own, so that no model waits for a file.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use easel_pictures::{DecodeError, Header, PictureFile};
use image::ImageFormat;

use super::gate::{Gate, Pass};
use super::guard::Guard;
use super::jobs::Job;
use super::lane::{Lane, Told};
use super::memory::{Facts, Footprint, PROGRAM, Tiling, tiling};
use super::plan::Plan;
use super::reading::read;
use super::report::{Done, Failure, Report};

/// How much memory the two kinds of work may take.
#[derive(Debug)]
pub(super) struct Gates {
    /// What pictures and results take, from reading to writing.
    pub pictures: Gate,
    /// What the models take.
    pub models: Gate,
    /// What that depends on in each model.
    pub facts: Vec<Facts>,
}

/// A picture that was read.
struct Read<'a> {
    index: usize,
    content: PictureFile,
    work: Vec<Tiling>,
    pass: Pass<'a>,
}

/// A picture that was stylized.
struct Made<'a> {
    index: usize,
    content: PictureFile,
    done: Done,
    pass: Pass<'a>,
}

enum Event {
    Tiles(usize, usize),
    End(usize, Result<Done, Failure>),
}

/// Does all jobs, and tells the report. Ends early where nothing can be written any more. Gives how long no model ran
/// between the first and the last picture.
///
/// There is a thread for each lane, and for so many lanes as `beside` one that reads and one that writes. Between them
/// wait at most as many pictures as there are lanes.
pub(super) fn run(
    plan: &Plan,
    jobs: &[Job],
    lanes: Vec<Lane>,
    beside: usize,
    gates: &Gates,
    guard: &Guard,
    report: &mut Report,
) -> Duration {
    let stages = Stages { plan, jobs, gates, guard, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let clock = Clock::default();
    let (stages, clock) = (&stages, &clock);
    thread::scope(|scope| {
        let (read_sender, read_receiver) = sync_channel(lanes.len());
        let (made_sender, made_receiver) = sync_channel(lanes.len());
        let (event_sender, events) = channel();
        let (read_receiver, made_receiver) = (Shared::new(read_receiver), Shared::new(made_receiver));
        for _ in 0..beside {
            let (sender, events) = (read_sender.clone(), event_sender.clone());
            scope.spawn(move || stages.read(&sender, &events));
            let (receiver, events) = (made_receiver.clone(), event_sender.clone());
            scope.spawn(move || stages.write(&receiver, &events));
        }
        for lane in lanes {
            let (receiver, sender, events) = (read_receiver.clone(), made_sender.clone(), event_sender.clone());
            scope.spawn(move || stages.stylize(lane, clock, &receiver, &sender, &events));
        }
        drop((read_sender, made_sender, event_sender, read_receiver, made_receiver));
        for event in events {
            match event {
                Event::Tiles(done, of) => report.tiles(done, of),
                Event::End(index, ended) => {
                    if matches!(ended, Err(Failure::Full(_))) {
                        stages.stop.store(true, Ordering::Relaxed);
                    }
                    report.end(jobs, index, ended);
                }
            }
        }
    });
    clock.idle()
}

struct Stages<'a> {
    plan: &'a Plan,
    jobs: &'a [Job],
    gates: &'a Gates,
    guard: &'a Guard,
    /// The job that is read next.
    next: AtomicUsize,
    /// Whether the rest is left.
    stop: AtomicBool,
}

impl<'a> Stages<'a> {
    fn read(&self, sender: &SyncSender<Read<'a>>, events: &Sender<Event>) {
        while !self.stop.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return };
            let read = read(&job.input).map_err(Failure::Input).and_then(|bytes| {
                let (work, held) = self.tilings(job, &bytes).map_err(Failure::Input)?;
                let pass = self.gates.pictures.enter(held);
                let content = PictureFile::decode(&bytes, self.plan.max_size).map_err(|error| unread(&error))?;
                content.check(format_of(job, &content)).map_err(|error| unwritten(job, &error))?;
                Ok(Read { index, content, work, pass })
            });
            let sent = match read {
                Ok(read) => sender.send(read).is_ok(),
                Err(failure) => events.send(Event::End(index, Err(failure))).is_ok(),
            };
            if !sent {
                return;
            }
        }
    }

    /// The tiles of a picture for each model that computes it, and what is held from reading to writing.
    fn tilings(&self, job: &Job, bytes: &[u8]) -> Result<(Vec<Tiling>, usize), String> {
        let plan = self.plan;
        let format = job.format.unwrap_or(ImageFormat::Png);
        let header = Header::read(bytes).map_err(|error| error.to_string())?;
        let footprint = Footprint::new(&header, plan.max_size, format, plan.blend.is_some())
            .of_frames(PictureFile::frame_count(bytes));
        let facts = &self.gates.facts;
        let facts = job.style.map_or(&facts[..], |style| &facts[style..=style]);
        let work: Vec<_> =
            facts.iter().map(|facts| tiling(facts, &footprint, &plan.tiles)).collect::<Result<_, _>>()?;
        let peak = work.iter().map(|tiling| tiling.peak).max().unwrap_or(0);
        // Held to a limit, a picture has all of its own before it begins; otherwise models have a gate of their own.
        let held = if plan.tiles.memory.is_some() { peak - PROGRAM } else { footprint.most() };
        Ok((work, held))
    }

    fn stylize(
        &self,
        mut lane: Lane,
        clock: &Clock,
        receiver: &Shared<Read<'a>>,
        sender: &SyncSender<Made<'a>>,
        events: &Sender<Event>,
    ) {
        while let Some(Read { index, mut content, work, pass }) = receiver.next() {
            if self.stop.load(Ordering::Relaxed) {
                continue;
            }
            let began = Instant::now();
            let frames = content.pictures().len();
            let told = lane.ready(self.jobs[index].style).map_err(|error| error.to_string()).and_then(|()| {
                let _running = clock.start();
                let mut told = Told::default();
                for (frame, picture) in content.pictures_mut().iter_mut().enumerate() {
                    let progress = |done, of| drop(events.send(Event::Tiles(frame * of + done, frames * of)));
                    (*picture, told) = lane.stylize(picture, &work, &self.gates.models, progress)?;
                }
                Ok(told)
            });
            let sent = match told {
                Ok(told) => {
                    let (width, height) = content.size();
                    let done = Done { width, height, frames, told, took: began.elapsed() };
                    sender.send(Made { index, content, done, pass }).is_ok()
                }
                Err(why) => events.send(Event::End(index, Err(Failure::Input(why)))).is_ok(),
            };
            if !sent {
                return;
            }
        }
    }

    fn write(&self, receiver: &Shared<Made<'a>>, events: &Sender<Event>) {
        while let Some(Made { index, mut content, done, pass }) = receiver.next() {
            if self.stop.load(Ordering::Relaxed) {
                continue;
            }
            if self.plan.strip {
                content.strip();
            }
            let written = self.write_one(&self.jobs[index], &content);
            drop((content, pass));
            if events.send(Event::End(index, written.map(|()| done))).is_err() {
                return;
            }
        }
    }

    fn write_one(&self, job: &Job, content: &PictureFile) -> Result<(), Failure> {
        let bytes =
            content.encode(format_of(job, content), self.plan.quality).map_err(|error| unwritten(job, &error))?;
        self.guard.write(&job.output, &bytes).map_err(|error| match error.is_full() {
            true => Failure::Full(error.to_string()),
            false => Failure::Output(error.to_string()),
        })
    }
}

/// The format of a result.
fn format_of(job: &Job, content: &PictureFile) -> ImageFormat {
    job.format.unwrap_or(content.format())
}

fn unread(error: &DecodeError) -> Failure {
    let hint = if let DecodeError::TooManyFrames { .. } = error { "; --max-size makes them smaller" } else { "" };
    Failure::Input(format!("{error}{hint}"))
}

fn unwritten(job: &Job, error: &io::Error) -> Failure {
    Failure::Output(format!("{}: cannot write: {error}", job.output.display()))
}

/// A queue that several threads take from.
struct Shared<T>(std::sync::Arc<Mutex<Receiver<T>>>);

impl<T> Shared<T> {
    fn new(receiver: Receiver<T>) -> Self {
        Self(std::sync::Arc::new(Mutex::new(receiver)))
    }

    /// The next one; none when there will be no more.
    fn next(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Adds up how long nothing ran after the first run began.
#[derive(Debug, Default)]
struct Clock(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    running: usize,
    /// Since when nothing runs.
    stopped: Option<Instant>,
    idle: Duration,
}

struct Running<'a>(&'a Clock);

impl Clock {
    fn start(&self) -> Running<'_> {
        let mut times = self.times();
        times.running += 1;
        if let Some(stopped) = times.stopped.take() {
            times.idle += stopped.elapsed();
        }
        Running(self)
    }

    fn idle(&self) -> Duration {
        self.times().idle
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut times = self.0.times();
        times.running -= 1;
        if times.running == 0 {
            times.stopped = Some(Instant::now());
        }
    }
}
