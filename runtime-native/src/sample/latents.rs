//! The latent vectors of the pictures.

use easel_runtime::walk::Walk;
use easel_runtime::{ModelCard, Result, Tensor, generator};

use super::names;
use super::plan::Selection;

/// The default number of pictures.
const DEFAULT_COUNT: usize = 64;

/// The latent vectors of every picture in turn.
pub enum Latents<'a> {
    Seed { card: &'a ModelCard, seed: u64, count: usize },
    Seeds { card: &'a ModelCard, seeds: &'a [u64] },
    Walk(Walk),
}

impl<'a> Latents<'a> {
    /// Fails if the model is not a generator.
    pub fn new(card: &'a ModelCard, selection: &'a Selection) -> Result<Self> {
        let latent = card.latent()?;
        Ok(match selection {
            &Selection::Seed { seed, count } => Self::Seed { card, seed, count: count.unwrap_or(DEFAULT_COUNT) },
            Selection::Seeds(seeds) => Self::Seeds { card, seeds },
            Selection::Walk { seeds, steps, closed } => {
                Self::Walk(Walk::new(latent, generator::latents_of_seeds(card, seeds)?, *steps, *closed)?)
            }
        })
    }

    /// How many pictures there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Seed { count, .. } => *count,
            Self::Seeds { seeds, .. } => seeds.len(),
            Self::Walk(walk) => walk.len(),
        }
    }

    /// The latent vectors of the pictures `first .. first + count`.
    pub fn batch(&self, first: usize, count: usize) -> Result<Tensor> {
        match self {
            Self::Seed { card, seed, .. } => generator::latents(card, *seed, first as u64, count),
            Self::Seeds { card, seeds } => generator::latents_of_seeds(card, &seeds[first..first + count]),
            Self::Walk(walk) => walk.frames(first, count),
        }
    }

    /// The name of a picture in a folder. Names sort like the pictures, and those of seeds by number.
    pub fn file_name(&self, index: usize) -> String {
        match self {
            Self::Seeds { seeds, .. } => names::of_seed(seeds[index], seeds),
            _ => names::of_number(index as u64, self.count() as u64 - 1),
        }
    }
}
