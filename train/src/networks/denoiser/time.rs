//! What the denoiser is told of time, before it embeds it.

use super::{Conditioning, Sizes};
use crate::param::Scope;
use crate::{Param, Result, Value};

/// The wavelengths of the sinusoids go from 2 pi to this times 2 pi.
const LONGEST: f64 = 1e4;

/// The elements of a time's row.
pub fn width(sizes: &Sizes) -> usize {
    match sizes.conditioning {
        Conditioning::Input => 1,
        Conditioning::EveryBlock => 2 * sizes.embedding.div_ceil(2),
    }
}

/// A row for each time: `t / times` for a network that is told time at its input, else `sin(t w_k)` and then
/// `cos(t w_k)` for `w_k = 10000^(-k / half)`, half being half the embedding.
pub fn rows(sizes: &Sizes) -> Vec<f32> {
    let half = width(sizes) / 2;
    let row = |t: usize| -> Vec<f32> {
        let angle = |k: usize| t as f64 * LONGEST.powf(-(k as f64) / half as f64);
        match sizes.conditioning {
            Conditioning::Input => vec![(t as f64 / sizes.times as f64) as f32],
            Conditioning::EveryBlock => {
                let sines = (0..half).map(|k| angle(k).sin() as f32);
                sines.chain((0..half).map(|k| angle(k).cos() as f32)).collect()
            }
        }
    };
    (0..sizes.times).flat_map(row).collect()
}

/// [`rows`], to be looked up.
#[derive(Debug, Clone)]
pub struct TimeTable(Param);

impl TimeTable {
    /// The table for a network of these sizes.
    pub fn new(scope: &Scope, sizes: &Sizes) -> Result<Self> {
        Ok(Self(scope.constant("time_table", &[sizes.times, width(sizes)], rows(sizes))?))
    }

    /// Times `[batch]` of int64 to rows `[batch, width]`.
    pub fn forward<V: Value>(&self, t: &V) -> Result<V> {
        t.lookup(&self.0)
    }
}
