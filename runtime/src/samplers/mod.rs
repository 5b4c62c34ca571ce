//! From noise to a picture, by a network that predicts the noise in one: one sampler a file.
//!
//! A sampler is a pure function over `denoise(x, t)`, which gives the noise in `x [batch, channel, height, width]` at
//! time t of the [`Schedule`]. It works on float32, in the order of its formulas, so that the same predictions give the
//! same bits on every engine.

mod ancestral;
mod ddim;

pub use ancestral::ancestral;
pub use ddim::{Ddim, ddim};

#[cfg(doc)]
use crate::Schedule;
use crate::{Error, Result, Tensor};

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
