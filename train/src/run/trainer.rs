//! What the loop of a run trains.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use candle_core::Tensor;
use easel_runtime::Picture;
use easel_runtime::card::Architecture;

use super::{Checkpoint, Metric};
use crate::Result;

/// Something that is trained step by step. All of its randomness comes from its seed, and what [`Trainer::snapshot`]
/// gives is enough for [`Trainer::restore`] to go on with the same bits.
pub trait Trainer {
    /// Does one step. Gives its losses by name, the same names in the same order every time.
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>>;

    /// How many of a step's values, from the first, are shown while it runs; the records have all of them.
    fn shown(&self) -> usize {
        usize::MAX
    }

    /// The stage of a training that changes on its way (resolution, alpha) at the last step, by name.
    fn stage(&self) -> Vec<(&'static str, f64)> {
        vec![]
    }

    /// The phases of a run whose steps differ in cost, in order; none where all are alike. The checkpoint at the end of
    /// one, where there is one, is kept for good.
    fn phases(&self) -> Vec<Phase> {
        vec![]
    }

    /// Goes to a step without training, to measure what it takes. For trainers with phases.
    fn jump(&mut self, _step: u64) -> Result<()> {
        Ok(())
    }

    /// Pictures from noise that is the same throughout the run, in named sets; nothing where there is nothing to show.
    /// One set is laid out as a square, several are a row each.
    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        Ok(vec![])
    }

    /// Measures the network on data that it is not trained on, by name. It changes nothing that a later step depends
    /// on. None by default.
    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        Ok(vec![])
    }

    /// The prefix of an evaluation's values in the records.
    fn evaluated(&self) -> &'static str {
        "validation"
    }

    /// The value of an evaluation by which a checkpoint is the best of its run.
    fn metric(&self) -> Option<Metric> {
        None
    }

    /// What the user should know of the data that was read so far.
    fn warnings(&self) -> Vec<String> {
        vec![]
    }

    /// How much of the time of all steps so far was spent waiting for data.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    /// Makes the weights that a snapshot exports ready, where that is too costly to be done for each (batch norm is
    /// recalibrated for the EMA): called before a checkpoint is written. It changes nothing that a later step depends on.
    fn recalibrate(&mut self) -> Result<()> {
        Ok(())
    }

    /// Everything there is to save.
    fn snapshot(&self) -> Result<Snapshot>;

    /// Takes up a checkpoint. Fails where it is of another network or other data.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()>;
}

/// A trainer's part of a checkpoint.
pub struct Snapshot {
    /// The network that the weights belong to.
    pub architecture: Architecture,
    /// The weights to export, by name.
    pub weights: BTreeMap<String, Tensor>,
    /// Other tensors that the trainer needs to go on.
    pub state: BTreeMap<String, Tensor>,
    /// Random states and the place in the data.
    pub trainer: serde_json::Value,
}

/// A part of a run whose steps cost alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// What it is called.
    pub name: String,
    /// Its steps, counted from 0.
    pub steps: Range<u64>,
}
