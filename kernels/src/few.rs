//! Convolution to a few output channels, such as those of a picture: vectors of inputs instead of outputs, since a vector
//! of outputs would be mostly empty.

use crate::Level;
use crate::direct::Work;
use crate::finish::{Finish, Sums, Values, write_with};
use crate::simd::{Simd, dispatch};

/// The most outputs that are few.
const MOST: usize = 3;

/// The pixels that are computed at a time.
pub(crate) const PIXELS: usize = 8;

/// The weights: `[vector of inputs, output, input in the vector]`.
#[derive(Debug)]
pub(crate) struct FewOutputs {
    values: Vec<f32>,
    outputs: usize,
}

impl FewOutputs {
    /// Whether this is the quicker way.
    pub(crate) fn are(level: Level, inputs: usize, outputs: usize) -> bool {
        outputs <= MOST && inputs > 0 && inputs.is_multiple_of(level.lanes())
    }

    /// `at(depth, output)` is a weight.
    pub(crate) fn new(level: Level, depth: usize, outputs: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let mut values = Vec::with_capacity(depth * outputs);
        for first in (0..depth).step_by(level.lanes()) {
            for output in 0..outputs {
                values.extend((first..first + level.lanes()).map(|k| at(k, output)));
            }
        }
        Self { values, outputs }
    }
}

dispatch!(pub(crate) unsafe fn multiply(
    work: &Work,
    few: &FewOutputs,
    data: &[f32],
    products: &mut [f32],
    finish: &Finish,
    sums: Option<&mut Sums>,
) = multiply_with);

#[inline(always)]
unsafe fn multiply_with<S: Simd>(
    work: &Work,
    few: &FewOutputs,
    data: &[f32],
    products: &mut [f32],
    finish: &Finish,
    mut sums: Option<&mut Sums>,
) {
    let mut sums_at = [0f32; PIXELS * 16];
    let mut first = 0;
    while first < work.pixels.len() {
        let count = rows::<S>().min(work.pixels.len() - first);
        let mut starts = [work.starts[first]; PIXELS];
        starts[..count].copy_from_slice(&work.starts[first..first + count]);
        // SAFETY: the caller's.
        unsafe {
            sums_of::<S>(few, data.as_ptr(), work.runs, work.length, &starts, products.as_mut_ptr());
            for pixel in 0..count {
                for output in 0..few.outputs {
                    let sum = S::sum(S::load(products.as_ptr().add((pixel * few.outputs + output) * S::LANES)));
                    sums_at[pixel * S::LANES + output] = sum;
                }
            }
            let values = Values {
                sums: sums_at.as_ptr(),
                stride: S::LANES,
                channels: [0, few.outputs],
                pixels: &work.pixels[first..first + count],
            };
            write_with::<S>(finish, &values, sums.as_deref_mut());
        }
        first += count;
    }
}

/// The pixels for which the registers suffice.
#[inline(always)]
fn rows<S: Simd>() -> usize {
    if S::REGISTERS >= 32 { PIXELS } else { PIXELS / 2 }
}

/// The sums of some pixels, `[pixel, output, lane]`, whose lanes are yet to be summed. Returns the number of pixels.
///
/// # Safety
/// As [`crate::tile::multiply`].
#[inline(always)]
pub(crate) unsafe fn sums_of<S: Simd>(
    few: &FewOutputs,
    data: *const f32,
    runs: &[usize],
    length: usize,
    starts: &[usize; PIXELS],
    to: *mut f32,
) -> usize {
    // SAFETY: the caller's.
    unsafe {
        match (few.outputs, rows::<S>()) {
            (1, PIXELS) => sum::<S, 1, PIXELS>(few, data, runs, length, starts, to),
            (2, PIXELS) => sum::<S, 2, PIXELS>(few, data, runs, length, starts, to),
            (_, PIXELS) => sum::<S, 3, PIXELS>(few, data, runs, length, starts, to),
            (1, _) => sum::<S, 1, { PIXELS / 2 }>(few, data, runs, length, starts, to),
            (2, _) => sum::<S, 2, { PIXELS / 2 }>(few, data, runs, length, starts, to),
            (..) => sum::<S, 3, { PIXELS / 2 }>(few, data, runs, length, starts, to),
        }
    }
    rows::<S>()
}

#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
unsafe fn sum<S: Simd, const O: usize, const P: usize>(
    few: &FewOutputs,
    data: *const f32,
    runs: &[usize],
    length: usize,
    starts: &[usize; PIXELS],
    to: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::splat(0.0); O]; P];
        let mut weights = few.values.as_ptr();
        for &run in runs {
            let from: [*const f32; P] = std::array::from_fn(|pixel| data.add(starts[pixel] + run));
            let mut at = 0;
            while at < length {
                let own: [S::Vector; O] = std::array::from_fn(|output| S::load(weights.add(output * S::LANES)));
                for pixel in 0..P {
                    let value = S::load(from[pixel].add(at));
                    for output in 0..O {
                        sums[pixel][output] = S::fma(value, own[output], sums[pixel][output]);
                    }
                }
                weights = weights.add(O * S::LANES);
                at += S::LANES;
            }
        }
        for (pixel, sums) in sums.into_iter().enumerate() {
            for (output, sum) in sums.into_iter().enumerate() {
                S::store(to.add((pixel * O + output) * S::LANES), sum);
            }
        }
    }
}
