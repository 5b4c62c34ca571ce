//! What training computes on CPUs: operations and their derivatives, in both float types.
//!
//! Tensors are dense and row-major, pictures `[batch, channel, height, width]`. A kernel divides its work into pieces
//! that depend on the shapes alone and adds partial results in a fixed order, so its result has the same bits with any
//! number of threads.

pub mod adam;
pub mod bilinear;
pub mod conv2d;
pub mod float;
pub mod matmul;
pub mod norm;
pub mod pad2d;
pub mod pointwise;
pub mod pool2d;
mod vectorised;
mod winograd;

use std::mem::MaybeUninit;

pub use float::Float;

/// A vector that `fill` fills, without clearing its memory first.
///
/// # Safety
/// `fill` writes every element.
unsafe fn new_vec<T>(length: usize, fill: impl FnOnce(&mut [MaybeUninit<T>])) -> Vec<T> {
    let mut values = Vec::with_capacity(length);
    fill(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: the caller's.
    unsafe { values.set_len(length) };
    values
}
