//! The transforms of F(3x3, 3x3), with the points 0, 1, -1, 2 and infinity.

// The indices are those of the matrices.
#![allow(clippy::needless_range_loop)]

use super::{INPUT_SIDE, SIDE, Work};
use crate::simd::Simd;

/// Transforms all blocks of the input to `[point, row, column, input]`.
#[inline(always)]
pub(super) unsafe fn transform_all<S: Simd>(work: &Work, blocks: &mut [f32]) {
    let (inputs, distance) = (work.nested.inputs, work.rows * work.line);
    let row_length = work.width * inputs;
    // SAFETY: the caller's.
    unsafe {
        for row in 0..work.rows {
            let from = work.data.as_ptr().add(row * SIDE * row_length);
            let to = blocks.as_mut_ptr().add(row * work.line);
            if inputs.is_multiple_of(S::LANES) {
                let columns = [0, inputs, 2 * inputs, 3 * inputs, 4 * inputs];
                for block in 0..work.columns {
                    for channel in (0..inputs).step_by(S::LANES) {
                        let from = from.add(block * SIDE * inputs + channel);
                        transform::<S>(from, row_length, columns, to.add(block * inputs + channel), distance);
                    }
                }
            } else {
                let sorted = work.width / SIDE * inputs;
                let columns = [0, sorted, 2 * sorted, inputs, sorted + inputs];
                for at in (0..work.line).step_by(S::LANES) {
                    transform::<S>(from.add(at), row_length, columns, to.add(at), distance);
                }
            }
        }
    }
}

/// One dimension of the input's transform.
#[inline(always)]
unsafe fn input_points<S: Simd>(d: [S::Vector; INPUT_SIDE]) -> [S::Vector; INPUT_SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let [two, three] = [S::splat(2.0), S::splat(3.0)];
        let (near, far) = (S::sub(d[3], d[1]), S::sub(d[0], d[2]));
        // 2 d1 - d2 - 2 d3 + d4
        let last = S::sub(S::sub(d[4], d[2]), S::mul(two, near));
        let second = S::sub(S::sub(d[3], d[2]), S::mul(two, d[1]));
        let third = S::sub(S::fma(two, d[1], d[3]), S::mul(three, d[2]));
        [S::fma(two, far, near), second, third, near, last]
    }
}

/// One dimension of the output's transform.
#[inline(always)]
unsafe fn output_points<S: Simd>(m: [S::Vector; INPUT_SIDE]) -> [S::Vector; SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let [two, four] = [S::splat(2.0), S::splat(4.0)];
        let (sum, difference) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        [S::add(S::add(m[0], sum), m[3]), S::fma(two, m[3], difference), S::add(S::fma(four, m[3], sum), m[4])]
    }
}

#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
unsafe fn transform<S: Simd>(
    from: *const f32,
    row: usize,
    columns: [usize; INPUT_SIDE],
    to: *mut f32,
    distance: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = [[S::splat(0.0); INPUT_SIDE]; INPUT_SIDE];
        for x in 0..INPUT_SIDE {
            let at = from.add(columns[x]);
            let d = [
                S::load(at),
                S::load(at.add(row)),
                S::load(at.add(2 * row)),
                S::load(at.add(3 * row)),
                S::load(at.add(4 * row)),
            ];
            half[x] = input_points::<S>(d);
        }
        for y in 0..INPUT_SIDE {
            let points = input_points::<S>([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y]]);
            for x in 0..INPUT_SIDE {
                S::store(to.add((y * INPUT_SIDE + x) * distance), points[x]);
            }
        }
    }
}

/// Transforms the products of a row of blocks back to three lines of pixels, `[line, pixel, output]`. If the products'
/// lanes are to be summed, `lanes` is the distance between two pixels of the result.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(super) unsafe fn back<S: Simd>(
    work: &Work,
    products: &[f32],
    values: &mut [f32],
    width: usize,
    vectors: usize,
    lanes: Option<usize>,
) {
    let (distance, stride) = (work.across * width, lanes.unwrap_or(width));
    // SAFETY: the caller's.
    unsafe {
        for block in 0..work.part.columns.len() {
            for vector in 0..vectors {
                let from = products.as_ptr().add(block * width + vector * S::LANES);
                let mut half = [[S::splat(0.0); SIDE]; INPUT_SIDE];
                for x in 0..INPUT_SIDE {
                    let m = [
                        S::load(from.add(x * distance)),
                        S::load(from.add((INPUT_SIDE + x) * distance)),
                        S::load(from.add((2 * INPUT_SIDE + x) * distance)),
                        S::load(from.add((3 * INPUT_SIDE + x) * distance)),
                        S::load(from.add((4 * INPUT_SIDE + x) * distance)),
                    ];
                    half[x] = output_points::<S>(m);
                }
                for y in 0..SIDE {
                    let results = output_points::<S>([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y]]);
                    for x in 0..SIDE {
                        let pixel = values.as_mut_ptr().add(((y * work.across + block) * SIDE + x) * stride);
                        match lanes {
                            Some(_) => *pixel.add(vector) = S::sum(results[x]),
                            None => S::store(pixel.add(vector * S::LANES), results[x]),
                        }
                    }
                }
            }
        }
    }
}
