//! The consumer's side of a loader.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::BatchSpec;
use super::walk::{BatchJob, EpochWalk};
use super::worker::{Doing, Shared, State};
use super::{LoaderOptions, Place};
use crate::data::Dataset;
use crate::{Error, Result};

/// How long dropping a loader waits for threads that are reading an item.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the consumer's time was spent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Times {
    /// Time spent waiting for batches or, without workers, preparing them.
    pub waited: Duration,
    /// Time between receiving a batch and requesting the next. On a GPU this is the model's time only if each step
    /// synchronises, for example by reading its loss.
    pub worked: Duration,
}

impl Times {
    /// The fraction of time spent in the model, in `[0, 1]`; 1 at first.
    pub fn model_fraction(&self) -> f64 {
        let (waited, worked) = (self.waited.as_secs_f64(), self.worked.as_secs_f64());
        if waited + worked > 0.0 { worked / (waited + worked) } else { 1.0 }
    }
}

/// Batches in order, as an iterator. It ends after an error and after the last batch of [`DataLoader::epoch`].
///
/// Dropping it stops its threads, each after the item that it is reading. A thread that is stuck in an item (a file on a
/// drive that does not respond) is abandoned after 5 seconds, or at once if it has already timed out.
///
/// [`DataLoader::epoch`]: super::DataLoader::epoch
pub struct Loading<D: Dataset, B> {
    shared: Arc<Shared<D, B>>,
    threads: Vec<JoinHandle<()>>,
    timeout: Duration,
    place: Place,
    over: bool,
    timed_out: bool,
    times: Times,
    given: Option<Instant>,
}

impl<D: Dataset, B: Send + 'static> Loading<D, B> {
    pub(super) fn new(
        spec: &Arc<BatchSpec<D, B>>,
        options: LoaderOptions,
        (epoch, batch): (u64, u64),
        last: Option<u64>,
    ) -> Result<Self> {
        let walk = EpochWalk::new(spec, (epoch, batch), last)?;
        let place = Place { epoch, batch, batches: walk.batches(), items: spec.dataset.len() as u64 };
        let state = State {
            walk,
            begun: 0,
            taken: 0,
            ended: false,
            stop: false,
            ready: Default::default(),
            doing: vec![None; options.workers],
            alive: 0,
        };
        let shared = Arc::new(Shared {
            spec: spec.clone(),
            ahead: options.ahead.max(1) as u64,
            state: Mutex::new(state),
            ready: Condvar::new(),
            room: Condvar::new(),
        });
        let mut loading = Self {
            shared,
            threads: vec![],
            timeout: options.timeout,
            place,
            over: false,
            timed_out: false,
            times: Times::default(),
            given: None,
        };
        for worker in 0..options.workers {
            let shared = loading.shared.clone();
            loading.shared.lock().alive += 1;
            let thread = std::thread::Builder::new().name(format!("data {worker}")).spawn(move || shared.work(worker));
            match thread {
                Ok(thread) => loading.threads.push(thread),
                Err(error) => {
                    loading.shared.lock().alive -= 1;
                    return Err(Error::Run(format!("no thread for reading data could be started: {error}")));
                }
            }
        }
        Ok(loading)
    }

    /// The position of the next batch.
    pub fn place(&self) -> Place {
        self.place
    }

    /// How long the consumer has waited for batches so far.
    pub fn waited(&self) -> Duration {
        self.times.waited
    }

    /// How the consumer's time was spent so far.
    pub fn times(&self) -> Times {
        self.times
    }

    fn fetch(&mut self) -> Option<(Option<BatchJob>, Result<B>)> {
        if self.threads.is_empty() {
            let spec = self.shared.spec.clone();
            let job = match self.shared.lock().walk.take(&spec)? {
                Ok(job) => job,
                Err(error) => return Some((None, Err(error))),
            };
            let made = spec.make(&job, |_| true)?;
            return Some((Some(job), made));
        }
        let until = Instant::now() + self.timeout;
        let mut state = self.shared.lock();
        loop {
            let number = state.taken;
            if let Some(made) = state.ready.remove(&number) {
                state.taken += 1;
                self.shared.room.notify_one();
                return Some(made);
            }
            if state.ended && state.begun == state.taken {
                return None;
            }
            if state.alive == 0 {
                return Some((None, Err(Error::Run("the threads that read the data have ended".into()))));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let doing = state.doing.iter().flatten().find(|(batch, _)| *batch == number).map(|(_, doing)| *doing);
                drop(state);
                self.timed_out = true;
                return Some((None, Err(self.too_slow(doing))));
            }
            state = self.shared.ready.wait_timeout(state, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    fn too_slow(&self, doing: Option<Doing>) -> Error {
        let what = match doing {
            Some(Doing::Reading(index)) => format!("reading {}", self.shared.spec.dataset.describe(index as usize)),
            Some(Doing::Collating) => "collating its items".into(),
            None => "waiting for a thread".into(),
        };
        Error::Data(format!(
            "no batch after {:?}: batch {} of epoch {} is still {what}; if it is only slow, use more workers, smaller \
             batches or a longer timeout",
            self.timeout, self.place.batch, self.place.epoch
        ))
    }
}

impl<D: Dataset, B: Send + 'static> Iterator for Loading<D, B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        if self.over {
            return None;
        }
        let asked = Instant::now();
        if let Some(given) = self.given {
            self.times.worked += asked - given;
        }
        let fetched = self.fetch();
        let now = Instant::now();
        self.times.waited += now - asked;
        self.given = Some(now);
        let Some((job, made)) = fetched else {
            self.over = true;
            return None;
        };
        self.over = made.is_err();
        if let (Some(job), Ok(_)) = (job, &made) {
            let BatchJob { epoch, batch, batches, .. } = job;
            let next = if batch + 1 < batches { (epoch, batch + 1) } else { (epoch + 1, 0) };
            self.place = Place { epoch: next.0, batch: next.1, batches, ..self.place };
        }
        Some(made)
    }
}

impl<D: Dataset, B> Drop for Loading<D, B> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.room.notify_all();
        let until = Instant::now() + if self.timed_out { Duration::ZERO } else { PATIENCE };
        while state.alive > 0 && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            state = self.shared.ready.wait_timeout(state, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        let all = state.alive == 0;
        state.ready.clear();
        drop(state);
        for thread in self.threads.drain(..) {
            if all || thread.is_finished() {
                // Workers catch panics themselves.
                let _ = thread.join();
            }
        }
    }
}
