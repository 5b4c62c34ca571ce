//! The transformed kernels.

// The indices are those of the matrices.
#![allow(clippy::needless_range_loop)]

use super::{INPUT_SIDE, POINTS};
use crate::Level;
use crate::gradients::conv2d::ConvShape;
use crate::parallel::{self, Shared};
use crate::simd::{Simd, dispatch};

/// The weight of a convolution with 3x3 kernels, of `inputs` channels to `outputs`.
#[derive(Debug, Clone, Copy)]
pub(in crate::gradients) struct Kernels<'a> {
    weight: &'a [f32],
    inputs: usize,
    outputs: usize,
    /// The distance between the kernels of two inputs, and of two outputs.
    distance: [usize; 2],
    /// Whether to rotate the kernels by 180 degrees.
    turned: bool,
}

impl<'a> Kernels<'a> {
    /// Those of a convolution with a weight `[output, input, 3, 3]`.
    pub(in crate::gradients) fn of(shape: &ConvShape, weight: &'a [f32]) -> Self {
        let ConvShape { inputs, outputs, .. } = *shape;
        Self { weight, inputs, outputs, distance: [9, inputs * 9], turned: false }
    }

    /// Those of its input's gradient.
    pub(in crate::gradients) fn turned(shape: &ConvShape, weight: &'a [f32]) -> Self {
        let ConvShape { inputs, outputs, .. } = *shape;
        Self { weight, inputs: outputs, outputs: inputs, distance: [inputs * 9, 9], turned: true }
    }

    /// For each point a matrix of inputs by outputs in panels of columns, `[panel, input, column]`, with outputs rounded
    /// up to whole vectors.
    pub(super) fn transform(&self, level: Level) -> Vec<f32> {
        let outputs = self.outputs.next_multiple_of(level.lanes());
        let mut result = vec![0.0; POINTS * self.inputs * outputs];
        let shared = Shared::new(&mut result);
        assert!(self.weight.len() >= self.inputs * self.outputs * 9);
        parallel::for_each(outputs / level.lanes(), |vector| {
            // SAFETY: the weight has this many kernels; each call writes columns of its own.
            unsafe { transform(level, self, vector * level.lanes(), shared.pointer()) }
        });
        result
    }
}

dispatch!(unsafe fn transform(kernels: &Kernels, first: usize, to: *mut f32) = transform_with);

#[inline(always)]
unsafe fn transform_with<S: Simd>(kernels: &Kernels, first: usize, to: *mut f32) {
    let &Kernels { weight, inputs, outputs, distance, turned } = kernels;
    let widest = S::ROWS.len() * S::LANES;
    let all = outputs.next_multiple_of(S::LANES);
    let panel = first - first % widest;
    let width = widest.min(all - panel);
    let lanes = S::LANES.min(outputs - first);
    let mut taps = [0f32; 9 * 16];
    // SAFETY: the caller's.
    unsafe {
        for input in 0..inputs {
            let from = weight.as_ptr().add(input * distance[0] + first * distance[1]);
            S::transpose(from, distance[1], [lanes, 9], taps.as_mut_ptr(), S::LANES);
            let mut half = [[S::splat(0.0); INPUT_SIDE]; 3];
            for x in 0..3 {
                let mut column = [S::splat(0.0); 3];
                for y in 0..3 {
                    let at = if turned { 8 - (y * 3 + x) } else { y * 3 + x };
                    column[y] = S::load(taps.as_ptr().add(at * S::LANES));
                }
                half[x] = points::<S>(column);
            }
            let to = to.add(panel * inputs + input * width + first - panel);
            for y in 0..INPUT_SIDE {
                let line = points::<S>([half[0][y], half[1][y], half[2][y]]);
                for x in 0..INPUT_SIDE {
                    S::store(to.add((y * INPUT_SIDE + x) * inputs * all), line[x]);
                }
            }
        }
    }
}

/// One dimension of the transform.
#[inline(always)]
unsafe fn points<S: Simd>([a, b, c]: [S::Vector; 3]) -> [S::Vector; INPUT_SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let [sixth, far] = [S::splat(-1.0 / 6.0), S::splat(1.0 / 24.0)];
        let (near, wide, double) = (S::add(a, c), S::fma(S::splat(4.0), c, a), S::add(b, b));
        [
            S::mul(S::splat(0.25), a),
            S::mul(sixth, S::add(near, b)),
            S::mul(sixth, S::sub(near, b)),
            S::mul(far, S::add(wide, double)),
            S::mul(far, S::sub(wide, double)),
            c,
        ]
    }
}
