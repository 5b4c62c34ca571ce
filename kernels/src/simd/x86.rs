//! AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::Simd;
use crate::tile::{Tile, multiply};

#[derive(Clone, Copy)]
pub(crate) struct Avx2;

impl Simd for Avx2 {
    type Vector = __m256;
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    const ROWS: &'static [usize] = &[8, 6];

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, values: __m256) {
        unsafe { _mm256_storeu_ps(to, values) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn sum(values: __m256) -> f32 {
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps::<1>(values));
            let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps::<1>(quarter, quarter)))
        }
    }

    #[inline(always)]
    unsafe fn tile(vectors: usize, rows: usize, tile: &Tile) {
        unsafe {
            match (vectors, rows) {
                (1, ..=4) => multiply::<Self, 1, 4>(tile),
                (1, _) => multiply::<Self, 1, 8>(tile),
                (_, ..=2) => multiply::<Self, 2, 2>(tile),
                (_, ..=4) => multiply::<Self, 2, 4>(tile),
                _ => multiply::<Self, 2, 6>(tile),
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Avx512;

impl Simd for Avx512 {
    type Vector = __m512;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    const ROWS: &'static [usize] = &[12, 12, 8, 6];

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, values: __m512) {
        unsafe { _mm512_storeu_ps(to, values) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn sum(values: __m512) -> f32 {
        unsafe { _mm512_reduce_add_ps(values) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps((1u32 << count).wrapping_sub(1) as u16, from) }
    }

    #[inline(always)]
    unsafe fn store_part(to: *mut f32, values: __m512, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, (1u32 << count).wrapping_sub(1) as u16, values) }
    }

    #[inline(always)]
    unsafe fn tile(vectors: usize, rows: usize, tile: &Tile) {
        unsafe {
            match (vectors, rows) {
                (1, ..=4) => multiply::<Self, 1, 4>(tile),
                (1, _) => multiply::<Self, 1, 12>(tile),
                (2, ..=4) => multiply::<Self, 2, 4>(tile),
                (2, ..=8) => multiply::<Self, 2, 8>(tile),
                (2, _) => multiply::<Self, 2, 12>(tile),
                (3, ..=4) => multiply::<Self, 3, 4>(tile),
                (3, _) => multiply::<Self, 3, 8>(tile),
                (_, ..=2) => multiply::<Self, 4, 2>(tile),
                (_, ..=4) => multiply::<Self, 4, 4>(tile),
                _ => multiply::<Self, 4, 6>(tile),
            }
        }
    }
}
