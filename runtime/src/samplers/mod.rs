//! From noise to a picture, by a network that predicts the noise in one: one sampler a file.
//!
//! A sampler is a pure function over `denoise(x, t)`, which gives the noise in `x [batch, channel, height, width]` at
//! time t of the [`Schedule`]. It works on float32, in the order of its formulas, so that the same predictions give the
//! same bits on every engine.

mod ancestral;
mod ddim;
mod dpm_solver;

pub use ancestral::ancestral;
pub use ddim::{Ddim, ddim};
pub use dpm_solver::dpm_solver;

use crate::{Error, Result, Schedule, Tensor};

/// Where a sampler is, after each step.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
    /// The picture so far, in noise space.
    pub x: &'a Tensor,
}

/// Fails where a prediction or fresh noise does not fit x.
fn check_fits(what: &str, x: &[f32], other: &[f32]) -> Result<()> {
    if x.len() == other.len() {
        return Ok(());
    }
    Err(Error::Shape(format!("{what} has {} elements, the picture {}", other.len(), x.len())))
}

/// Fails where the times to stop at do not rise, or are not the schedule's.
fn check_times(sampler: &str, schedule: &Schedule, times: &[usize]) -> Result<()> {
    let last = schedule.steps() - 1;
    if times.last().is_some_and(|&highest| highest <= last) && times.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    Err(Error::Sampling(format!("{sampler} needs rising times from 0 to {last}, without repetition")))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// What a future gives that never waits.
    pub fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("nothing here waits"),
        }
    }
}
