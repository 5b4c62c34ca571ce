//! Convolutions with 3x3 kernels and their derivatives by products of transformed blocks, in float32: F(4x4, 3x3), and
//! for the weight's gradient F(3x3, 4x4) (Lavin and Gray 2015, arXiv 1509.09308). Both take 36 products in place of 144.

#![allow(clippy::needless_range_loop, reason = "transforms are formulas of indices")]

mod kernels;
mod planes;
mod weight;

use std::ops::Range;

use super::conv2d::ConvShape;
use crate::Level;
use crate::parallel::{self, Shared, with_scratch};
use crate::simd::{Simd, dispatch};
use crate::tile::{MAX_ROWS, Tile};
use crate::winograd::{INPUT_SIDE, POINTS, SIDE, transform_input, transform_output};
pub(super) use kernels::Kernels;
use planes::{read, write};
pub(super) use weight::{fits as fits_gradient, gradient};

/// Blocks of a batch's output, in the order of pictures, rows and columns.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    /// Rows and columns of blocks in a picture.
    size: [usize; 2],
    batch: usize,
}

/// Rows of blocks of one picture.
struct Band {
    picture: usize,
    /// In the picture.
    rows: Range<usize>,
    /// The first block, counted from the first of the part.
    first: usize,
}

impl Blocks {
    fn new(shape: &ConvShape) -> Self {
        Self { size: shape.output_size().map(|size| size.div_ceil(SIDE)), batch: shape.batch }
    }

    fn rows(&self) -> usize {
        self.batch * self.size[0]
    }

    fn count(&self) -> usize {
        self.rows() * self.size[1]
    }

    /// Rows of blocks, counted through all pictures, in parts of about so many blocks.
    fn parts(&self, blocks: usize) -> Vec<Range<usize>> {
        let count = self.rows().div_ceil((blocks / self.size[1]).max(1));
        (0..count).map(|part| self.rows() * part / count..self.rows() * (part + 1) / count).collect()
    }

    /// The bands of some rows, whose windows of one vector of channels fit into the first-level cache and half of the
    /// second's.
    fn bands(&self, rows: Range<usize>) -> impl Iterator<Item = Band> {
        let Self { size: [height, width], .. } = *self;
        let most = self.band();
        let start = rows.start;
        let mut row = rows.start;
        std::iter::from_fn(move || {
            (row < rows.end).then(|| {
                let (picture, first) = (row / height, row % height);
                let count = most.min(height - first).min(rows.end - row);
                let band = Band { picture, rows: first..first + count, first: (row - start) * width };
                row += count;
                band
            })
        })
    }

    /// The most rows of a band.
    fn band(&self) -> usize {
        const WINDOW_PIXELS: usize = 1 << 11;
        let width = self.size[1] * SIDE + 2;
        (WINDOW_PIXELS / width).saturating_sub(2).div_euclid(SIDE).clamp(1, self.size[0])
    }

    /// Height and width of a band's window, with the two rows and columns of the kernel beyond the first.
    fn window(&self, rows: usize) -> [usize; 2] {
        [rows * SIDE + 2, self.size[1] * SIDE + 2]
    }
}

/// Values between two points beyond those of the blocks, so that points do not share a set of the cache.
const GAP: usize = 16;

/// Whether a convolution can be computed this way, and it pays.
pub(super) fn fits(shape: &ConvShape) -> bool {
    let [height, width] = shape.output_size();
    let blocks = Blocks::new(shape);
    let transformed = POINTS * shape.inputs * shape.outputs;
    let enough = if transformed > 1 << 20 { 24 } else { 8 };
    is_small_kernel(shape)
        && 2 * height * width * 9 >= 3 * POINTS * blocks.size[0] * blocks.size[1]
        && blocks.count() >= enough
}

/// Whether the kernel has 3x3 elements and stride 1, and there are enough channels to pay for the transforms. With
/// few channels the definition's products are as quick, and ten times as exact.
fn is_small_kernel(shape: &ConvShape) -> bool {
    let ConvShape { kernel, stride, dilation, groups, inputs, outputs, .. } = *shape;
    kernel == [3, 3] && [stride, dilation, groups] == [1; 3] && inputs * outputs >= 512
}

/// The values of transformed blocks that a part keeps.
const PART_VALUES: usize = 3 << 19;

/// The convolution, plus a bias for each output; then values below 0 times `slope`, if there is one.
pub(super) fn forward(
    shape: &ConvShape,
    input: &[f32],
    kernels: &Kernels,
    bias: Option<&[f32]>,
    slope: Option<f32>,
) -> Vec<f32> {
    assert!(input.len() >= shape.input_dims().iter().product::<usize>(), "the input's length");
    assert!(bias.is_none_or(|bias| bias.len() >= shape.outputs), "the bias's length");
    let level = Level::detect();
    let blocks = Blocks::new(shape);
    let transformed = kernels.transform(level);
    let length = shape.output_dims().iter().product();
    let mut output = Vec::with_capacity(length);
    let [inputs, outputs] = [shape.inputs, shape.outputs].map(|channels| channels.next_multiple_of(level.lanes()));
    let most = (PART_VALUES / (POINTS * (inputs + outputs))).max(96);
    let parts = blocks.parts(most.min(blocks.count().div_ceil(2)));
    let shared = Shared::new(output.spare_capacity_mut());
    parallel::for_each(parts.len(), |part| {
        let rows = parts[part].clone();
        let count = rows.len() * blocks.size[1];
        let of_points = [inputs, outputs].map(|channels| (count + MAX_ROWS) * channels + GAP);
        let window: usize = blocks.window(blocks.band()).iter().product();
        let lengths = [window * level.lanes(), POINTS * of_points[0], POINTS * of_points[1]];
        with_scratch(lengths.iter().sum(), |scratch| {
            let (window, rest) = scratch.split_at_mut(lengths[0]);
            let (blocks_in, products) = rest.split_at_mut(lengths[1]);
            let work =
                Work { shape, blocks: &blocks, rows, kernels: &transformed, of_points, channels: [inputs, outputs] };
            let memory = [window.as_mut_ptr(), blocks_in.as_mut_ptr(), products.as_mut_ptr()];
            // SAFETY: the slices have the lengths that the dimensions ask for, and parts write different rows.
            unsafe { convolve(level, &work, input, (bias, slope), memory, shared.pointer().cast()) }
        });
    });
    // SAFETY: the parts have written every element.
    unsafe { output.set_len(length) };
    output
}

struct Work<'a> {
    shape: &'a ConvShape,
    blocks: &'a Blocks,
    rows: Range<usize>,
    kernels: &'a [f32],
    /// The distance between two points of inputs and of products.
    of_points: [usize; 2],
    /// Inputs and outputs, rounded up to whole vectors.
    channels: [usize; 2],
}

dispatch!(unsafe fn convolve(
    work: &Work,
    input: &[f32],
    finish: (Option<&[f32]>, Option<f32>),
    memory: [*mut f32; 3],
    output: *mut f32,
) = convolve_with);

#[inline(always)]
unsafe fn convolve_with<S: Simd>(
    work: &Work,
    input: &[f32],
    (bias, slope): (Option<&[f32]>, Option<f32>),
    [window, inputs, products]: [*mut f32; 3],
    output: *mut f32,
) {
    let Work { shape, blocks, ref rows, kernels, of_points, channels } = *work;
    let across = blocks.size[1];
    let count = rows.len() * across;
    // SAFETY: the caller's.
    unsafe {
        for band in blocks.bands(rows.clone()) {
            let size = blocks.window(band.rows.len());
            let origin = [band.rows.start * SIDE, 0].map(|at| at as isize - shape.padding as isize);
            for channel in (0..shape.inputs).step_by(S::LANES) {
                let lanes = S::LANES.min(shape.inputs - channel);
                let plane = (band.picture * shape.inputs + channel) * shape.size[0] * shape.size[1];
                read::<S>(input.as_ptr().add(plane), shape.size, lanes, origin, size, window);
                for block in 0..band.rows.len() * across {
                    let (row, column) = (block / across * SIDE, block % across * SIDE);
                    let from = window.add((row * size[1] + column) * S::LANES);
                    let to = inputs.add((band.first + block) * channels[0] + channel);
                    transform_input::<S>(from, [size[1] * S::LANES, S::LANES], to, of_points[0]);
                }
            }
        }
        let widest = S::ROWS.len() * S::LANES;
        for point in 0..POINTS {
            let left = inputs.add(point * of_points[0]);
            let matrix = kernels.as_ptr().add(point * shape.inputs * channels[1]);
            for first in (0..channels[1]).step_by(widest) {
                let width = widest.min(channels[1] - first);
                let vectors = width / S::LANES;
                let tile_rows = S::ROWS[vectors - 1];
                for row in (0..count).step_by(tile_rows) {
                    let starts: [usize; MAX_ROWS] = std::array::from_fn(|at| (row + at) * channels[0]);
                    let tile = Tile {
                        left,
                        rows: &starts,
                        runs: &[0],
                        length: shape.inputs,
                        panel: matrix.add(first * shape.inputs),
                        result: products.add(point * of_points[1] + row * channels[1] + first),
                        stride: channels[1],
                    };
                    S::tile(vectors, S::ROWS[vectors - 1], &tile);
                }
            }
        }
        let [height, width] = shape.output_size();
        for band in blocks.bands(rows.clone()) {
            let columns = across * SIDE;
            for channel in (0..shape.outputs).step_by(S::LANES) {
                let lanes = S::LANES.min(shape.outputs - channel);
                for block in 0..band.rows.len() * across {
                    let (row, column) = (block / across * SIDE, block % across * SIDE);
                    let from = products.add((band.first + block) * channels[1] + channel);
                    let to = window.add((row * columns + column) * S::LANES);
                    transform_output::<S>(from, of_points[1], to, [columns * S::LANES, S::LANES]);
                }
                let first = band.rows.start * SIDE;
                let size = [(band.rows.end * SIDE).min(height) - first, width];
                let plane = (band.picture * shape.outputs + channel) * height * width;
                let to = output.add(plane + first * width);
                if bias.is_some() || slope.is_some() {
                    let zero = S::splat(0.0);
                    let bias = match bias {
                        Some(bias) => S::load_part(bias.as_ptr().add(channel), lanes),
                        None => zero,
                    };
                    let slope = S::splat(slope.unwrap_or(1.0));
                    for pixel in 0..size[0] * columns {
                        let at = window.add(pixel * S::LANES);
                        let value = S::add(S::load(at), bias);
                        S::store(at, S::fma(S::min(zero, value), slope, S::max(zero, value)));
                    }
                }
                write::<S>(window, columns, size, lanes, to, height * width);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conv2d;
    use super::*;
    use easel_runtime::Random;

    /// The largest difference, relative to the largest expected value.
    fn worst(found: &[f32], expected: &[f64]) -> f64 {
        assert_eq!(found.len(), expected.len());
        let scale = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max) / scale
    }

    /// float32 comes by transformed blocks, float64 by the definition's products.
    #[test]
    fn all_three_are_near_the_float64_ones() {
        let mut random = Random::new(5, 0);
        let mut below = |low: usize, high: usize| {
            low + (random.uniforms(1, 0.0, (high - low) as f32)[0] as usize).min(high - low - 1)
        };
        for case in 0..24 {
            let shape = ConvShape {
                batch: below(1, 5),
                inputs: below(3, 80),
                size: [below(3, 35), below(3, 35)],
                outputs: below(43, 140),
                kernel: [3, 3],
                stride: 1,
                padding: below(0, 3),
                dilation: 1,
                groups: 1,
            };
            let numbers = |dims: [usize; 4], seed| Random::new(seed, case).normals(dims.iter().product());
            let (x, w, g) =
                (numbers(shape.input_dims(), 1), numbers(shape.weight_dims(), 2), numbers(shape.output_dims(), 3));
            let bias = Random::new(4, case).normals(shape.outputs);
            let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
            let (x64, w64, g64) = (wide(&x), wide(&w), wide(&g));
            let difference = [
                worst(
                    &forward(&shape, &x, &Kernels::of(&shape, &w), Some(&bias), Some(0.5)),
                    &conv2d::forward(&shape, &x64, &w64, Some(&wide(&bias)), Some(0.5)),
                ),
                worst(&conv2d::input(&shape, &g, &w), &conv2d::input(&shape, &g64, &w64)),
                worst(&gradient(&shape, &x, &g), &conv2d::weight(&shape, &x64, &g64)),
            ];
            assert!(difference.iter().all(|difference| *difference < 1e-5), "{shape:?}: {difference:?}");
        }
    }
}
