//! Convolution and its two derivatives: by transformed blocks for 3x3 kernels in float32, else by matrix products over
//! unfolded columns (im2col).

mod small;
mod unfold;

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::Float;
use super::matmul::{View, matmul};
use super::vectorised::vectorised;
use super::winograd::{self, Kernels};
use crate::parallel::Shared;
use unfold::{fold, unfold};

/// The shapes of a convolution `input * weight -> output`. All three kernels take the forward convolution's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Pictures.
    pub batch: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// The input's height and width.
    pub size: [usize; 2],
    /// Channels of the output.
    pub outputs: usize,
    /// The kernel's height and width.
    pub kernel: [usize; 2],
    /// The step between two positions of the kernel.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
    /// The distance between two of the kernel's elements.
    pub dilation: usize,
    /// The number of groups of channels.
    pub groups: usize,
}

impl ConvShape {
    /// The output's height and width.
    ///
    /// # Panics
    /// Where the padded input is smaller than the kernel.
    pub fn output_size(&self) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let reach = self.dilation * (self.kernel[axis] - 1) + 1;
            let room = (self.size[axis] + 2 * self.padding).checked_sub(reach);
            room.expect("the kernel fits into the padded input") / self.stride + 1
        })
    }

    /// The weight's dimensions, `[outputs, inputs / groups, height, width]`.
    pub fn weight_dims(&self) -> [usize; 4] {
        [self.outputs, self.inputs / self.groups, self.kernel[0], self.kernel[1]]
    }

    /// The input's dimensions.
    pub fn input_dims(&self) -> [usize; 4] {
        [self.batch, self.inputs, self.size[0], self.size[1]]
    }

    /// The output's dimensions.
    pub fn output_dims(&self) -> [usize; 4] {
        let [height, width] = self.output_size();
        [self.batch, self.outputs, height, width]
    }

    /// Rows of the unfolded matrix: the elements of one output's kernel.
    fn taps(&self) -> usize {
        self.inputs / self.groups * self.kernel[0] * self.kernel[1]
    }

    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && self.padding == 0
    }

    /// The output's rows in blocks whose unfolded columns stay in the second-level cache.
    fn blocks(&self) -> Vec<Range<usize>> {
        const BLOCK_ELEMENTS: usize = 1 << 17;
        let [height, width] = self.output_size();
        let rows = (BLOCK_ELEMENTS / (self.taps() * width).max(1)).clamp(1, height.max(1));
        (0..height).step_by(rows).map(|first| first..(first + rows).min(height)).collect()
    }
}

thread_local! {
    /// The buffer of both element types: a static cannot be generic.
    static COLUMNS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A scratch slice of this thread's, with arbitrary contents.
fn with_scratch<T: Float, R>(length: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    let mut words = COLUMNS.with(RefCell::take);
    words.resize(words.len().max((length * size_of::<T>()).div_ceil(size_of::<u64>())), 0);
    // SAFETY: u64 is aligned for both floats, and every bit pattern is a float.
    let (before, values, _) = unsafe { words.align_to_mut::<T>() };
    debug_assert!(before.is_empty());
    let result = work(&mut values[..length]);
    COLUMNS.with(|cell| cell.replace(words));
    result
}

/// A piece of a picture's output that one thread computes.
struct Piece {
    picture: usize,
    group: usize,
    rows: Range<usize>,
}

fn pieces(shape: &ConvShape) -> Vec<Piece> {
    let blocks = shape.blocks();
    (0..shape.batch * shape.groups)
        .flat_map(|index| {
            let (picture, group) = (index / shape.groups, index % shape.groups);
            blocks.iter().cloned().map(move |rows| Piece { picture, group, rows })
        })
        .collect()
}

vectorised! {
    /// Adds a bias; then multiplies values that are not positive by the slope.
    fn finish[T: Float](values: &mut [T], bias: Option<T>, slope: Option<T>) {
        match (bias, slope) {
            (None, None) => {}
            (Some(bias), None) => values.iter_mut().for_each(|value| *value += bias),
            (bias, Some(slope)) => {
                let bias = bias.unwrap_or(T::ZERO);
                for value in values {
                    let sum = *value + bias;
                    *value = if sum > T::ZERO { sum } else { sum * slope };
                }
            }
        }
    }
}

/// `output = input * weight [+ bias]`, a cross-correlation; bias `[outputs]`. Then values that are not positive are
/// multiplied by `slope`, if there is one.
pub fn forward<T: Float>(shape: &ConvShape, input: &[T], weight: &[T], bias: Option<&[T]>, slope: Option<T>) -> Vec<T> {
    if let (Some(input), Some(weight), true) = (T::singles(input), T::singles(weight), winograd::fits(shape)) {
        let kernels = Kernels::of(shape, weight);
        let slope = slope.map(|slope| slope.to_f64() as f32);
        return T::from_singles(winograd::forward(shape, input, &kernels, bias.and_then(T::singles), slope));
    }
    if small::fits(shape) {
        return small::forward(shape, input, weight, bias, slope);
    }
    let [out_height, out_width] = shape.output_size();
    let (plane, in_plane) = (out_height * out_width, shape.size[0] * shape.size[1]);
    let (outputs, inputs, taps) = (shape.outputs / shape.groups, shape.inputs / shape.groups, shape.taps());
    let mut output = vec![T::ZERO; shape.batch * shape.outputs * plane];
    let shared = Shared::new(&mut output);
    pieces(shape).into_par_iter().for_each(|Piece { picture, group, rows }| {
        let input = &input[(picture * shape.inputs + group * inputs) * in_plane..][..inputs * in_plane];
        let weight = View::rows(&weight[group * outputs * taps..], taps);
        let first = (picture * shape.outputs + group * outputs) * plane + rows.start * out_width;
        let length = rows.len() * out_width;
        // SAFETY: a piece writes its own rows of its own planes.
        let output = unsafe { shared.from(first) };
        let dims = [outputs, length, taps];
        if shape.is_pointwise() {
            matmul(dims, output, plane, false, weight, View::rows(&input[rows.start * out_width..], plane));
        } else {
            with_scratch(taps * length, |columns| {
                unfold(shape, input, rows, columns, length);
                matmul(dims, output, plane, false, weight, View::rows(columns, length));
            });
        }
        for (channel, line) in output.chunks_mut(plane).take(outputs).enumerate() {
            finish(&mut line[..length], bias.map(|bias| bias[group * outputs + channel]), slope);
        }
    });
    output
}

/// The gradient of the input, given that of the output: the transposed convolution of `output` with `weight`.
pub fn input<T: Float>(shape: &ConvShape, output: &[T], weight: &[T]) -> Vec<T> {
    let turned = flipped(shape).filter(winograd::fits);
    if let (Some(flipped), Some(output), Some(weight)) = (turned, T::singles(output), T::singles(weight)) {
        let kernels = Kernels::turned(shape, weight);
        return T::from_singles(winograd::forward(&flipped, output, &kernels, None, None));
    }
    if small::fits(shape) {
        return small::input(shape, output, weight);
    }
    let [out_height, out_width] = shape.output_size();
    let (plane, in_plane) = (out_height * out_width, shape.size[0] * shape.size[1]);
    // The way with fewer columns; where both have as many, unfolding is quicker than folding.
    let unfolds = shape.is_pointwise() || shape.outputs * in_plane <= shape.inputs * plane;
    if let Some(flipped) = flipped(shape).filter(|_| unfolds) {
        return forward(&flipped, output, &flip(shape, weight), None, None);
    }
    let (outputs, inputs, taps) = (shape.outputs / shape.groups, shape.inputs / shape.groups, shape.taps());
    let area = shape.kernel[0] * shape.kernel[1];
    let blocks = shape.blocks();
    let mut input = vec![T::ZERO; shape.batch * shape.inputs * in_plane];
    // Blocks of rows overlap in the input, so the pieces are runs of channels.
    let channels = channels_at_once(shape);
    input.par_chunks_mut(inputs * in_plane).enumerate().for_each(|(index, planes)| {
        let (picture, group) = (index / shape.groups, index % shape.groups);
        let output = &output[(picture * shape.outputs + group * outputs) * plane..][..outputs * plane];
        planes.par_chunks_mut(channels * in_plane).enumerate().for_each(|(run, planes)| {
            let taps_here = planes.len() / in_plane * area;
            let first_tap = run * channels * area;
            let weight = View::rows(&weight[group * outputs * taps + first_tap..], taps).transposed();
            for rows in &blocks {
                let length = rows.len() * out_width;
                with_scratch(taps_here * length, |columns| {
                    let output = View::rows(&output[rows.start * out_width..], plane);
                    matmul([taps_here, length, outputs], columns, length, false, weight, output);
                    fold(shape, columns, rows.clone(), planes, length);
                });
            }
        });
    });
    input
}

/// The number of input channels in one piece of [`input`]: all, unless there are too few pictures for the threads.
fn channels_at_once(shape: &ConvShape) -> usize {
    const PIECES: usize = 8;
    let runs = PIECES.div_ceil(shape.batch * shape.groups);
    (shape.inputs / shape.groups).div_ceil(runs).max(1)
}

/// With stride 1 the input's gradient is itself a convolution, of the output's gradient with the flipped kernel.
fn flipped(shape: &ConvShape) -> Option<ConvShape> {
    let reach = shape.kernel.map(|kernel| shape.dilation * (kernel - 1));
    let possible = shape.stride == 1 && reach[0] == reach[1] && shape.padding <= reach[0];
    possible.then(|| ConvShape {
        inputs: shape.outputs,
        outputs: shape.inputs,
        size: shape.output_size(),
        padding: reach[0] - shape.padding,
        ..*shape
    })
}

/// The kernel rotated by 180 degrees, with inputs and outputs exchanged within each group.
fn flip<T: Float>(shape: &ConvShape, weight: &[T]) -> Vec<T> {
    let area = shape.kernel[0] * shape.kernel[1];
    let (outputs, inputs) = (shape.outputs / shape.groups, shape.inputs / shape.groups);
    let mut turned = Vec::with_capacity(weight.len());
    for group in 0..shape.groups {
        for input in 0..inputs {
            for output in 0..outputs {
                let at = ((group * outputs + output) * inputs + input) * area;
                turned.extend(weight[at..at + area].iter().rev());
            }
        }
    }
    turned
}

/// The gradient of the weight, given the input and the output's gradient.
pub fn weight<T: Float>(shape: &ConvShape, input: &[T], output: &[T]) -> Vec<T> {
    if let (Some(input), Some(output), true) = (T::singles(input), T::singles(output), winograd::fits_gradient(shape)) {
        return T::from_singles(winograd::gradient(shape, input, output));
    }
    if small::fits(shape) {
        return small::weight(shape, input, output);
    }
    // A fixed number of partial sums: the number of threads must not change the result.
    const PARTS: usize = 4;
    let [out_height, out_width] = shape.output_size();
    let (plane, in_plane) = (out_height * out_width, shape.size[0] * shape.size[1]);
    let (outputs, inputs, taps) = (shape.outputs / shape.groups, shape.inputs / shape.groups, shape.taps());
    let length = shape.outputs * taps;
    let pieces = pieces(shape);
    let parts: Vec<Vec<T>> = (0..PARTS.min(pieces.len()))
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![T::ZERO; length];
            for Piece { picture, group, rows } in pieces.iter().skip(part).step_by(PARTS) {
                let input = &input[(picture * shape.inputs + group * inputs) * in_plane..][..inputs * in_plane];
                let first = (picture * shape.outputs + group * outputs) * plane + rows.start * out_width;
                let gradient = View::rows(&output[first..], plane);
                let columns_length = rows.len() * out_width;
                let sum = &mut sum[group * outputs * taps..][..outputs * taps];
                let dims = [outputs, taps, columns_length];
                if shape.is_pointwise() {
                    let columns = View::rows(&input[rows.start * out_width..], plane).transposed();
                    matmul(dims, sum, taps, true, gradient, columns);
                } else {
                    with_scratch(taps * columns_length, |columns| {
                        unfold(shape, input, rows.clone(), columns, columns_length);
                        let columns = View::rows(columns, columns_length).transposed();
                        matmul(dims, sum, taps, true, gradient, columns);
                    });
                }
            }
            sum
        })
        .collect();
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_else(|| vec![T::ZERO; length]);
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, element by element: calls `visit(output, input, weight)` with the flat positions of every product.
    fn products(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
        let [_, _, out_height, out_width] = shape.output_dims();
        let (outputs, inputs) = (shape.outputs / shape.groups, shape.inputs / shape.groups);
        let [height, width] = shape.size;
        let [kernel_height, kernel_width] = shape.kernel;
        for n in 0..shape.batch {
            for o in 0..shape.outputs {
                for (y, x) in (0..out_height).flat_map(|y| (0..out_width).map(move |x| (y, x))) {
                    for i in 0..inputs {
                        for (ky, kx) in (0..kernel_height).flat_map(|ky| (0..kernel_width).map(move |kx| (ky, kx))) {
                            let row = (y * shape.stride + ky * shape.dilation).wrapping_sub(shape.padding);
                            let column = (x * shape.stride + kx * shape.dilation).wrapping_sub(shape.padding);
                            if row < height && column < width {
                                let channel = o / outputs * inputs + i;
                                visit(
                                    ((n * shape.outputs + o) * out_height + y) * out_width + x,
                                    ((n * shape.inputs + channel) * height + row) * width + column,
                                    ((o * inputs + i) * kernel_height + ky) * kernel_width + kx,
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        easel_runtime::Random::new(seed, 0).normals(count).into_iter().map(f64::from).collect()
    }

    fn assert_near(found: &[f64], expected: &[f64], what: &str, shape: &ConvShape) {
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-10, "{what} of {shape:?}: {worst}");
    }

    #[test]
    fn all_three_equal_the_definition() {
        let base = ConvShape {
            batch: 2,
            inputs: 4,
            size: [9, 7],
            outputs: 6,
            kernel: [3, 3],
            stride: 1,
            padding: 1,
            dilation: 1,
            groups: 1,
        };
        for shape in [
            base,
            ConvShape { kernel: [1, 1], padding: 0, ..base },
            ConvShape { stride: 2, ..base },
            ConvShape { stride: 2, padding: 0, size: [6, 7], ..base },
            ConvShape { stride: 3, padding: 2, dilation: 2, groups: 2, ..base },
            ConvShape { padding: 4, ..base },
            ConvShape { padding: 0, dilation: 2, groups: 2, ..base },
            ConvShape { kernel: [2, 5], padding: 2, ..base },
            ConvShape { kernel: [4, 4], size: [4, 4], padding: 0, batch: 1, ..base },
            ConvShape { kernel: [4, 4], size: [4, 4], padding: 0, batch: 5, ..base },
            ConvShape { stride: 2, size: [16, 14], batch: 3, ..base },
            ConvShape { inputs: 300, outputs: 150, size: [6, 7], batch: 17, ..base },
            ConvShape { batch: 1, inputs: 20, outputs: 3, size: [40, 150], ..base },
            ConvShape { batch: 1, inputs: 20, outputs: 3, size: [40, 151], stride: 2, ..base },
        ] {
            let count = |dims: [usize; 4]| dims.iter().product::<usize>();
            let x = numbers(count(shape.input_dims()), 1);
            let w = numbers(count(shape.weight_dims()), 2);
            let g = numbers(count(shape.output_dims()), 3);
            let bias = numbers(shape.outputs, 4);
            let [_, _, out_height, out_width] = shape.output_dims();
            let mut y: Vec<f64> = (0..g.len()).map(|at| bias[at / (out_height * out_width) % shape.outputs]).collect();
            let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
            products(&shape, |o, i, k| {
                y[o] += x[i] * w[k];
                dx[i] += g[o] * w[k];
                dw[k] += g[o] * x[i];
            });
            assert_near(&forward(&shape, &x, &w, Some(&bias), None), &y, "output", &shape);
            assert_near(&input(&shape, &g, &w), &dx, "input gradient", &shape);
            assert_near(&weight(&shape, &x, &g), &dw, "weight gradient", &shape);
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let base = ConvShape {
            batch: 3,
            inputs: 24,
            size: [64, 64],
            outputs: 24,
            kernel: [3, 3],
            stride: 1,
            padding: 1,
            dilation: 1,
            groups: 1,
        };
        for shape in [base, ConvShape { stride: 2, ..base }, ConvShape { size: [5, 5], padding: 0, batch: 9, ..base }] {
            let single = |dims: [usize; 4], seed| -> Vec<f32> {
                numbers(dims.iter().product(), seed).iter().map(|&x| x as f32).collect()
            };
            let (x, w) = (single(shape.input_dims(), 1), single(shape.weight_dims(), 2));
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let y = forward(&shape, &x, &w, None, None);
                    (input(&shape, &y, &w), weight(&shape, &x, &y))
                })
            };
            assert!(run(1) == run(3), "{shape:?}");
        }
    }
}
