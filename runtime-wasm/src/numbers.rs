//! Conversion of JavaScript's numbers to integers.

use easel_runtime::{Error, Result};
use js_sys::BigInt;

/// A whole number from 0 to `max`. The error names it as `what`.
pub fn whole(what: &str, number: f64, max: u32) -> Result<u32> {
    if number.fract() == 0.0 && (0.0..=f64::from(max)).contains(&number) {
        return Ok(number as u32);
    }
    Err(Error::Engine(format!("{what} is {number}; give a whole number from 0 to {max}")))
}

/// A seed, from 0 to 2^64 - 1.
pub fn seed(number: BigInt) -> Result<u64> {
    let text = number.to_string(10).map_or_else(|_| String::new(), String::from);
    u64::try_from(number).map_err(|_| Error::Engine(format!("the seed is {text}; give one from 0 to {}", u64::MAX)))
}
