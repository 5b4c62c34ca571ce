//! The pictures that a denoiser is asked for.

use std::path::PathBuf;

use easel_runtime::denoiser::{Denoiser, Draw};
use easel_runtime::grid::GridShape;
use easel_runtime::{Error, ModelCard, Result};

use super::sheet::Layout;
use super::{Subject, classes, names};

/// Pictures of each class where nothing says how many.
const DEFAULT_COUNT: usize = 8;

/// Class after class, as many pictures of each.
pub struct Drawing {
    classes: Vec<Class>,
    seeds: Seeds,
}

struct Class {
    label: usize,
    name: String,
    folder: String,
}

enum Seeds {
    /// The first pictures of a seed.
    One { seed: u64, count: usize },
    /// The first picture of each.
    Each(Vec<u64>),
}

impl Drawing {
    /// Fails where a class is unknown, or a walk is asked for.
    pub fn new(card: &ModelCard, denoiser: &Denoiser, subject: &Subject, asked: &[String]) -> Result<Self> {
        let seeds = match subject {
            &Subject::Seed { seed, count } => Seeds::One { seed, count: count.unwrap_or(DEFAULT_COUNT) },
            Subject::Seeds(seeds) => Seeds::Each(seeds.clone()),
            Subject::Walk { .. } => {
                let what = "--walk is for a generator, and this model is a denoiser; leave it away, or see --animate";
                return Err(Error::Sampling(what.into()));
            }
        };
        let class = |label| Class {
            label,
            name: classes::name(&card.classes, label),
            folder: classes::folder(card, label, denoiser.classes),
        };
        let labels = classes::labels(asked, &card.classes, denoiser.classes)?;
        Ok(Self { classes: labels.into_iter().map(class).collect(), seeds })
    }

    /// The pictures of each class.
    fn columns(&self) -> usize {
        match &self.seeds {
            Seeds::One { count, .. } => *count,
            Seeds::Each(seeds) => seeds.len(),
        }
    }

    /// How many pictures there are.
    pub fn count(&self) -> usize {
        self.classes.len() * self.columns()
    }

    /// What makes a picture.
    pub fn draw(&self, index: usize) -> Draw {
        let (class, column) = (&self.classes[index / self.columns()], index % self.columns());
        let (seed, number) = match &self.seeds {
            Seeds::One { seed, .. } => (*seed, column as u32),
            Seeds::Each(seeds) => (seeds[column], 0),
        };
        Draw { label: class.label, seed, number }
    }

    /// Where a picture goes in a folder: `3/00007.png`.
    pub fn path(&self, index: usize) -> PathBuf {
        let (class, column) = (&self.classes[index / self.columns()], index % self.columns());
        let name = match &self.seeds {
            Seeds::One { count, .. } => names::of_number(column as u64, *count as u64 - 1),
            Seeds::Each(seeds) => names::of_seed(seeds[column], seeds),
        };
        PathBuf::from(&class.folder).join(name)
    }

    /// How the pictures lie in one: in a grid where there is one class, else in a row for each. Fails where a grid is
    /// asked for and there are several.
    pub fn layout(&self, grid: Option<GridShape>) -> Result<Layout> {
        match (&self.classes[..], grid) {
            ([_], grid) => Ok(Layout::Grid(grid.unwrap_or_else(|| GridShape::square(self.columns())))),
            (classes, None) => {
                let labels = classes.iter().map(|class| class.name.clone()).collect();
                Ok(Layout::Rows { labels, columns: self.columns() })
            }
            (classes, Some(_)) => Err(Error::Sampling(format!(
                "--grid is for one class, and {} are asked for, which get a row each; name one with --class, or leave \
                 --grid away",
                classes.len()
            ))),
        }
    }
}
