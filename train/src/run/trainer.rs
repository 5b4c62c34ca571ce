//! The interface between the training loop and what it trains.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use candle_core::Tensor;
use easel_runtime::Picture;
use easel_runtime::card::Architecture;

use super::{Checkpoint, Metric};
use crate::Result;

/// A training, step by step. All of its randomness comes from its seed, and [`Trainer::restore`] with a
/// [`Trainer::snapshot`] continues with the same bits.
pub trait Trainer {
    /// Trains one step. Gives its losses by name, the same names in the same order every time.
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>>;

    /// How many of a step's values, from the first, the progress shows; records have all of them.
    fn shown(&self) -> usize {
        usize::MAX
    }

    /// The stage at the last step as named values (resolution, alpha), for a training whose stages differ.
    fn stage(&self) -> Vec<(&'static str, f64)> {
        vec![]
    }

    /// The phases of a run whose steps differ in cost, in order; empty if all cost the same. A checkpoint at the end of a
    /// phase is never removed.
    fn phases(&self) -> Vec<Phase> {
        vec![]
    }

    /// Skips to a step without training, to measure its cost. For trainers with phases.
    fn jump(&mut self, _step: u64) -> Result<()> {
        Ok(())
    }

    /// Sample pictures in named sets, from the same noise throughout the run; empty if there are none. A single set becomes
    /// a square grid, several become a row each.
    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        Ok(vec![])
    }

    /// Evaluates the network on data that it is not trained on; values by name. It must not change the training state.
    /// Empty by default.
    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        Ok(vec![])
    }

    /// The prefix of an evaluation's values in the records.
    fn evaluated(&self) -> &'static str {
        "validation"
    }

    /// The metric of an evaluation by which a checkpoint is the best of its run.
    fn metric(&self) -> Option<Metric> {
        None
    }

    /// Warnings about the data read so far.
    fn warnings(&self) -> Vec<String> {
        vec![]
    }

    /// The time of all steps so far that was spent waiting for data.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    /// Prepares the weights to export, where that is too costly for every snapshot (recalibrating batch norm for the EMA).
    /// Called before a checkpoint is written. It must not change the training state.
    fn recalibrate(&mut self) -> Result<()> {
        Ok(())
    }

    /// The state to save.
    fn snapshot(&self) -> Result<Snapshot>;

    /// Restores a checkpoint. Fails where it is of another network or other data.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()>;
}

/// A trainer's part of a checkpoint.
pub struct Snapshot {
    /// The network that the weights belong to.
    pub architecture: Architecture,
    /// The weights to export, by name.
    pub weights: BTreeMap<String, Tensor>,
    /// Other tensors of the trainer's state.
    pub state: BTreeMap<String, Tensor>,
    /// Random states and the position in the data.
    pub trainer: serde_json::Value,
}

/// A part of a run whose steps cost the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its steps, counted from 0.
    pub steps: Range<u64>,
}
