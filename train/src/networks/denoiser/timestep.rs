//! The encoding of timesteps, before the denoiser embeds it.

use super::{Conditioning, Sizes};
use crate::param::Scope;
use crate::{Param, Result, Value};

/// The wavelengths of the sinusoids go from 2 pi to this times 2 pi.
const LONGEST: f64 = 1e4;

/// The number of elements of a timestep's encoding.
pub fn width(sizes: &Sizes) -> usize {
    match sizes.conditioning {
        Conditioning::Input => 1,
        Conditioning::EveryBlock => 2 * sizes.embedding_size.div_ceil(2),
    }
}

/// The encoding of each timestep: `t / timesteps` for a network that is conditioned at its input, else `sin(t w_k)` and
/// then `cos(t w_k)` for `w_k = 10000^(-k / half)`, where `half` is half of the embedding size.
pub fn rows(sizes: &Sizes) -> Vec<f32> {
    let half = width(sizes) / 2;
    let row = |t: usize| -> Vec<f32> {
        let angle = |k: usize| t as f64 * LONGEST.powf(-(k as f64) / half as f64);
        match sizes.conditioning {
            Conditioning::Input => vec![(t as f64 / sizes.timesteps as f64) as f32],
            Conditioning::EveryBlock => {
                let sines = (0..half).map(|k| angle(k).sin() as f32);
                sines.chain((0..half).map(|k| angle(k).cos() as f32)).collect()
            }
        }
    };
    (0..sizes.timesteps).flat_map(row).collect()
}

/// A table of the [`rows`], for lookups.
#[derive(Debug, Clone)]
pub struct TimestepTable(Param);

impl TimestepTable {
    /// The table for a network of these sizes.
    pub fn new(scope: &Scope, sizes: &Sizes) -> Result<Self> {
        Ok(Self(scope.constant("time_table", &[sizes.timesteps, width(sizes)], rows(sizes))?))
    }

    /// Timesteps `[batch]`, int64, to encodings `[batch, width]`.
    pub fn forward<V: Value>(&self, t: &V) -> Result<V> {
        t.lookup(&self.0)
    }
}
