//! Loops compiled for the vector units of the processors that have them.

/// Defines a function whose body is compiled for AVX-512 and AVX2 too; the best version that the machine has runs. Its
/// result does not depend on the version: Rust neither reorders sums nor fuses products with them.
macro_rules! vectorised {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident[$($generics:tt)*]($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? $body:block
    ) => {
        $(#[$attribute])*
        $visibility fn $name<$($generics)*>($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn plain<$($generics)*>($($argument: $kind),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            fn avx512<$($generics)*>($($argument: $kind),*) $(-> $result)? {
                plain($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<$($generics)*>($($argument: $kind),*) $(-> $result)? {
                plain($($argument),*)
            }
            match $crate::Level::detect() {
                // SAFETY: the machine has the level's instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Level::Avx512 => unsafe { avx512($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Level::Avx2 => unsafe { avx2($($argument),*) },
                _ => plain($($argument),*),
            }
        }
    };
}
pub(crate) use vectorised;
