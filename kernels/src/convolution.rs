//! Convolutions.

use std::sync::OnceLock;

use crate::direct::{Direct, Phase, Weights};
use crate::finish::{Finish, merge};
use crate::nested::Nested;
use crate::winograd::Winograd;
use crate::{Epilogue, Level, Moments, Target, View};

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
    weight: Vec<f32>,
    bias: Vec<f32>,
    shape: Shape,
    level: Level,
    // Each is made when it is first used: which ones are depends on the pictures' size.
    direct: OnceLock<Direct>,
    winograd: OnceLock<Winograd>,
    nested: OnceLock<Nested>,
}

/// The numbers of a convolution.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Of the weight, as it was given.
    dims: [usize; 4],
    inputs: usize,
    outputs: usize,
    options: Options,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// With the side of the blocks that channels become.
    Forward {
        block: usize,
    },
    Transposed {
        output_padding: [usize; 2],
    },
}

impl Convolution {
    /// The cross-correlation of pictures with a weight `[output, input, height, width]`, plus a bias `[output]`.
    ///
    /// # Panics
    /// If a slice does not have the length that the dimensions ask for.
    pub fn new(weight: &[f32], dims: [usize; 4], bias: Option<&[f32]>, options: Options, level: Level) -> Self {
        Self::into_blocks(weight, dims, bias, options, 1, level)
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
        level: Level,
    ) -> Self {
        assert_eq!(dims[0] % (block * block), 0, "the outputs fill blocks");
        let [inputs, outputs] = [dims[1], dims[0] / (block * block)];
        Self::checked(weight, bias, Shape { dims, inputs, outputs, options, kind: Kind::Forward { block } }, level)
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
        level: Level,
    ) -> Self {
        let [inputs, outputs, ..] = dims;
        Self::checked(
            weight,
            bias,
            Shape { dims, inputs, outputs, options, kind: Kind::Transposed { output_padding } },
            level,
        )
    }

    fn checked(weight: &[f32], bias: Option<&[f32]>, shape: Shape, level: Level) -> Self {
        assert_eq!(weight.len(), shape.dims.iter().product::<usize>(), "the weight's length");
        let area = match shape.kind {
            Kind::Forward { block } => block * block,
            Kind::Transposed { .. } => 1,
        };
        let biases = shape.outputs * area;
        assert!(bias.is_none_or(|bias| bias.len() == biases), "the bias's length");
        Self {
            weight: weight.to_vec(),
            bias: bias.map_or_else(|| vec![0.0; biases], <[f32]>::to_vec),
            shape,
            level,
            direct: OnceLock::new(),
            winograd: OnceLock::new(),
            nested: OnceLock::new(),
        }
    }

    /// The channels of the output.
    pub fn outputs(&self) -> usize {
        self.shape.outputs
    }

    /// Height and width of the output for pictures of a size; `None` where the kernel does not fit into them.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        self.shape.output_size(size)
    }

    /// Convolves. Returns the moments if the epilogue asks for them.
    ///
    /// # Panics
    /// If the dimensions of view, epilogue and target do not match.
    pub fn run(&self, view: &View, epilogue: &Epilogue, mut target: Target) -> Option<Moments> {
        let (batch, size) = (view.pictures.batch, self.output_size(view.size()).expect("the kernel fits"));
        view.check();
        let Shape { dims, inputs, outputs, options, .. } = self.shape;
        assert_eq!(view.pictures.channels, inputs, "the view's channels");
        assert!(!(epilogue.moments && epilogue.pixel_norm.is_some()), "moments are those before a pixel norm");
        let finish = Finish::new(&self.bias[..outputs], epilogue, &mut target, batch, size);
        let plain = self.shape.kind == Kind::Forward { block: 1 };
        let unit = options.stride == [1, 1] && options.dilation == [1, 1];
        let padding = [options.padding[0], options.padding[1]];
        let sums = if !plain || !unit {
            self.direct().run(view, &finish, size)
        } else if Winograd::is_worthwhile(dims, batch, size) {
            let winograd = || Winograd::new(&self.weight, outputs, inputs, padding, self.level);
            self.winograd.get_or_init(winograd).run(view, &finish, size)
        } else if Nested::is_worthwhile(dims, size) {
            let nested = || Nested::new(&self.weight, dims, padding, self.level);
            self.nested.get_or_init(nested).run(view, &finish, size)
        } else {
            self.direct().run(view, &finish, size)
        };
        epilogue.moments.then(|| merge(sums.iter(), batch, outputs))
    }

    fn direct(&self) -> &Direct {
        self.direct.get_or_init(|| match self.shape.kind {
            Kind::Forward { block } => self.forward_phases(block),
            Kind::Transposed { .. } => self.transposed_phases(),
        })
    }

    /// A phase for each pixel of a block.
    fn forward_phases(&self, block: usize) -> Direct {
        let Shape { dims, inputs, outputs, options, .. } = self.shape;
        let [rows, columns] = [dims[2], dims[3]];
        let taps: [Vec<isize>; 2] = std::array::from_fn(|axis| {
            let taps = 0..dims[2 + axis];
            taps.map(|tap| (tap * options.dilation[axis]) as isize - options.padding[axis] as isize).collect()
        });
        let phases = (0..block * block).map(|phase| {
            let weights = Weights::new(self.level, rows * columns, inputs, outputs, |tap, input, output| {
                self.weight[((output * block * block + phase) * inputs + input) * rows * columns + tap]
            });
            let bias = (0..outputs).map(|output| self.bias[output * block * block + phase]).collect();
            Phase { origin: [phase / block, phase % block], taps: taps.clone(), weights, bias }
        });
        let (input_step, output_step) = (options.stride, [block; 2]);
        Direct { phases: phases.collect(), input_step, output_step, inputs, outputs, level: self.level }
    }

    /// A phase for each row and column of the output, modulo the stride.
    fn transposed_phases(&self) -> Direct {
        let Shape { dims, inputs, outputs, options, .. } = self.shape;
        let Options { stride, dilation, padding } = options;
        // The row of the view that a kernel's row reads for an output row: `(phase + padding - row * dilation) / stride`
        // rows from the position's own, where that is whole.
        let taps = |axis: usize, phase: usize| -> Vec<(isize, usize)> {
            let of = |tap: usize| (phase + padding[axis]) as isize - (tap * dilation[axis]) as isize;
            let step = stride[axis] as isize;
            let whole = (0..dims[2 + axis]).filter(|&tap| of(tap).rem_euclid(step) == 0);
            let mut taps: Vec<_> = whole.map(|tap| (of(tap).div_euclid(step), tap)).collect();
            taps.sort_unstable();
            taps
        };
        let mut phases = Vec::new();
        for y in 0..stride[0] {
            for x in 0..stride[1] {
                let [of_rows, of_columns] = [taps(0, y), taps(1, x)];
                let count = of_rows.len() * of_columns.len();
                let weights = Weights::new(self.level, count, inputs, outputs, |tap, input, output| {
                    let (row, column) = (of_rows[tap / of_columns.len()].1, of_columns[tap % of_columns.len()].1);
                    self.weight[((input * outputs + output) * dims[2] + row) * dims[3] + column]
                });
                let taps = [of_rows, of_columns].map(|taps| taps.into_iter().map(|(at, _)| at).collect());
                phases.push(Phase { origin: [y, x], taps, weights, bias: self.bias.clone() });
            }
        }
        Direct { phases, input_step: [1, 1], output_step: stride, inputs, outputs, level: self.level }
    }
}

impl Shape {
    fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let Options { stride, dilation, padding } = self.options;
        let mut result = [0; 2];
        for axis in 0..2 {
            let reach = dilation[axis] * self.dims[2 + axis].checked_sub(1)? + 1;
            let padding = padding[axis] + padding[axis + 2];
            result[axis] = match self.kind {
                Kind::Forward { block } => ((size[axis] + padding).checked_sub(reach)? / stride[axis] + 1) * block,
                Kind::Transposed { output_padding } => {
                    let whole = size[axis].checked_sub(1)? * stride[axis] + reach + output_padding[axis];
                    whole.checked_sub(padding).filter(|&size| size > 0)?
                }
            };
        }
        Some(result)
    }
}
