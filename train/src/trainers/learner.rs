//! What the training of one network holds, saves and takes up again.

use std::collections::BTreeMap;

use candle_core::Tensor;
use easel_runtime::card::Architecture;

use crate::data::Place;
use crate::optim::{Adam, Averaged};
use crate::run::Checkpoint;
use crate::run::session::Snapshot;
use crate::{Error, Params, Result};

/// A network's weights, their optimiser and their average, which is what is exported.
pub(super) struct Learner {
    pub params: Params,
    pub adam: Adam,
    pub averaged: Averaged,
}

impl Learner {
    /// Everything there is to save, with the place in the data.
    pub fn snapshot(&self, architecture: Architecture, place: Place) -> Result<Snapshot> {
        let prefixed = |prefix: &str, tensors: BTreeMap<String, Tensor>| {
            let prefix = prefix.to_string();
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        Ok(Snapshot {
            architecture,
            weights: self.averaged.to_tensors(),
            state: prefixed("network", self.params.to_tensors())
                .chain(prefixed("averaged", self.averaged.state()?))
                .chain(prefixed("adam", self.adam.state()?))
                .collect(),
            trainer: serde_json::to_value(place).expect("a place is plain numbers"),
        })
    }

    /// Takes up a checkpoint of a network with this architecture. The data goes on at the place that `resume` is given,
    /// and what it gives comes back; where it fails nothing is changed.
    pub fn restore<T>(
        &mut self,
        architecture: &Architecture,
        checkpoint: &Checkpoint,
        resume: impl FnOnce(Place) -> Result<T>,
    ) -> Result<T> {
        if checkpoint.architecture != *architecture {
            return Err(Error::Checkpoint(format!(
                "the checkpoint is of a {} with other sizes than this run's; resume it without changing them",
                checkpoint.architecture.name
            )));
        }
        let place = serde_json::from_value(checkpoint.record.trainer.clone())
            .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))?;
        let resumed = resume(place)?;
        self.params.load(&checkpoint.part("network"))?;
        self.averaged.load_state(&checkpoint.part("averaged"))?;
        self.adam.load_state(&checkpoint.part("adam"))?;
        Ok(resumed)
    }
}
