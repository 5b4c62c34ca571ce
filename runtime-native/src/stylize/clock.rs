//! How long no model ran.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Adds up how long nothing ran between the first and the last run.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    running: usize,
    /// When the last run ended, if none is running.
    stopped: Option<Instant>,
    idle: Duration,
}

pub(super) struct Running<'a>(&'a Clock);

impl Clock {
    /// Marks a run, until the result is dropped.
    pub fn start(&self) -> Running<'_> {
        let mut times = self.times();
        times.running += 1;
        if let Some(stopped) = times.stopped.take() {
            times.idle += stopped.elapsed();
        }
        Running(self)
    }

    pub fn idle(&self) -> Duration {
        self.times().idle
    }

    fn times(&self) -> MutexGuard<'_, Times> {
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
