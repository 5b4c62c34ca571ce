//! Operations on pairs of values.

use crate::copy::Rows;
use crate::parallel::with_scratch;
use crate::rows::{bands, for_each_band, read_band};
use crate::{Level, Target, View};

/// An operation on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// The sum.
    Add,
    /// The difference.
    Sub,
    /// The product.
    Mul,
    /// The quotient.
    Div,
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
}

impl Binary {
    /// The operation.
    pub fn apply(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Max => a.max(b),
            Self::Min => a.min(b),
        }
    }

    fn apply_all(self, a: &mut [f32], b: &[f32]) {
        fn each(a: &mut [f32], b: &[f32], f: impl Fn(f32, f32) -> f32) {
            a.iter_mut().zip(b).for_each(|(a, &b)| *a = f(*a, b));
        }
        match self {
            Self::Add => each(a, b, |a, b| a + b),
            Self::Sub => each(a, b, |a, b| a - b),
            Self::Mul => each(a, b, |a, b| a * b),
            Self::Div => each(a, b, |a, b| a / b),
            Self::Max => each(a, b, f32::max),
            Self::Min => each(a, b, f32::min),
        }
    }
}

/// Combines two views of the same dimensions, value by value.
///
/// # Panics
/// If the views differ in their dimensions, or the target is too small.
pub fn combine(operation: Binary, [a, b]: [&View; 2], target: Target, level: Level) {
    a.check();
    b.check();
    let (batch, channels, size) = (a.pictures.batch, a.pictures.channels, a.size());
    assert_eq!((batch, channels, size), (b.pictures.batch, b.pictures.channels, b.size()), "the views' dimensions");
    let rows = Rows::new(target, batch, channels, size);
    for_each_band(&bands(batch, size, channels), |_, band| {
        let length = band.rows * size[1] * channels;
        with_scratch(2 * length, |scratch| {
            let (left, right) = scratch.split_at_mut(length);
            read_band(level, a, band, left);
            read_band(level, b, band, right);
            operation.apply_all(left, right);
            // SAFETY: bands do not overlap.
            unsafe { rows.write(band, left) };
        });
    });
}

/// Changes each value of a view.
///
/// # Panics
/// If the target is too small.
pub fn map(view: &View, function: impl Fn(f32) -> f32 + Sync + Send, target: Target, level: Level) {
    view.check();
    let (batch, channels, size) = (view.pictures.batch, view.pictures.channels, view.size());
    let rows = Rows::new(target, batch, channels, size);
    for_each_band(&bands(batch, size, channels), |_, band| {
        with_scratch(band.rows * size[1] * channels, |values| {
            read_band(level, view, band, values);
            values.iter_mut().for_each(|value| *value = function(*value));
            // SAFETY: bands do not overlap.
            unsafe { rows.write(band, values) };
        });
    });
}
