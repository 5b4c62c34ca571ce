//! The draws that a denoiser is asked for.

use std::path::{Path, PathBuf};

use easel_runtime::ModelCard;
use easel_runtime::denoiser::{Denoiser, Draw};
use easel_runtime::grid::GridShape;

use super::layout::Layout;
use super::plan::Selection;
use super::{classes, names};
use crate::error::{Error, Result};

/// The default number of pictures of each class.
const DEFAULT_COUNT: usize = 8;

/// Class after class, the same number of pictures of each.
pub struct Draws {
    /// The model's file, for errors.
    path: PathBuf,
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

impl Draws {
    /// Fails if a class is unknown, or a walk is asked for.
    pub fn new(
        path: &Path,
        card: &ModelCard,
        denoiser: &Denoiser,
        selection: &Selection,
        asked: &[String],
    ) -> Result<Self> {
        let path = path.to_owned();
        let seeds = match selection {
            &Selection::Seed { seed, count } => Seeds::One { seed, count: count.unwrap_or(DEFAULT_COUNT) },
            Selection::Seeds(seeds) => Seeds::Each(seeds.clone()),
            Selection::Walk { .. } => {
                let reason = "is for a generator, and this model is a denoiser; remove it, or see --animate".into();
                return Err(Error::InapplicableOption { path, option: "--walk", reason });
            }
        };
        let class = |label| Class {
            label,
            name: classes::name(&card.classes, label),
            folder: classes::folder(card, label, denoiser.classes),
        };
        match classes::labels(asked, &card.classes, denoiser.classes) {
            Ok(labels) => Ok(Self { path, classes: labels.into_iter().map(class).collect(), seeds }),
            Err(source) => Err(Error::Class { path, source }),
        }
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

    /// The draw of a picture.
    pub fn draw(&self, index: usize) -> Draw {
        let (class, column) = (&self.classes[index / self.columns()], index % self.columns());
        let (seed, number) = match &self.seeds {
            Seeds::One { seed, .. } => (*seed, column as u32),
            Seeds::Each(seeds) => (seeds[column], 0),
        };
        Draw { label: class.label, seed, number }
    }

    /// The path of a picture in a folder: `3/00007.png`.
    pub fn path(&self, index: usize) -> PathBuf {
        let (class, column) = (&self.classes[index / self.columns()], index % self.columns());
        let name = match &self.seeds {
            Seeds::One { count, .. } => names::of_number(column as u64, *count as u64 - 1),
            Seeds::Each(seeds) => names::of_seed(seeds[column], seeds),
        };
        PathBuf::from(&class.folder).join(name)
    }

    /// How the pictures are arranged in one: a grid of one class, or a row for each of several. Fails if a grid is asked for
    /// and there are several classes.
    pub fn layout(&self, grid: Option<GridShape>) -> Result<Layout> {
        match (&self.classes[..], grid) {
            ([_], grid) => Ok(Layout::Grid(grid.unwrap_or_else(|| GridShape::square(self.columns())))),
            (classes, None) => {
                let labels = classes.iter().map(|class| class.name.clone()).collect();
                Ok(Layout::Rows { labels, columns: self.columns() })
            }
            (classes, Some(_)) => {
                let count = classes.len();
                let reason = format!(
                    "is for one class, and {count} are asked for, which get a row each; name one with --class, or remove \
                     --grid"
                );
                Err(Error::InapplicableOption { path: self.path.clone(), option: "--grid", reason })
            }
        }
    }
}
