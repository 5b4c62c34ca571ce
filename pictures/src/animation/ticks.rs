//! Delays in the units of a format.

use std::time::Duration;

/// Converts the times at which frames end to delays. Times are rounded from the beginning, so that rounding errors do
/// not add up.
pub struct Ticks {
    per_second: u64,
    passed: u64,
}

impl Ticks {
    pub fn new(per_second: u64) -> Self {
        Self { per_second, passed: 0 }
    }

    /// The delay of a frame that is shown until `until` after the beginning.
    pub fn delay(&mut self, until: Duration) -> u32 {
        const SECOND: u128 = 1_000_000_000;
        let end = ((until.as_nanos() * u128::from(self.per_second) + SECOND / 2) / SECOND) as u64;
        let delay = end.saturating_sub(self.passed);
        self.passed = end;
        u32::try_from(delay).unwrap_or(u32::MAX)
    }
}
