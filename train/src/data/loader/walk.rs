//! The sequence of batches to prepare.

use super::BatchSpec;
use crate::data::Dataset;
use crate::{Error, Result};

/// A batch to prepare.
#[derive(Debug, Clone)]
pub struct BatchJob {
    pub epoch: u64,
    pub batch: u64,
    /// The number of batches in the epoch.
    pub batches: u64,
    /// The position in the epoch of the batch's first item.
    pub first: u64,
    pub indices: Vec<u32>,
}

/// An iteration over epochs.
pub struct EpochWalk {
    epoch: u64,
    last: Option<u64>,
    batches: Vec<Vec<u32>>,
    next: usize,
    first: u64,
}

impl EpochWalk {
    /// From a batch of an epoch to the end of the epoch `last`, or without end.
    pub fn new<D: Dataset, B>(spec: &BatchSpec<D, B>, (epoch, batch): (u64, u64), last: Option<u64>) -> Result<Self> {
        let batches = batches(spec, epoch)?;
        let next = usize::try_from(batch)
            .ok()
            .filter(|batch| *batch < batches.len())
            .ok_or_else(|| Error::Run(format!("epoch {epoch} has no batch {batch}: it has {}", batches.len())))?;
        let first = batches[..next].iter().map(|batch| batch.len() as u64).sum();
        Ok(Self { epoch, last, batches, next, first })
    }

    /// The number of batches of the current epoch.
    pub fn batches(&self) -> u64 {
        self.batches.len() as u64
    }

    /// The next batch to prepare; `None` after the last.
    pub fn take<D: Dataset, B>(&mut self, spec: &BatchSpec<D, B>) -> Option<Result<BatchJob>> {
        if self.next == self.batches.len() {
            if self.last.is_some_and(|last| last <= self.epoch) {
                return None;
            }
            match Self::new(spec, (self.epoch + 1, 0), self.last) {
                Ok(walk) => *self = walk,
                Err(error) => return Some(Err(error)),
            }
        }
        let indices = std::mem::take(&mut self.batches[self.next]);
        let job = BatchJob {
            epoch: self.epoch,
            batch: self.next as u64,
            batches: self.batches.len() as u64,
            first: self.first,
            indices,
        };
        self.next += 1;
        self.first += job.indices.len() as u64;
        Some(Ok(job))
    }
}

fn batches<D: Dataset, B>(spec: &BatchSpec<D, B>, epoch: u64) -> Result<Vec<Vec<u32>>> {
    let (batches, items) = (spec.sampler.batches(epoch), spec.dataset.len());
    if batches.is_empty() || batches.iter().any(Vec::is_empty) {
        return Err(Error::Config(format!(
            "{items} items are too few for a full batch in epoch {epoch}; use smaller batches or more data"
        )));
    }
    match batches.iter().flatten().find(|index| **index as usize >= items) {
        Some(index) => Err(Error::Config(format!("the sampler gave item {index}, but there are {items}"))),
        None => Ok(batches),
    }
}
