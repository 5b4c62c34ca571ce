//! What a loader reads: items by index.

use std::sync::Arc;

use easel_runtime::{Picture, Random};

use super::Pictures;
use super::transform::Transform;
use crate::Result;

/// Items by index, read from several threads at once.
pub trait Dataset: Send + Sync + 'static {
    /// The type of an item.
    type Item: Send + 'static;

    /// The number of items.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item of an index below [`len`](Dataset::len). Randomness may only come from `random`, which depends on the
    /// seed, the epoch and the item's position in the epoch alone. An error names the item.
    fn item(&self, index: usize, random: &mut Random) -> Result<Self::Item>;

    /// The item's name in messages: a file's path, for instance.
    fn describe(&self, index: usize) -> String {
        format!("item {index}")
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        (**self).len()
    }

    fn item(&self, index: usize, random: &mut Random) -> Result<Self::Item> {
        (**self).item(index, random)
    }

    fn describe(&self, index: usize) -> String {
        (**self).describe(index)
    }
}

/// A picture with its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// 8-bit, grey or RGB.
    pub picture: Picture,
    /// The class's index.
    pub label: u32,
}

/// Held in memory: reading an item copies it.
impl Dataset for Pictures {
    type Item = Sample;

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn item(&self, index: usize, _: &mut Random) -> Result<Sample> {
        Ok(Sample { picture: self.picture(index), label: self.labels[index] })
    }

    fn describe(&self, index: usize) -> String {
        format!("picture {index} of {}", self.name)
    }
}

/// A data set whose pictures are transformed when they are read.
pub struct Transformed<D, T> {
    /// The data set.
    pub dataset: D,
    /// The transform.
    pub transform: T,
}

impl<D: Dataset<Item = Sample>, T: Transform> Dataset for Transformed<D, T> {
    type Item = Sample;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn item(&self, index: usize, random: &mut Random) -> Result<Sample> {
        let Sample { picture, label } = self.dataset.item(index, random)?;
        let picture = self.transform.apply(picture, random).map_err(|error| {
            // A transform's error does not name the picture.
            crate::Error::Data(format!("{}: {error}", self.dataset.describe(index)))
        })?;
        Ok(Sample { picture, label })
    }

    fn describe(&self, index: usize) -> String {
        self.dataset.describe(index)
    }
}
