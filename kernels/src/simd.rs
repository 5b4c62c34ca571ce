//! The instruction sets, behind one interface for kernels.

#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod wasm;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

use std::sync::OnceLock;

use crate::tile::Tile;

/// A set of instructions that kernels are compiled for. Those that a machine may lack come from [`Level::available`] and
/// [`Level::detect`] alone: other crates cannot name them as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No SIMD instructions but those that the compiler chooses.
    Plain,
    /// WebAssembly SIMD, with relaxed multiply-add where the module was built for it.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Wasm,
    /// Arm's NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    #[non_exhaustive]
    Avx2,
    /// AVX-512 F.
    #[cfg(target_arch = "x86_64")]
    #[non_exhaustive]
    Avx512,
}

/// The environment variable that names a lower level than the machine's, for tests: `plain` or `avx2`.
pub const LEVEL_VARIABLE: &str = "EASEL_SIMD";

impl Level {
    /// The best level of this machine, or that of [`LEVEL_VARIABLE`].
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Level> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let available = Self::available();
            let best = available[available.len() - 1];
            let named = std::env::var(LEVEL_VARIABLE).unwrap_or_default();
            available.into_iter().find(|level| level.name().eq_ignore_ascii_case(&named)).unwrap_or(best)
        })
    }

    /// The levels that this machine can run, the best one last.
    pub fn available() -> Vec<Self> {
        let levels = vec![Self::Plain];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let levels = [levels, vec![Self::Wasm]].concat();
        #[cfg(target_arch = "aarch64")]
        let levels = [levels, vec![Self::Neon]].concat();
        #[cfg(target_arch = "x86_64")]
        let levels = {
            let mut levels = levels;
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    levels.push(Self::Avx512);
                }
            }
            levels
        };
        levels
    }

    /// The name: `AVX-512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Wasm if cfg!(target_feature = "relaxed-simd") => "relaxed SIMD",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Wasm => "SIMD",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "NEON",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
        }
    }

    /// The number of values in a vector.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::Plain => scalar::Scalar::LANES,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Wasm => wasm::Wasm::LANES,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => neon::Neon::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::Avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::Avx512::LANES,
        }
    }

    /// The most vectors of outputs that a tile has.
    pub(crate) fn vectors(self) -> usize {
        match self {
            Self::Plain => scalar::Scalar::ROWS.len(),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Wasm => wasm::Wasm::ROWS.len(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => neon::Neon::ROWS.len(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::Avx2::ROWS.len(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::Avx512::ROWS.len(),
        }
    }
}

/// Vectors of float32 of one instruction set.
///
/// # Safety
/// The functions may only be called on a processor with these instructions; those with pointers read or write `LANES`
/// values (or `count`, fewer) there, at any alignment.
pub(crate) trait Simd: Copy {
    /// A vector.
    type Vector: Copy;
    /// The number of values in it.
    const LANES: usize;
    /// The rows of a tile of one vector of columns, two vectors, and so on: what fits into the registers.
    const ROWS: &'static [usize];

    /// The number of vector registers.
    const REGISTERS: usize;

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn store(to: *mut f32, values: Self::Vector);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger value, and `b` where `a` is NaN or both are zeros.
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`.
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Multiplies a tile whose columns are this number of vectors. At least this number of rows is computed, and at most
    /// those of [`Self::ROWS`].
    unsafe fn tile(vectors: usize, rows: usize, tile: &Tile);

    #[inline(always)]
    unsafe fn sum(values: Self::Vector) -> f32 {
        let mut all = [0f32; 16];
        // SAFETY: a vector has at most 16 values.
        unsafe { Self::store(all.as_mut_ptr(), values) };
        // By halves, as a tree.
        let mut length = Self::LANES;
        while length > 1 {
            length /= 2;
            for at in 0..length {
                all[at] += all[at + length];
            }
        }
        all[0]
    }

    /// Transposes a block of at most `LANES` rows and columns: writes `columns` rows of `rows` values.
    #[cfg_attr(not(feature = "gradients"), allow(dead_code))]
    #[inline(always)]
    unsafe fn transpose(
        from: *const f32,
        from_stride: usize,
        [rows, columns]: [usize; 2],
        to: *mut f32,
        to_stride: usize,
    ) {
        for column in 0..columns {
            for row in 0..rows {
                // SAFETY: the caller's.
                unsafe { *to.add(column * to_stride + row) = *from.add(row * from_stride + column) }
            }
        }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self::Vector {
        let mut all = [0f32; 16];
        // SAFETY: the caller's.
        unsafe {
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), count);
            Self::load(all.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_part(to: *mut f32, values: Self::Vector, count: usize) {
        let mut all = [0f32; 16];
        // SAFETY: the caller's.
        unsafe {
            Self::store(all.as_mut_ptr(), values);
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, count);
        }
    }
}

/// Defines a function that calls a generic one with the vectors of a level: `dispatch!(fn name(level, a: A) = generic)`.
macro_rules! dispatch {
    ($visibility:vis unsafe fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? = $generic:ident) => {
        /// # Safety
        /// As the function that it calls; the machine has the level.
        #[allow(clippy::too_many_arguments)]
        $visibility unsafe fn $name(level: $crate::Level, $($argument: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512($($argument: $kind),*) $(-> $result)? {
                // SAFETY: the caller's.
                unsafe { $generic::<$crate::simd::x86::Avx512>($($argument),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($argument: $kind),*) $(-> $result)? {
                // SAFETY: the caller's.
                unsafe { $generic::<$crate::simd::x86::Avx2>($($argument),*) }
            }
            // SAFETY: the caller's.
            unsafe {
                match level {
                    $crate::Level::Plain => $generic::<$crate::simd::scalar::Scalar>($($argument),*),
                    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                    $crate::Level::Wasm => $generic::<$crate::simd::wasm::Wasm>($($argument),*),
                    #[cfg(target_arch = "aarch64")]
                    $crate::Level::Neon => $generic::<$crate::simd::neon::Neon>($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::Level::Avx2 => avx2($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::Level::Avx512 => avx512($($argument),*),
                }
            }
        }
    };
}
pub(crate) use dispatch;
