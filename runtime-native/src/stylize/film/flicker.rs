//! How much a result changes where its film hardly does.

use serde_json::{Value, json};

use super::likeness::{Likeness, of_levels};

/// Cells of a film hardly change that are no farther apart than so many levels of 255, root mean square: what a poor
/// camera's noise is.
const HARDLY: f32 = 16.0;

/// A film's flicker: over all frames but the first, the mean absolute change of a channel from the frame before, in levels
/// of 255, in those parts where the film hardly changes, along its motion. It is the warping error of Lai et al. 2018
/// (arXiv 1808.00449) with absolute in place of squared differences, so that it is in levels.
///
/// Where nothing moves and no camera's noise is in it, the film's own is 0. What changes beyond the threshold, at a cut or
/// where something appears, is not counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flicker {
    film: f64,
    result: f64,
    counted: u64,
    all: u64,
}

impl Flicker {
    /// Adds a frame: the film and the result as they are, and as they were, moved along.
    pub fn add(&mut self, width: usize, likeness: &Likeness, film: (&[u8], &[u8]), result: (&[u8], &[f32])) {
        let least = of_levels(HARDLY);
        let pixels = film.0.chunks_exact(3).zip(film.1.chunks_exact(3));
        let results = result.0.chunks_exact(3).zip(result.1.chunks_exact(3));
        let (mut of_film, mut of_result) = (0u64, 0f64);
        for (at, ((film, film_before), (made, made_before))) in pixels.zip(results).enumerate() {
            self.all += 1;
            if likeness.of_cell(at % width, at / width) >= least {
                self.counted += 1;
                of_film += film.iter().zip(film_before).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
                let change = |(a, b): (&u8, &f32)| f64::from((f32::from(*a) - b).abs());
                of_result += made.iter().zip(made_before).map(change).sum::<f64>();
            }
        }
        self.film += of_film as f64;
        self.result += of_result;
    }

    /// That of the result and that of the film; none where all of it changes.
    pub fn levels(&self) -> Option<(f64, f64)> {
        let mean = |sum: f64| sum / (3.0 * self.counted as f64);
        (self.counted > 0).then(|| (mean(self.result), mean(self.film)))
    }

    /// The share of the film that hardly changes, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.counted as f64 / self.all.max(1) as f64
    }

    /// For `--json`.
    pub fn to_json(self) -> Value {
        let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
        self.levels().map_or(Value::Null, |(result, film)| {
            json!({ "result": rounded(result), "film": rounded(film), "share": rounded(self.share()) })
        })
    }
}
