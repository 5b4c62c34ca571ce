//! The training of one network on batches of data.

use std::sync::Arc;
use std::time::Duration;

use candle_core::Tensor;
use easel_runtime::card::Architecture;
use serde::de::DeserializeOwned;

use super::player::Player;
use crate::data::{Batches, DataLoader, Dataset, LoaderOptions, Loading, Place, Shuffle};
use crate::optim::{AdamConfig, Schedule};
use crate::run::{Checkpoint, Snapshot};
use crate::settings::Shared;
use crate::{Error, Params, Result};

/// Batches of a data set, and the position in it.
pub struct Feed<D: Dataset, B> {
    loader: DataLoader<D, B>,
    loading: Loading<D, B>,
}

impl<D: Dataset, B: Send + 'static> Feed<D, B> {
    /// All batches from the first one.
    pub fn new(loader: DataLoader<D, B>) -> Result<Self> {
        Ok(Self { loading: loader.start()?, loader })
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> Result<B> {
        self.loading.next().ok_or_else(|| Error::Run("the data has ended".into()))?
    }

    /// The position of the next batch.
    pub fn place(&self) -> Place {
        self.loading.place()
    }

    /// Continues at a position. Fails where it is in other data.
    pub fn resume(&mut self, place: Place) -> Result<()> {
        self.loading = self.loader.resume(place)?;
        Ok(())
    }

    /// The time spent waiting for batches.
    pub fn waited(&self) -> Duration {
        self.loading.waited()
    }
}

/// A network, its optimiser and EMA, the learning rate, and the position in the data.
pub struct Learner<D: Dataset, B> {
    /// The network in training.
    pub player: Player,
    /// Its batches.
    pub feed: Feed<D, B>,
    schedule: Schedule,
    /// The number of steps done.
    pub step: u64,
}

impl<D: Dataset, B: Send + 'static> Learner<D, B> {
    /// A network before its first step.
    pub fn new(
        params: Params,
        adam: AdamConfig,
        ema_decay: f64,
        schedule: Schedule,
        loader: DataLoader<D, B>,
    ) -> Result<Self> {
        let player = Player::new(["network", "adam"], params, adam, Some(ema_decay))?;
        Ok(Self { player, feed: Feed::new(loader)?, schedule, step: 0 })
    }

    /// One optimiser step for a loss.
    pub fn learn(&mut self, loss: &Tensor) -> Result<()> {
        self.learn_within(loss, || Ok(()))
    }

    /// The same; `project` constrains the parameters before the EMA is updated.
    pub fn learn_within(&mut self, loss: &Tensor, project: impl FnOnce() -> Result<()>) -> Result<()> {
        self.player.step(loss, self.schedule.factor(self.step), project)?;
        self.step += 1;
        Ok(())
    }

    /// The state to save.
    pub fn snapshot(&self, architecture: Architecture) -> Result<Snapshot> {
        let (weights, state) = (self.player.weights(), self.player.state()?);
        let trainer = serde_json::to_value(self.feed.place()).expect("a position is plain numbers");
        Ok(Snapshot { architecture, weights, state, trainer })
    }

    /// Restores a checkpoint. Fails where it is of another architecture.
    pub fn restore(&mut self, architecture: &Architecture, checkpoint: &Checkpoint) -> Result<()> {
        same_network(checkpoint.architecture == *architecture, checkpoint)?;
        self.feed.resume(progress(checkpoint)?)?;
        self.player.restore(checkpoint)?;
        self.step = checkpoint.record.step;
        Ok(())
    }
}

/// Batches of all items, in a new random order each epoch; the last one may be smaller.
pub fn shuffled<D: Dataset, B: Send + 'static>(
    dataset: Arc<D>,
    batch: usize,
    shared: &Shared,
    collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
) -> DataLoader<D, B> {
    shuffled_at_least(1, dataset, batch, shared, collate)
}

/// The same; a last batch of fewer than `least` items is filled up with some from the beginning of the epoch.
pub fn shuffled_at_least<D: Dataset, B: Send + 'static>(
    least: usize,
    dataset: Arc<D>,
    batch: usize,
    &Shared { seed, workers, .. }: &Shared,
    collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
) -> DataLoader<D, B> {
    let batches = Batches::new(Shuffle { len: dataset.len(), seed }, batch).at_least(least);
    DataLoader::new(dataset, batches, collate, LoaderOptions { seed, workers, ..LoaderOptions::default() })
}

/// The trainer's part of a checkpoint's record.
pub fn progress<T: DeserializeOwned>(checkpoint: &Checkpoint) -> Result<T> {
    serde_json::from_value(checkpoint.record.trainer.clone())
        .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))
}

/// Fails where a checkpoint is of another network than the run.
pub fn same_network(same: bool, checkpoint: &Checkpoint) -> Result<()> {
    match same {
        true => Ok(()),
        false => Err(Error::Checkpoint(format!(
            "the checkpoint's {} has other sizes than this run's; resume it without changing them",
            checkpoint.architecture.name
        ))),
    }
}

/// A scalar of float32.
pub fn number(scalar: &Tensor) -> Result<f64> {
    Ok(f64::from(scalar.to_scalar::<f32>()?))
}
