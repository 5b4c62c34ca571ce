//! Diffusion samplers.
//!
//! A sampler is a pure function of `denoise(x, t)`, which predicts the noise in `x [batch, channel, height, width]` at
//! timestep t of the [`Schedule`]. It computes with float32 tensors on any device ([`SamplerTensor`]). On the host, equal
//! predictions give equal bits on every engine.

mod ancestral;
mod ddim;
mod dpm_solver;
mod tensor;

pub use ancestral::ancestral;
pub use ddim::{DdimOptions, ddim};
pub use dpm_solver::dpm_solver;
pub use tensor::SamplerTensor;

use crate::{Error, Result, Schedule, Tensor};

/// The progress of a sampler.
#[derive(Debug, Clone, Copy)]
pub struct SamplerProgress<'a, X = Tensor> {
    /// Steps done.
    pub done: usize,
    /// The total number of steps.
    pub of: usize,
    /// The noisy pictures so far, in `[-1, 1]` and beyond.
    pub x: &'a X,
}

/// Fails unless timesteps are strictly increasing and within the schedule.
fn check_timesteps(sampler: &str, schedule: &Schedule, timesteps: &[usize]) -> Result<()> {
    let last = schedule.steps() - 1;
    if timesteps.last().is_some_and(|&highest| highest <= last) && timesteps.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    Err(Error::Sampling(format!("{sampler} needs strictly increasing timesteps from 0 to {last}")))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// The result of a future that is ready at once.
    pub fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the future is pending"),
        }
    }
}
