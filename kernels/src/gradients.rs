//! What training computes on CPUs: operations and their derivatives, in both float types.
//!
//! Tensors are dense and row-major, pictures `[batch, channel, height, width]`. A kernel divides its work into pieces
//! that depend on the shapes alone and adds partial results in a fixed order, so its result has the same bits with any
//! number of threads.

pub mod bilinear;
pub mod conv2d;
pub mod float;
pub mod matmul;
pub mod norm;
pub mod pad2d;
pub mod pointwise;
pub mod pool2d;
mod winograd;

pub use float::Float;
