//! The value that flows through a network.

mod tensor;

pub(crate) use tensor::weight_and_bias;

pub use crate::ops::pad2d::Padding;
use crate::{Param, Result};
pub use easel_kernels::gradients::pad2d::PadMode;

/// A convolution's options, with PyTorch's meaning. Padding is with zeros; other modes are a separate operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// The step between two positions of the kernel.
    pub stride: usize,
    /// Zeros added on all four sides.
    pub padding: usize,
    /// The distance between two of the kernel's elements.
    pub dilation: usize,
    /// The number of groups into which both channel dimensions are divided.
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
    /// The number of groups into which both channel dimensions are divided.
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
    /// Adjacent windows, without padding.
    pub fn new(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0, ceil: false }
    }
}

/// The learnt scale and shift of a normalisation, both `[channel]`.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// What every channel is multiplied by.
    pub weight: &'a Param,
    /// What is then added.
    pub bias: &'a Param,
}

/// The operations that networks are written in, with ONNX's meaning.
///
/// [`candle_core::Tensor`] computes them; the exporter's symbol records them as nodes. A network that is generic over
/// `Value` therefore trains and exports from one definition. A value has no shape to query: a size that a forward pass
/// reads would become a constant of the exported graph. Pictures are `[batch, channel, height, width]` of floats, and
/// labels are values too, of 64-bit integers.
///
/// A [`Tensor`](candle_core::Tensor) has methods of its own under some of these names, with another meaning (its `sub`
/// does not broadcast, its `relu` has another gradient): outside of generic code write `Value::relu(&x)`.
pub trait Value: Clone {
    /// `x W^T + b` over the last dimension; weight `[out, in]`, bias `[out]`.
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self>;

    /// Cross-correlation; weight `[out, in / groups, height, width]`, bias `[out]`.
    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self>;

    /// [`conv2d`](Value::conv2d), then [`leaky_relu`](Value::leaky_relu) with this slope, which is
    /// [`relu`](Value::relu) where it is 0. In training, this takes less memory than one after the other.
    fn conv2d_activated(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig, slope: f64) -> Result<Self> {
        let sums = self.conv2d(weight, bias, config)?;
        if slope == 0.0 { sums.relu() } else { sums.leaky_relu(slope) }
    }

    /// Transposed convolution; weight `[in, out, height, width]`, bias `[out]`.
    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self>;

    /// Instance normalisation (Ulyanov et al. 2016, arXiv 1607.08022): every channel of every picture to mean 0 and
    /// variance 1 (biased, with `epsilon` added), then times weight plus bias where `affine` gives them. All are
    /// `[channel]`.
    fn instance_norm2d(&self, channels: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self>;

    /// [`instance_norm2d`](Value::instance_norm2d), then [`relu`](Value::relu). In training, this takes less memory than
    /// one after the other.
    fn instance_norm2d_relu(&self, channels: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        self.instance_norm2d(channels, affine, epsilon)?.relu()
    }

    /// Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) by known statistics:
    /// `(x - mean) / sqrt(variance + epsilon)`, then times weight plus bias where `affine` gives them. All are
    /// `[channel]`.
    fn batch_norm2d(&self, mean: &Param, variance: &Param, affine: Option<Affine>, epsilon: f64) -> Result<Self>;

    /// `x / sqrt(mean of x^2 over the channels + epsilon)` at every pixel (Karras et al. 2017, arXiv 1710.10196).
    fn pixel_norm(&self, epsilon: f64) -> Result<Self>;

    /// `max(x, 0)`.
    fn relu(&self) -> Result<Self>;

    /// x where x is positive, else `slope` x.
    fn leaky_relu(&self, slope: f64) -> Result<Self>;

    /// `1 / (1 + exp(-x))`.
    fn sigmoid(&self) -> Result<Self>;

    /// The hyperbolic tangent.
    fn tanh(&self) -> Result<Self>;

    /// `x / (1 + exp(-x))`.
    fn silu(&self) -> Result<Self>;

    /// Every element into `[low, high]`.
    fn clamp(&self, low: f32, high: f32) -> Result<Self>;

    /// `x + other`. Here and below a dimension of 1, or one that is missing in front, is repeated to fit.
    fn add(&self, other: &Self) -> Result<Self>;

    /// `x - other`.
    fn sub(&self, other: &Self) -> Result<Self>;

    /// `x * other`, element by element.
    fn mul(&self, other: &Self) -> Result<Self>;

    /// Every element times a number.
    fn scale(&self, by: f64) -> Result<Self>;

    /// Every element plus a number.
    fn shift(&self, by: f64) -> Result<Self>;

    /// Channel c times `scale[c]` plus `shift[c]`; both as long as the picture has channels.
    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self>;

    /// The largest element of every window; padding is never the largest.
    fn max_pool2d(&self, config: Pool2dConfig) -> Result<Self>;

    /// The mean of every window. Padding counts as zeros; elements that `ceil` adds beyond it do not count.
    fn avg_pool2d(&self, config: Pool2dConfig) -> Result<Self>;

    /// Every element repeated twice in both directions.
    fn upsample2x(&self) -> Result<Self>;

    /// Adds rows and columns on the four sides: zeros, or according to `mode`.
    fn pad2d(&self, padding: Padding, mode: Option<PadMode>) -> Result<Self>;

    /// Mirrors `padding` rows and columns outwards on all four sides, without repeating the edge. The picture must be
    /// larger than the padding.
    fn reflection_pad2d(&self, padding: usize) -> Result<Self> {
        self.pad2d(Padding::all(padding), Some(PadMode::Reflect))
    }

    /// Repeats the last row and column until height and width are multiples of `multiple` and at least `at_least`
    /// (itself a multiple).
    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self>;

    /// The top left part as high and as wide as `other`.
    fn crop_like(&self, other: &Self) -> Result<Self>;

    /// A vector `[batch, channel]` at every pixel of a picture as high and as wide as `other`.
    fn expand_like(&self, other: &Self) -> Result<Self>;

    /// A map `[batch, channel, 3, 3]` as high and as wide as `other`, which is 3 at least: its first and last row and
    /// column stay what they are, and the middle ones are repeated between them.
    fn stretch_like(&self, other: &Self) -> Result<Self>;

    /// `[batch, 4 channel, height, width]` as pictures twice as high and wide: four channels that follow each other are
    /// the pixels of a window, row by row (Shi et al. 2016, arXiv 1609.05158).
    fn pixel_shuffle2x(&self) -> Result<Self>;

    /// This value and another, concatenated along the channels (the second dimension).
    fn concat(&self, other: &Self) -> Result<Self>;

    /// For labels (int64, any shape) the rows of a table `[labels, size]`; the result has one dimension more.
    fn lookup(&self, table: &Param) -> Result<Self>;

    /// A parameter or buffer as a value of its own, for [`add`](Value::add), [`mul`](Value::mul) and the like:
    /// `x.mul(&x.param(&gain)?)`. The values of x do not matter.
    fn param(&self, param: &Param) -> Result<Self>;

    /// `[batch, ..]` as `[batch, product of the rest]`.
    fn flatten(&self) -> Result<Self>;

    /// `[batch, channel * height * width]` as pictures of this channel, height and width.
    fn unflatten(&self, picture: [usize; 3]) -> Result<Self>;
}
