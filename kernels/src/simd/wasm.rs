//! WebAssembly SIMD. A module either has the relaxed multiply-add or not: whoever loads it chooses.

use std::arch::wasm32::*;

use super::Simd;
use crate::tile::{Tile, multiply};

#[derive(Clone, Copy)]
pub(crate) struct Wasm;

impl Simd for Wasm {
    type Vector = v128;
    const LANES: usize = 4;
    const REGISTERS: usize = 16;
    const ROWS: &'static [usize] = &[6, 4];

    #[inline(always)]
    unsafe fn splat(value: f32) -> v128 {
        f32x4_splat(value)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> v128 {
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, values: v128) {
        unsafe { v128_store(to.cast(), values) }
    }

    #[inline(always)]
    unsafe fn add(a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    unsafe fn sub(a: v128, b: v128) -> v128 {
        f32x4_sub(a, b)
    }

    #[inline(always)]
    unsafe fn mul(a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    unsafe fn max(a: v128, b: v128) -> v128 {
        f32x4_pmax(b, a)
    }

    #[inline(always)]
    unsafe fn min(a: v128, b: v128) -> v128 {
        f32x4_pmin(b, a)
    }

    #[inline(always)]
    unsafe fn fma(a: v128, b: v128, c: v128) -> v128 {
        #[cfg(target_feature = "relaxed-simd")]
        return f32x4_relaxed_madd(a, b, c);
        #[cfg(not(target_feature = "relaxed-simd"))]
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    unsafe fn tile(vectors: usize, rows: usize, tile: &Tile) {
        unsafe {
            match (vectors, rows) {
                (1, _) => multiply::<Self, 1, 6>(tile),
                (_, ..=2) => multiply::<Self, 2, 2>(tile),
                _ => multiply::<Self, 2, 4>(tile),
            }
        }
    }
}
