//! Preparing a batch, and the threads that do it.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use easel_runtime::Random;

use super::BatchSpec;
use super::walk::{BatchJob, EpochWalk};
use crate::data::Dataset;
use crate::run::streams;
use crate::{Error, Result};

/// The state of a batch in preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Reading the item of this index.
    Reading(u32),
    /// Collating the items.
    Collating,
}

impl<D: Dataset, B> BatchSpec<D, B> {
    /// Prepares a batch. `go_on` is called with each state and cancels the batch by returning `false`; then there is no
    /// result. A panic of the data set or the collate function is an error.
    pub fn make(&self, job: &BatchJob, mut go_on: impl FnMut(Doing) -> bool) -> Option<Result<B>> {
        let mut key = Random::new(self.seed, streams::AUGMENTATION + job.epoch);
        let seed = u64::from(key.next_u32()) << 32 | u64::from(key.next_u32());
        let mut items = Vec::with_capacity(job.indices.len());
        for (&index, place) in job.indices.iter().zip(job.first..) {
            if !go_on(Doing::Reading(index)) {
                return None;
            }
            let mut random = Random::new(seed, place);
            let read = caught(|| self.dataset.item(index as usize, &mut random));
            match read.unwrap_or_else(|why| {
                Err(Error::Data(format!("{}: reading it panicked: {why}", self.dataset.describe(index as usize))))
            }) {
                Ok(item) => items.push(item),
                Err(error) => return Some(Err(error)),
            }
        }
        if !go_on(Doing::Collating) {
            return None;
        }
        let made = caught(|| (self.collate)(items));
        Some(made.unwrap_or_else(|why| Err(Error::Data(format!("collating a batch panicked: {why}")))))
    }
}

fn caught<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    // After a panic only the error is used.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
    })
}

/// The state shared by the consumer and the threads.
pub struct Shared<D: Dataset, B> {
    pub spec: Arc<BatchSpec<D, B>>,
    pub ahead: u64,
    pub state: Mutex<State<B>>,
    /// Notified when a batch is ready or a thread has ended.
    pub ready: Condvar,
    /// Notified when there is room for another batch, or the loader stops.
    pub room: Condvar,
}

/// Batches are numbered in the order in which they are started, which is also that in which they are returned.
pub struct State<B> {
    pub walk: EpochWalk,
    /// Batches started.
    pub begun: u64,
    /// Batches returned.
    pub taken: u64,
    /// All batches have been started.
    pub ended: bool,
    /// The consumer has been dropped.
    pub stop: bool,
    pub ready: BTreeMap<u64, (Option<BatchJob>, Result<B>)>,
    /// The state of each thread's batch.
    pub doing: Vec<Option<(u64, Doing)>>,
    /// Threads that have not ended.
    pub alive: usize,
}

impl<D: Dataset, B> Shared<D, B> {
    pub fn lock(&self) -> MutexGuard<'_, State<B>> {
        // Only a sampler can panic under this lock, and that leaves the finished batches valid.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A worker thread.
    pub fn work(&self, worker: usize) {
        loop {
            let mut state = self.lock();
            while !state.stop && !state.ended && state.begun >= state.taken + self.ahead {
                state = self.room.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
            if state.stop || state.ended {
                break;
            }
            let taken = caught(|| state.walk.take(&self.spec))
                .unwrap_or_else(|why| Some(Err(Error::Data(format!("the sampler panicked: {why}")))));
            let number = state.begun;
            let job = match taken {
                Some(Ok(job)) => job,
                None => {
                    state.ended = true;
                    break;
                }
                Some(Err(error)) => {
                    state.ended = true;
                    state.begun += 1;
                    state.ready.insert(number, (None, Err(error)));
                    break;
                }
            };
            state.begun += 1;
            drop(state);

            let made = self.spec.make(&job, |doing| {
                let mut state = self.lock();
                state.doing[worker] = Some((number, doing));
                !state.stop
            });
            let mut state = self.lock();
            state.doing[worker] = None;
            if let Some(made) = made {
                state.ready.insert(number, (Some(job), made));
                self.ready.notify_all();
            }
        }
        let mut state = self.lock();
        state.alive -= 1;
        drop(state);
        self.ready.notify_all();
        self.room.notify_all();
    }
}
