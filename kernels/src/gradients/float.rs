//! The element types of the kernels.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

mod sealed {
    /// Scratch memory is read as elements without a check, so that each bit pattern must be one.
    pub trait Sealed {}

    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32`, which networks use, and `f64`, in which their gradients are checked. No other type implements it.
pub trait Float:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + MulAssign
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Minus infinity.
    const LOWEST: Self;

    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The value as float64.
    fn to_f64(self) -> f64;
    /// The square root.
    fn sqrt(self) -> Self;
    /// e to this power.
    fn exp(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Whether it is NaN.
    fn is_nan(self) -> bool;

    /// The values as float32, if that is what they are.
    fn singles(values: &[Self]) -> Option<&[f32]>;
    /// Values of float32 as this type.
    fn from_singles(values: Vec<f32>) -> Vec<Self>;
}

macro_rules! float {
    ($float:ty, $singles:expr, $from_singles:expr) => {
        impl Float for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = <$float>::NEG_INFINITY;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                <$float>::sqrt(self)
            }

            #[inline(always)]
            fn exp(self) -> Self {
                <$float>::exp(self)
            }

            #[inline(always)]
            fn tanh(self) -> Self {
                <$float>::tanh(self)
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                <$float>::is_nan(self)
            }

            #[inline(always)]
            fn singles(values: &[Self]) -> Option<&[f32]> {
                $singles(values)
            }

            #[inline(always)]
            fn from_singles(values: Vec<f32>) -> Vec<Self> {
                $from_singles(values)
            }
        }
    };
}

float!(f32, Some, |values| values);
float!(f64, |_| None, |values: Vec<f32>| values.into_iter().map(f64::from).collect());
