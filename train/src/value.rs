//! The value that flows through a network.

mod tensor;

use crate::{Param, Result};

/// A convolution's options, with PyTorch's meaning. The padding is zeros; other modes are an operation of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// The step between two positions of the kernel.
    pub stride: usize,
    /// Zeros added on all four sides.
    pub padding: usize,
    /// The distance between two of the kernel's elements.
    pub dilation: usize,
    /// The number of groups into which both channel dimensions fall.
    pub groups: usize,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// A transposed convolution's options, with PyTorch's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose2dConfig {
    /// The stride of the convolution that this one is the adjoint of.
    pub stride: usize,
    /// Its padding: cropped from all four sides of the result.
    pub padding: usize,
    /// Rows and columns added at the bottom and the right of the result.
    pub output_padding: usize,
    /// The distance between two of the kernel's elements.
    pub dilation: usize,
    /// The number of groups into which both channel dimensions fall.
    pub groups: usize,
}

impl Default for ConvTranspose2dConfig {
    fn default() -> Self {
        Self { stride: 1, padding: 0, output_padding: 0, dilation: 1, groups: 1 }
    }
}

/// A pooling's options, with PyTorch's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2dConfig {
    /// The window's side.
    pub kernel: usize,
    /// The step between two windows.
    pub stride: usize,
    /// The padding on all four sides, at most half the kernel.
    pub padding: usize,
    /// Whether a window may begin inside and end outside.
    pub ceil: bool,
}

impl Pool2dConfig {
    /// Windows side by side.
    pub fn new(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0, ceil: false }
    }
}

/// The operations that networks are written in, with ONNX's meaning.
///
/// [`candle_core::Tensor`] computes them; the exporter's symbol records them as nodes. A network that is generic over
/// `Value` therefore trains and exports from one description. There is no shape to ask for: a size looked up in a
/// forward pass would be baked into the exported graph. Pictures are `[batch, channel, height, width]`.
pub trait Value: Clone {
    /// `x W^T + b` over the last dimension; weight `[out, in]`, bias `[out]`.
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self>;

    /// Cross-correlation; weight `[out, in / groups, height, width]`, bias `[out]`.
    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self>;

    /// Transposed convolution; weight `[in, out, height, width]`, bias `[out]`.
    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self>;

    /// Instance normalisation (Ulyanov et al. 2016, arXiv 1607.08022): every channel of every picture to mean 0 and
    /// variance 1 (biased, with `epsilon` added), then times `weight [channel]` plus `bias [channel]`.
    fn instance_norm2d(&self, weight: &Param, bias: &Param, epsilon: f64) -> Result<Self>;

    /// `max(x, 0)`.
    fn relu(&self) -> Result<Self>;

    /// `1 / (1 + exp(-x))`.
    fn sigmoid(&self) -> Result<Self>;

    /// Every element into `[low, high]`.
    fn clamp(&self, low: f32, high: f32) -> Result<Self>;

    /// The sum of two values of one shape.
    fn add(&self, other: &Self) -> Result<Self>;

    /// Channel c times `scale[c]` plus `shift[c]`; both as long as the picture has channels.
    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self>;

    /// Mirrors `padding` rows and columns outwards on all four sides, without repeating the border. The picture must be
    /// larger than the padding.
    fn reflection_pad2d(&self, padding: usize) -> Result<Self>;

    /// Repeats the last row and column until height and width are multiples of `multiple` and at least `at_least`
    /// (itself a multiple).
    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self>;

    /// The top left part as high and as wide as `other`.
    fn crop_like(&self, other: &Self) -> Result<Self>;

    /// `[batch, channel * height * width]` as pictures of this channel, height and width.
    fn unflatten(&self, picture: [usize; 3]) -> Result<Self>;
}
