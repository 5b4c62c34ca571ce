//! Convolutions.

use crate::{Epilogue, Level, Moments, Target, View, plain};

/// The numbers of a convolution besides its kernel's dimensions, vertically and horizontally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The step between two positions of the kernel.
    pub stride: [usize; 2],
    /// The distance between two of the kernel's elements.
    pub dilation: [usize; 2],
    /// Rows and columns of zeros around the pictures: top, left, bottom, right.
    pub padding: [usize; 4],
}

impl Default for Options {
    fn default() -> Self {
        Self { stride: [1, 1], dilation: [1, 1], padding: [0; 4] }
    }
}

/// A convolution with its weights, arranged for one instruction set.
///
/// It may be followed by a rearrangement of channels into blocks of pixels, or be a transposed convolution: both are
/// several convolutions, each of which writes every n-th row and column.
#[derive(Debug)]
pub struct Convolution {
    pub(crate) twin: plain::Convolution,
}

impl Convolution {
    /// The cross-correlation of pictures with a weight `[output, input, height, width]`, plus a bias `[output]`.
    ///
    /// # Panics
    /// If a slice does not have the length that the dimensions ask for.
    pub fn new(weight: &[f32], dims: [usize; 4], bias: Option<&[f32]>, options: Options, _level: Level) -> Self {
        Self { twin: plain::Convolution::new(weight, dims, bias, options) }
    }

    /// The transposed convolution with a weight `[input, output, height, width]`: the adjoint of a convolution with these
    /// options, with rows and columns of `output_padding` added at the bottom and on the right.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn transposed(
        weight: &[f32],
        dims: [usize; 4],
        bias: Option<&[f32]>,
        options: Options,
        output_padding: [usize; 2],
        _level: Level,
    ) -> Self {
        Self { twin: plain::Convolution::transposed(weight, dims, bias, options, output_padding) }
    }

    /// [`Self::new`], then channel `(c * block + y) * block + x` becomes the pixel `(y, x)` of each block of channel `c`
    /// (ONNX's DepthToSpace in mode CRD).
    ///
    /// # Panics
    /// As [`Self::new`], or if the outputs are not a multiple of the block's area.
    pub fn into_blocks(
        weight: &[f32],
        dims: [usize; 4],
        bias: Option<&[f32]>,
        options: Options,
        block: usize,
        _level: Level,
    ) -> Self {
        Self { twin: plain::Convolution::into_blocks(weight, dims, bias, options, block) }
    }

    /// The channels of the output.
    pub fn outputs(&self) -> usize {
        self.twin.outputs()
    }

    /// Height and width of the output for pictures of a size; `None` where the kernel does not fit into them.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        self.twin.output_size(size)
    }

    /// Convolves. Returns the moments if the epilogue asks for them.
    ///
    /// # Panics
    /// If the dimensions of view, epilogue and target do not match.
    pub fn run(&self, view: &View, epilogue: &Epilogue, target: Target) -> Option<Moments> {
        self.twin.run(view, epilogue, target)
    }
}
