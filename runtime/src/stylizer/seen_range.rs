//! The range of a model's output, by the values that were seen.

use super::Range;

/// The share of values at each end that is ignored.
const IGNORED: f64 = 0.05;

/// Below this the black of a range is negative; values from 0 to 1 overshoot less.
const NEGATIVE: f32 = -0.4;

/// The output values of a picture from black to white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeenRange {
    /// The lowest value, without outliers.
    pub low: f32,
    /// The highest value, without outliers.
    pub high: f32,
}

impl SeenRange {
    /// Of finite values. Both ends are 0 if there are none.
    pub fn of(values: &[f32]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let ignored = (sorted.len() as f64 * IGNORED) as usize;
        let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
        Self { low: at(ignored), high: at(sorted.len().saturating_sub(1 + ignored)) }
    }

    /// The narrowest range that has these values, if one does. A network's output may overshoot it a little.
    pub fn range(self) -> Option<Range> {
        let Self { low, high } = self;
        let within = |least: f32, most: f32| low >= least && high <= most;
        if low >= NEGATIVE {
            return if high <= 1.5 { Some(Range::Unit) } else { within(NEGATIVE, 384.0).then_some(Range::Byte) };
        }
        [(-1.1, 1.1, Range::Signed), (-2.5, 3.0, Range::ImageNet), (-128.0, 384.0, Range::Byte)]
            .into_iter()
            .find_map(|(least, most, range)| within(least, most).then_some(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread values.
    fn spread(low: f32, high: f32) -> SeenRange {
        let values: Vec<f32> = (0..=200).rev().map(|at| low + (high - low) * at as f32 / 200.0).collect();
        SeenRange::of(&values)
    }

    #[test]
    fn values_tell_their_range() {
        for (low, high, range) in [
            (0.0, 1.0, Some(Range::Unit)),
            (-0.2, 1.3, Some(Range::Unit)),
            (0.3, 0.3, Some(Range::Unit)),
            (-1.0, 1.0, Some(Range::Signed)),
            (-0.9, 0.2, Some(Range::Signed)),
            (-2.1, 2.6, Some(Range::ImageNet)),
            (0.0, 255.0, Some(Range::Byte)),
            (-30.0, 290.0, Some(Range::Byte)),
            (0.0, 20.0, Some(Range::Byte)),
            (0.0, 65_535.0, None),
            (-1e6, 0.0, None),
        ] {
            assert_eq!(spread(low, high).range(), range, "{low} {high}");
        }
    }

    #[test]
    fn outliers_are_ignored() {
        let mut values = vec![0.5; 98];
        values.extend([-700.0, 900.0]);
        assert_eq!(SeenRange::of(&values), SeenRange { low: 0.5, high: 0.5 });
        assert_eq!(SeenRange::of(&[]).range(), Some(Range::Unit));
    }
}
