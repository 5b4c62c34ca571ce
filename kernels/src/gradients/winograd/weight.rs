//! The weight's gradient by F(3x3, 4x4): the output's gradient in blocks of 4x4 is the kernel, and the result has 3x3
//! elements. The sum over all blocks comes before the transform back.

// The indices are those of the matrices.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::planes::read;
use super::{Blocks, GAP, INPUT_SIDE, POINTS, SIDE, transform_input};
use crate::Level;
use crate::gradients::conv2d::ConvShape;
use crate::parallel::{self, Shared, with_scratch};
use crate::simd::{Simd, dispatch};
use crate::tile::{MAX_ROWS, Tile};

/// The values of transformed blocks that are kept at a time.
const VALUES: usize = 1 << 23;

/// The outputs whose sums one thread keeps at a time.
const OUTPUTS: usize = 24;

/// The gradient of the weight, `[output, input, 3, 3]`, given input and output's gradient.
pub(in crate::gradients) fn gradient(shape: &ConvShape, input: &[f32], output: &[f32]) -> Vec<f32> {
    assert!(input.len() >= shape.input_dims().iter().product::<usize>(), "the input's length");
    assert!(output.len() >= shape.output_dims().iter().product::<usize>(), "the output's length");
    let level = Level::detect();
    let blocks = Blocks::new(shape);
    let mut result = vec![0.0; shape.weight_dims().iter().product()];
    let [inputs, outputs] = [shape.inputs, shape.outputs].map(|channels| channels.next_multiple_of(level.lanes()));
    let widest = level.vectors() * level.lanes();
    let chunks = blocks.parts((VALUES / (POINTS * (inputs + outputs))).max(1));
    for (chunk, rows) in chunks.iter().enumerate() {
        let count = rows.len() * blocks.size[1];
        let of_points = [count * inputs + GAP, count * outputs + GAP];
        // A tile reads rows of outputs beyond the last.
        let length = POINTS * (of_points[0] + of_points[1]) + MAX_ROWS;
        with_scratch(length, |scratch| {
            let shared = Shared::new(scratch);
            let work = Work { shape, blocks: &blocks, of_points, channels: [inputs, outputs], count };
            let parts: Vec<_> = rows.clone().step_by(blocks.band()).collect();
            parallel::for_each(parts.len(), |part| {
                let own = parts[part]..(parts[part] + blocks.band()).min(rows.end);
                let window: usize = blocks.window(blocks.band()).iter().product();
                with_scratch(window * level.lanes(), |window| {
                    let first = (own.start - rows.start) * blocks.size[1];
                    // SAFETY: the memory is as long as the dimensions ask for, and parts write different blocks.
                    unsafe {
                        transform(level, &work, own, first, [input, output], window.as_mut_ptr(), shared.pointer())
                    }
                });
            });
            let panels = inputs.div_ceil(widest);
            let shared_result = Shared::new(&mut result);
            parallel::for_each(panels * shape.outputs.div_ceil(OUTPUTS), |index| {
                let first = index / panels * OUTPUTS;
                let own = [
                    first..(first + OUTPUTS).min(shape.outputs),
                    index % panels * widest..inputs.min((index % panels + 1) * widest),
                ];
                with_scratch(POINTS * (OUTPUTS + MAX_ROWS) * widest, |sums| {
                    // SAFETY: as above; each call writes kernels of its own.
                    unsafe {
                        let memory = [shared.pointer(), sums.as_mut_ptr(), shared_result.pointer()];
                        multiply(level, &work, own, chunk > 0, memory)
                    }
                });
            });
        });
    }
    result
}

struct Work<'a> {
    shape: &'a ConvShape,
    blocks: &'a Blocks,
    /// The distance between two points of inputs and of outputs.
    of_points: [usize; 2],
    /// Inputs and outputs, rounded up to whole vectors.
    channels: [usize; 2],
    /// The number of blocks.
    count: usize,
}

dispatch!(unsafe fn transform(
    work: &Work,
    rows: Range<usize>,
    first: usize,
    pictures: [&[f32]; 2],
    window: *mut f32,
    to: *mut f32,
) = transform_with);

/// Transforms blocks of the input, to `[point, panel of channels, block, channel]`, and of the output's gradient behind
/// them, to `[point, block, channel]`.
#[inline(always)]
unsafe fn transform_with<S: Simd>(
    work: &Work,
    rows: Range<usize>,
    first: usize,
    [input, output]: [&[f32]; 2],
    window: *mut f32,
    to: *mut f32,
) {
    let Work { shape, blocks, of_points, channels, count } = *work;
    let across = blocks.size[1];
    let widest = S::ROWS.len() * S::LANES;
    let out_size = shape.output_size();
    // SAFETY: the caller's.
    unsafe {
        for band in blocks.bands(rows) {
            let first = first + band.first;
            let band_blocks = band.rows.len() * across;
            let top = band.rows.start * SIDE;
            let size = blocks.window(band.rows.len());
            for channel in (0..shape.inputs).step_by(S::LANES) {
                let lanes = S::LANES.min(shape.inputs - channel);
                let planes = (band.picture * shape.inputs + channel) * shape.size[0] * shape.size[1];
                let origin = [top, 0].map(|at| at as isize - shape.padding as isize);
                read::<S>(input.as_ptr().add(planes), shape.size, lanes, origin, size, window);
                let panel = channel - channel % widest;
                let width = widest.min(channels[0] - panel);
                for block in 0..band_blocks {
                    let (row, column) = (block / across * SIDE, block % across * SIDE);
                    let from = window.add((row * size[1] + column) * S::LANES);
                    let to = to.add(panel * count + (first + block) * width + channel - panel);
                    transform_input::<S>(from, [size[1] * S::LANES, S::LANES], to, of_points[0]);
                }
            }
            let size = [band.rows.len() * SIDE, across * SIDE];
            for channel in (0..shape.outputs).step_by(S::LANES) {
                let lanes = S::LANES.min(shape.outputs - channel);
                let planes = (band.picture * shape.outputs + channel) * out_size[0] * out_size[1];
                read::<S>(output.as_ptr().add(planes), out_size, lanes, [top as isize, 0], size, window);
                for block in 0..band_blocks {
                    let (row, column) = (block / across * SIDE, block % across * SIDE);
                    let from = window.add((row * size[1] + column) * S::LANES);
                    let to = to.add(POINTS * of_points[0] + (first + block) * channels[1] + channel);
                    transform_output_gradient::<S>(from, [size[1] * S::LANES, S::LANES], to, of_points[1]);
                }
            }
        }
    }
}

dispatch!(unsafe fn multiply(
    work: &Work,
    own: [Range<usize>; 2],
    accumulate: bool,
    memory: [*mut f32; 3],
) = multiply_with);

/// The kernels of some outputs and some inputs, a panel's.
#[inline(always)]
unsafe fn multiply_with<S: Simd>(
    work: &Work,
    [outputs, inputs]: [Range<usize>; 2],
    accumulate: bool,
    [transformed, sums, result]: [*mut f32; 3],
) {
    let Work { shape, of_points, channels, count, .. } = *work;
    let (width, vectors) = (inputs.len(), inputs.len() / S::LANES);
    let tile_rows = S::ROWS[vectors - 1];
    let of_sums = (OUTPUTS + MAX_ROWS) * width;
    let runs: Vec<usize> = (0..count).map(|block| block * channels[1]).collect();
    // SAFETY: the caller's.
    unsafe {
        for point in 0..POINTS {
            let left = transformed.add(POINTS * of_points[0] + point * of_points[1] + outputs.start);
            for row in (0..outputs.len()).step_by(tile_rows) {
                let rows: [usize; MAX_ROWS] = std::array::from_fn(|at| row + at);
                let tile = Tile {
                    left,
                    rows: &rows,
                    runs: &runs,
                    length: 1,
                    panel: transformed.add(point * of_points[0] + inputs.start * count),
                    result: sums.add(point * of_sums + row * width),
                    stride: width,
                };
                S::tile(vectors, S::ROWS[vectors - 1], &tile);
            }
        }
        let (mut taps, mut kernels) = ([0f32; 9 * 16], [0f32; 16 * 9]);
        for output in outputs.clone() {
            for column in (0..width).step_by(S::LANES) {
                let input = inputs.start + column;
                let lanes = S::LANES.min(shape.inputs - input);
                let from = sums.add((output - outputs.start) * width + column);
                transform_sums::<S>(from, of_sums, taps.as_mut_ptr());
                let to = result.add((output * shape.inputs + input) * 9);
                if accumulate {
                    S::transpose(taps.as_ptr(), S::LANES, [9, lanes], kernels.as_mut_ptr(), 9);
                    for (at, value) in kernels[..lanes * 9].iter().enumerate() {
                        *to.add(at) += value;
                    }
                } else {
                    S::transpose(taps.as_ptr(), S::LANES, [9, lanes], to, 9);
                }
            }
        }
    }
}

/// Transforms a block of 4x4, without the factors that [`transform_sums`] has.
#[inline(always)]
unsafe fn transform_output_gradient<S: Simd>(
    from: *const f32,
    [row, column]: [usize; 2],
    to: *mut f32,
    distance: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = [[S::splat(0.0); INPUT_SIDE]; SIDE];
        for x in 0..SIDE {
            let at = from.add(x * column);
            half[x] =
                points::<S>([S::load(at), S::load(at.add(row)), S::load(at.add(2 * row)), S::load(at.add(3 * row))]);
        }
        for y in 0..INPUT_SIDE {
            let line = points::<S>([half[0][y], half[1][y], half[2][y], half[3][y]]);
            for x in 0..INPUT_SIDE {
                S::store(to.add((y * INPUT_SIDE + x) * distance), line[x]);
            }
        }
    }
}

/// One dimension of it: the values at 0, 1, -1, 2, -2 and infinity of the polynomial with these coefficients.
#[inline(always)]
unsafe fn points<S: Simd>([a, b, c, d]: [S::Vector; SIDE]) -> [S::Vector; INPUT_SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let four = S::splat(4.0);
        let (even, odd) = (S::add(a, c), S::add(b, d));
        let far_even = S::fma(four, c, a);
        let half = S::fma(four, d, b);
        let far_odd = S::add(half, half);
        [a, S::add(even, odd), S::sub(even, odd), S::add(far_even, far_odd), S::sub(far_even, far_odd), d]
    }
}

/// Transforms sums back to the taps of a kernel, `[tap, lane]`.
#[inline(always)]
unsafe fn transform_sums<S: Simd>(from: *const f32, distance: usize, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = [[S::splat(0.0); 3]; INPUT_SIDE];
        for x in 0..INPUT_SIDE {
            let mut column = [S::splat(0.0); INPUT_SIDE];
            for y in 0..INPUT_SIDE {
                column[y] = S::load(from.add((y * INPUT_SIDE + x) * distance));
            }
            half[x] = taps::<S>(column);
        }
        for y in 0..3 {
            let line = taps::<S>([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y], half[5][y]]);
            for x in 0..3 {
                S::store(to.add((y * 3 + x) * S::LANES), line[x]);
            }
        }
    }
}

/// One dimension of it.
#[inline(always)]
unsafe fn taps<S: Simd>(m: [S::Vector; INPUT_SIDE]) -> [S::Vector; 3] {
    // SAFETY: the caller's.
    unsafe {
        let [near, far] = [S::splat(-1.0 / 6.0), S::splat(1.0 / 24.0)];
        let (sum, difference) = (S::mul(near, S::add(m[1], m[2])), S::mul(near, S::sub(m[1], m[2])));
        let (far_sum, far_difference) = (S::mul(far, S::add(m[3], m[4])), S::mul(far, S::sub(m[3], m[4])));
        [
            S::add(S::fma(S::splat(0.25), m[0], sum), far_sum),
            S::fma(S::splat(2.0), far_difference, difference),
            S::add(S::fma(S::splat(4.0), far_sum, sum), m[5]),
        ]
    }
}

/// Whether a weight's gradient can be computed this way, and it pays.
pub(in crate::gradients) fn fits(shape: &ConvShape) -> bool {
    let [height, width] = shape.output_size();
    let size = Blocks::new(shape).size;
    super::is_small_kernel(shape) && 2 * height * width * 9 >= 3 * POINTS * size[0] * size[1]
}
