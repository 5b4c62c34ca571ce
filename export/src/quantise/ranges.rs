//! The ranges of numbers at the places where they are to be stored.

use easel_runtime::Tensor;

use super::recorder::Place;
use crate::{Error, Result};

/// Which shares of a picture's numbers, at either end, a range leaves out. What is rare costs the rest precision; which
/// share is best, pictures tell.
pub(super) const SHARES: [f64; 4] = [1e-3, 1e-4, 1e-5, 0.0];

/// A range for each share.
type Ends = [[f32; 2]; SHARES.len()];

/// The ranges of every place over the pictures so far: no picture has a larger share outside.
pub(super) struct Ranges(Vec<Vec<Ends>>);

impl Ranges {
    /// Of no picture yet.
    pub fn new(places: &[Place]) -> Self {
        let nothing = [[f32::INFINITY, f32::NEG_INFINITY]; SHARES.len()];
        Self(places.iter().map(|place| vec![nothing; place.ranges]).collect())
    }

    /// Takes in what a picture gave at each place, `[1, channel, height, width]`, a range's channels one after the other.
    pub fn observe(&mut self, outputs: Vec<(String, Tensor)>) -> Result<()> {
        for (found, (name, tensor)) in self.0.iter_mut().zip(outputs) {
            let mut values = tensor.into_f32()?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(Error::Verification(format!("{name} is not finite on a picture: the weights are broken")));
            }
            let length = values.len() / found.len();
            for (ends, values) in found.iter_mut().zip(values.chunks_exact_mut(length)) {
                for (range, [low, high]) in ends.iter_mut().zip(within(values)) {
                    *range = [range[0].min(low), range[1].max(high)];
                }
            }
        }
        Ok(())
    }

    /// The ranges of every place that leave out one of the [`SHARES`].
    pub fn leaving_out(&self, share: usize) -> Vec<Vec<[f32; 2]>> {
        self.0.iter().map(|place| place.iter().map(|ends| ends[share]).collect()).collect()
    }
}

/// The ranges of some numbers, which are put in another order.
fn within(values: &mut [f32]) -> Ends {
    let last = values.len() - 1;
    let left_out = |share: f64| ((share * values.len() as f64) as usize).min(last);
    let counts = SHARES.map(left_out);
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
    fn ends_are_left_out() {
        let mut values: Vec<f32> = (0..20_000).map(|at| ((at * 7919) % 20_000) as f32).collect();
        assert_eq!(within(&mut values), [[20.0, 19_979.0], [2.0, 19_997.0], [0.0, 19_999.0], [0.0, 19_999.0]]);
        assert_eq!(within(&mut [4.0]), [[4.0; 2]; 4]);
    }

    #[test]
    fn ranges_grow_with_pictures() {
        let places = [Place { name: "a".into(), ranges: 2 }, Place { name: "b".into(), ranges: 1 }];
        let mut ranges = Ranges::new(&places);
        for seed in [1, 2] {
            let mut values = Random::new(seed, 0).uniforms(32, -1.0, 1.0);
            values[3] = -2.0 * seed as f32;
            values[20] = 3.0;
            let tensor = Tensor::new([1, 4, 2, 4], values).unwrap();
            ranges.observe(vec![("a".into(), tensor.clone()), ("b".into(), tensor)]).unwrap();
        }
        let found = ranges.leaving_out(3);
        assert!(found[0][0][0] == -4.0 && found[0][0][1] < 1.0 && found[0][1][1] == 3.0, "{found:?}");
        assert_eq!(found[1], [[-4.0, 3.0]]);
        let broken = Tensor::new([1, 1, 1, 1], vec![f32::NAN]).unwrap();
        assert!(ranges.observe(vec![("a".into(), broken)]).is_err());
    }
}
