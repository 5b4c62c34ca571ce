//! The ranges of activations at the points where they are quantised.

use easel_runtime::Tensor;

use super::recorder::QuantisationPoint;
use crate::error::{Error, Result};

/// The fractions of a picture's values that a range clips at either end. Clipping outliers makes the rest more precise;
/// the best fraction is found by trying all.
pub(super) const CLIPPED: [f64; 4] = [1e-3, 1e-4, 1e-5, 0.0];

/// A range for each clipped fraction.
type Clipped = [[f32; 2]; CLIPPED.len()];

/// The ranges of every point over the pictures so far: of no picture is a larger fraction outside.
pub(super) struct Ranges(Vec<Vec<Clipped>>);

impl Ranges {
    /// Empty ranges.
    pub fn new(points: &[QuantisationPoint]) -> Self {
        let empty = [[f32::INFINITY, f32::NEG_INFINITY]; CLIPPED.len()];
        Self(points.iter().map(|point| vec![empty; point.ranges]).collect())
    }

    /// Extends the ranges by a picture's values at each point, `[1, channel, height, width]`; the channels of a range are
    /// adjacent.
    pub fn observe(&mut self, outputs: Vec<(String, Tensor)>) -> Result<()> {
        for (found, (name, tensor)) in self.0.iter_mut().zip(outputs) {
            let mut values = tensor.into_f32()?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(Error::NotFinite { value: name });
            }
            let length = values.len() / found.len();
            for (ranges, values) in found.iter_mut().zip(values.chunks_exact_mut(length)) {
                for (range, [low, high]) in ranges.iter_mut().zip(ranges_of(values)) {
                    *range = [range[0].min(low), range[1].max(high)];
                }
            }
        }
        Ok(())
    }

    /// The ranges of every point with one of the fractions [`CLIPPED`], by its index.
    pub fn clipped(&self, fraction: usize) -> Vec<Vec<[f32; 2]>> {
        self.0.iter().map(|point| point.iter().map(|ranges| ranges[fraction]).collect()).collect()
    }
}

/// The ranges of some values, which are reordered.
fn ranges_of(values: &mut [f32]) -> Clipped {
    let last = values.len() - 1;
    let counts = CLIPPED.map(|fraction| ((fraction * values.len() as f64) as usize).min(last));
    // Only the ends are sorted.
    let most = counts[0];
    values.select_nth_unstable_by(most, f32::total_cmp);
    values[..=most].sort_unstable_by(f32::total_cmp);
    let lows = counts.map(|count| values[count]);
    values.select_nth_unstable_by(last - most, f32::total_cmp);
    values[last - most..].sort_unstable_by(f32::total_cmp);
    std::array::from_fn(|at| [lows[at], values[last - counts[at]]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Random;

    #[test]
    fn outliers_are_clipped() {
        let mut values: Vec<f32> = (0..20_000).map(|at| ((at * 7919) % 20_000) as f32).collect();
        assert_eq!(ranges_of(&mut values), [[20.0, 19_979.0], [2.0, 19_997.0], [0.0, 19_999.0], [0.0, 19_999.0]]);
        assert_eq!(ranges_of(&mut [4.0]), [[4.0; 2]; 4]);
    }

    #[test]
    fn pictures_extend_the_ranges() {
        let points = [("a", 2), ("b", 1)].map(|(name, ranges)| QuantisationPoint { name: name.into(), ranges });
        let mut ranges = Ranges::new(&points);
        for seed in [1, 2] {
            let mut values = Random::new(seed, 0).uniforms(32, -1.0, 1.0);
            values[3] = -2.0 * seed as f32;
            values[20] = 3.0;
            let tensor = Tensor::new([1, 4, 2, 4], values).unwrap();
            ranges.observe(vec![("a".into(), tensor.clone()), ("b".into(), tensor)]).unwrap();
        }
        let found = ranges.clipped(3);
        assert!(found[0][0][0] == -4.0 && found[0][0][1] < 1.0 && found[0][1][1] == 3.0, "{found:?}");
        assert_eq!(found[1], [[-4.0, 3.0]]);
        let broken = Tensor::new([1, 1, 1, 1], vec![f32::NAN]).unwrap();
        let error = ranges.observe(vec![("a".into(), broken)]).unwrap_err();
        assert!(matches!(error, Error::NotFinite { value } if value == "a"));
    }
}
