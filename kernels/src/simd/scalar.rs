//! Vectors of four values as arrays, for the compiler to make of them what it can.

use super::Simd;
use crate::tile::{Tile, multiply};

#[derive(Clone, Copy)]
pub(crate) struct Scalar;

#[inline(always)]
fn zip(a: [f32; 4], b: [f32; 4], of: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    std::array::from_fn(|at| of(a[at], b[at]))
}

impl Simd for Scalar {
    type Vector = [f32; 4];
    const LANES: usize = 4;
    const REGISTERS: usize = 16;
    const ROWS: &'static [usize] = &[4, 4];

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, values: [f32; 4]) {
        unsafe { to.cast::<[f32; 4]>().write_unaligned(values) }
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // Rounded twice: without instructions for it, `mul_add` is a slow function.
        std::array::from_fn(|at| a[at] * b[at] + c[at])
    }

    #[inline(always)]
    unsafe fn tile(vectors: usize, rows: usize, tile: &Tile) {
        unsafe {
            match (vectors, rows) {
                (1, _) => multiply::<Self, 1, 4>(tile),
                (_, ..=2) => multiply::<Self, 2, 2>(tile),
                _ => multiply::<Self, 2, 4>(tile),
            }
        }
    }
}
