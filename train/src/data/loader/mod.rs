//! Batches made ahead of the training that takes them.
//!
//! A [`DataLoader`] says what batches are: the items of a [`Dataset`] in the groups of a [`BatchSampler`], each made
//! into a batch by a collate function. [`DataLoader::start`] and [`DataLoader::epoch`] begin to make them, in threads;
//! the [`Loading`] that they give hands them out in order.
//!
//! Which batches come, in which order, and every bit of them depend on the data, the sampler and the seed, not on the
//! number of threads: an order is a function of the epoch, and what is random in an item comes from a generator of its
//! own, seeded by the seed, the epoch and the item's place in it.
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

/// How batches are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderOptions {
    /// What random changes of items depend on. Orders have the sampler's own seed.
    pub seed: u64,
    /// Threads that make batches; 0 has the consumer make each when it asks for it.
    pub workers: usize,
    /// The most batches that are finished or being made and not taken yet; at least 1 is meant. It bounds memory.
    pub ahead: usize,
    /// How long the consumer waits for one batch before it gets an error that names the item being read. Without
    /// workers nothing can be timed out.
    pub timeout: Duration,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { seed: 0, workers: 1, ahead: 4, timeout: Duration::from_secs(60) }
    }
}

/// A place in the endless sequence of batches: the next one's.
///
/// A checkpoint keeps it. It says what data it is a place in, so that going on in other data is an error.
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

/// All that a batch depends on.
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
    /// A loader; nothing is read yet.
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

    /// All epochs from the first on, without end. Fails where an epoch has no batch.
    pub fn start(&self) -> Result<Loading<D, B>> {
        Loading::new(&self.spec, self.options, (0, 0), None)
    }

    /// Goes on, without end, with the batch at the place, which [`Loading::place`] gave. Fails where the place is in
    /// other data than this.
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

    /// One epoch and no more: what validation takes.
    pub fn epoch(&self, epoch: u64) -> Result<Loading<D, B>> {
        Loading::new(&self.spec, self.options, (epoch, 0), Some(epoch))
    }
}

#[cfg(test)]
mod tests;
