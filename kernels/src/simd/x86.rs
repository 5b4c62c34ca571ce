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
    unsafe fn transpose(
        from: *const f32,
        from_stride: usize,
        [rows, columns]: [usize; 2],
        to: *mut f32,
        to_stride: usize,
    ) {
        unsafe {
            let whole = rows == 8 && columns == 8;
            // Macros, since closures would lack the instructions.
            macro_rules! load {
                ($row:expr) => {
                    match whole {
                        true => Self::load(from.add($row * from_stride)),
                        false if $row < rows => Self::load_part(from.add($row * from_stride), columns),
                        false => Self::splat(0.0),
                    }
                };
            }
            // In vector `c`, column `c` of both halves.
            macro_rules! four {
                ($first:expr) => {{
                    let [a, b, c, d] = [load!($first), load!($first + 1), load!($first + 2), load!($first + 3)];
                    let [ab, cd] = [_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d)];
                    let [ab2, cd2] = [_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d)];
                    [
                        _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
                        _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
                        _mm256_shuffle_ps::<0b01_00_01_00>(ab2, cd2),
                        _mm256_shuffle_ps::<0b11_10_11_10>(ab2, cd2),
                    ]
                }};
            }
            let (a, b) = (four!(0), four!(4));
            let result = [
                _mm256_permute2f128_ps::<0x20>(a[0], b[0]),
                _mm256_permute2f128_ps::<0x20>(a[1], b[1]),
                _mm256_permute2f128_ps::<0x20>(a[2], b[2]),
                _mm256_permute2f128_ps::<0x20>(a[3], b[3]),
                _mm256_permute2f128_ps::<0x31>(a[0], b[0]),
                _mm256_permute2f128_ps::<0x31>(a[1], b[1]),
                _mm256_permute2f128_ps::<0x31>(a[2], b[2]),
                _mm256_permute2f128_ps::<0x31>(a[3], b[3]),
            ];
            for (column, values) in result.into_iter().enumerate() {
                if whole {
                    Self::store(to.add(column * to_stride), values);
                } else if column < columns {
                    Self::store_part(to.add(column * to_stride), values, rows);
                }
            }
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
    unsafe fn transpose(
        from: *const f32,
        from_stride: usize,
        [rows, columns]: [usize; 2],
        to: *mut f32,
        to_stride: usize,
    ) {
        unsafe {
            let whole = rows == 16 && columns == 16;
            // Macros, since closures would lack the instructions.
            macro_rules! load {
                ($row:expr) => {
                    match whole {
                        true => Self::load(from.add($row * from_stride)),
                        false if $row < rows => Self::load_part(from.add($row * from_stride), columns),
                        false => Self::splat(0.0),
                    }
                };
            }
            // In vector `c`, column `c` of each quarter.
            macro_rules! four {
                ($first:expr) => {{
                    let [a, b, c, d] = [load!($first), load!($first + 1), load!($first + 2), load!($first + 3)];
                    let [ab, cd] = [_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d)];
                    let [ab2, cd2] = [_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)];
                    [
                        _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd),
                        _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd),
                        _mm512_shuffle_ps::<0b01_00_01_00>(ab2, cd2),
                        _mm512_shuffle_ps::<0b11_10_11_10>(ab2, cd2),
                    ]
                }};
            }
            let [a, b, c, d] = [four!(0), four!(4), four!(8), four!(12)];
            // Then the quarters change places.
            for column in 0..4 {
                let [a, b, c, d] = [a[column], b[column], c[column], d[column]];
                let [ab, cd] =
                    [_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b10_00_10_00>(c, d)];
                let [ab2, cd2] =
                    [_mm512_shuffle_f32x4::<0b11_01_11_01>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d)];
                let quarters = [
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd),
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab2, cd2),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab2, cd2),
                ];
                for (quarter, values) in quarters.into_iter().enumerate() {
                    let column = quarter * 4 + column;
                    if whole {
                        Self::store(to.add(column * to_stride), values);
                    } else if column < columns {
                        Self::store_part(to.add(column * to_stride), values, rows);
                    }
                }
            }
        }
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
