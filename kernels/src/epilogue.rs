//! What follows a convolution in the same pass.

use crate::{Activation, Affine, Pictures};

/// Applied to each value of a convolution, in this order, before it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// A factor and a summand for each channel.
    pub affine: Option<Affine<'a>>,
    /// Pictures of the output's dimensions that are added.
    pub residual: Option<Pictures<'a>>,
    /// A function of each value.
    pub activation: Activation,
    /// Divides each pixel by the root mean square of its channels; this is added to the mean square (ProGAN, arXiv
    /// 1710.10196, section 4.2).
    pub pixel_norm: Option<f32>,
    /// Whether to compute the moments of what is written.
    pub moments: bool,
}

/// Mean and variance of each channel of each picture, `[batch, channel]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moments {
    /// The means.
    pub mean: Vec<f32>,
    /// The variances: the mean squared distances from the mean.
    pub variance: Vec<f32>,
}
