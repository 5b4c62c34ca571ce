//! Batches that are prepared in advance by worker threads.
//!
//! A [`DataLoader`] defines the batches: the items of a [`Dataset`] in the groups of a [`BatchSampler`], each collated
//! into a batch by a function. [`DataLoader::start`] and [`DataLoader::epoch`] start the threads; the [`Loading`] that
//! they return is an iterator over the batches in order.
//!
//! The batches, their order and every bit of them depend on the data, the sampler and the seed, not on the number of
//! threads: an order is a function of the epoch, and each item has a random number generator of its own, seeded by the
//! seed, the epoch and the item's position in it.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use easel_train::data::{Batches, DataLoader, LoaderOptions, PictureFiles, Shuffle, Transformed, stack};
//! # use easel_train::data::transform::{CentreCrop, RandomFlip, Resize};
//! # use easel_train::data::Dataset as _;
//! # fn main() -> easel_train::Result<()> {
//! let files = PictureFiles::open("photos".as_ref(), 3)?;
//! let order = Shuffle { len: files.len(), seed: 1 };
//! let crop = CentreCrop { height: 128, width: 128 };
//! let transform = (Resize::ShortSide(128), crop, RandomFlip::default());
//! let dataset = Arc::new(Transformed { dataset: files, transform });
//! let batches = Batches::new(order, 16).drop_last();
//! let collate = stack(&candle_core::Device::Cpu, None);
//! let loader = DataLoader::new(dataset, batches, collate, LoaderOptions { workers: 2, ..LoaderOptions::default() });
//! for batch in loader.start()?.take(1_000) {
//!     let batch = batch?; // images [16, 3, 128, 128], labels [16]
//! }
//! # Ok(())
//! # }
//! ```

mod loading;
mod walk;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use loading::{Loading, Times};

use super::{BatchSampler, Dataset};
use crate::{Error, Result};

/// The options of a loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderOptions {
    /// The seed of augmentation. Orders depend on the sampler's own seed.
    pub seed: u64,
    /// Threads that prepare batches; with 0 the consumer's thread prepares each on demand.
    pub workers: usize,
    /// The number of batches that are prepared in advance, at least 1. It bounds memory.
    pub ahead: usize,
    /// How long the consumer waits for a batch before it gets an error that names the item being read. It has no effect
    /// without workers.
    pub timeout: Duration,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { seed: 0, workers: 1, ahead: 4, timeout: Duration::from_secs(60) }
    }
}

/// The position of the next batch in the endless sequence of batches.
///
/// Checkpoints store it, together with the size of the data, so that resuming with other data is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch of the epoch, from 0.
    pub batch: u64,
    /// The number of batches in every epoch.
    pub batches: u64,
    /// The number of items in the data.
    pub items: u64,
}

type Collate<I, B> = Box<dyn Fn(Vec<I>) -> Result<B> + Send + Sync>;

/// Everything that a batch depends on.
struct BatchSpec<D: Dataset, B> {
    dataset: Arc<D>,
    sampler: Box<dyn BatchSampler>,
    collate: Collate<D::Item, B>,
    seed: u64,
}

/// Makes batches `B` from the items of a data set.
pub struct DataLoader<D: Dataset, B> {
    spec: Arc<BatchSpec<D, B>>,
    options: LoaderOptions,
}

impl<D: Dataset, B: Send + 'static> DataLoader<D, B> {
    /// A loader. It reads nothing yet.
    pub fn new(
        dataset: Arc<D>,
        batches: impl BatchSampler,
        collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
        options: LoaderOptions,
    ) -> Self {
        let spec = BatchSpec { dataset, sampler: Box::new(batches), collate: Box::new(collate), seed: options.seed };
        Self { spec: Arc::new(spec), options }
    }

    /// The data.
    pub fn dataset(&self) -> &D {
        &self.spec.dataset
    }

    /// The number of batches in every epoch.
    pub fn batches(&self) -> usize {
        self.spec.sampler.batches(0).len()
    }

    /// All epochs from the first one, without end. Fails where an epoch has no batch.
    pub fn start(&self) -> Result<Loading<D, B>> {
        Loading::new(&self.spec, self.options, (0, 0), None)
    }

    /// All batches from a position that [`Loading::place`] returned, without end. Fails where the position is in other
    /// data.
    pub fn resume(&self, place: Place) -> Result<Loading<D, B>> {
        let (items, batches) = (self.dataset().len() as u64, self.batches() as u64);
        if (place.items, place.batches) != (items, batches) {
            return Err(Error::Run(format!(
                "the data has {items} items in {batches} batches, but the run was at a place in {} items in {} \
                 batches; give it the same data and batch size",
                place.items, place.batches
            )));
        }
        Loading::new(&self.spec, self.options, (place.epoch, place.batch), None)
    }

    /// A single epoch, for validation.
    pub fn epoch(&self, epoch: u64) -> Result<Loading<D, B>> {
        Loading::new(&self.spec, self.options, (epoch, 0), Some(epoch))
    }
}

#[cfg(test)]
mod tests;
