//! Checks of single values. Each error names the setting, its value and what is expected.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::{Error, Result};

fn require(holds: bool, name: &'static str, value: impl Display, expected: impl Display) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::Setting { name, value: value.to_string(), expected: expected.to_string() }),
    }
}

/// A value within a range.
pub fn within<T: PartialOrd + Display>(name: &'static str, value: T, range: RangeInclusive<T>) -> Result<()> {
    let expected = format!("a number from {} to {}", range.start(), range.end());
    require(range.contains(&value), name, value, expected)
}

/// A finite number above 0: a learning rate.
pub fn above_zero(name: &'static str, value: f64) -> Result<()> {
    require(value > 0.0 && value.is_finite(), name, value, "a number above 0")
}

/// A finite number of at least 0: a weight of a loss.
pub fn finite_from_zero(name: &'static str, value: f64) -> Result<()> {
    require(value >= 0.0 && value.is_finite(), name, value, "a finite number of at least 0")
}

/// A number in `[0, 1)`: an EMA decay, or a probability below 1.
pub fn decay(name: &'static str, value: f64) -> Result<()> {
    require((0.0..1.0).contains(&value), name, value, "a number of at least 0 and below 1")
}

/// A number in `(0, 1)`: a part that leaves something on both sides.
pub fn fraction(name: &'static str, value: f64) -> Result<()> {
    require(value > 0.0 && value < 1.0, name, value, "a number between 0 and 1")
}

/// One of a few values.
pub fn one_of<T: PartialEq + Display>(name: &'static str, value: T, values: &[T]) -> Result<()> {
    let expected: Vec<_> = values.iter().map(T::to_string).collect();
    require(values.contains(&value), name, value, expected.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_setting_its_value_and_what_is_expected() {
        let error = within("batch", 0, 1..=8).unwrap_err();
        assert!(matches!(error, Error::Setting { name: "batch", .. }));
        assert_eq!(error.to_string(), "batch is 0; expected a number from 1 to 8");
        for refused in [
            above_zero("lr", f64::NAN),
            above_zero("lr", f64::INFINITY),
            finite_from_zero("drift", -1.0),
            decay("ema_decay", 1.0),
            fraction("validation_split", 0.0),
            one_of("channels", 2, &[1, 3]),
        ] {
            assert!(matches!(refused, Err(Error::Setting { .. })), "{refused:?}");
        }
        decay("ema_decay", 0.0).unwrap();
    }
}
