//! From noise to a picture, by a network that predicts the noise in one: one sampler a file.
//!
//! A sampler is a pure function over `denoise(x, t)`, which gives the noise in `x [batch, channel, height, width]` at
//! time t of the [`Schedule`]. It works on float32 tensors wherever they lie ([`Linear`]); on the host the same predictions
//! give the same bits on every engine.

mod ancestral;
mod ddim;
mod dpm_solver;
mod linear;

pub use ancestral::ancestral;
pub use ddim::{Ddim, ddim};
pub use dpm_solver::dpm_solver;
pub use linear::Linear;

use crate::{Error, Result, Schedule, Tensor};

/// Where a sampler is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a, X = Tensor> {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
    /// The picture so far, in noise space.
    pub x: &'a X,
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
