//! What a run of the network for tables can be told.

use easel_runtime::Device;
use serde::{Deserialize, Serialize};

use crate::data::table::Task;
use crate::optim::{Schedule, Shape};
use crate::{Error, Result};

/// The steps in which the learning rate rises, where a run is long enough.
const WARMUP: u64 = 100;

/// Everything that a run of the network for tables can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// What `--data` names.
    pub data: Option<String>,
    /// Whether the table's first line is a header; told by its cells where nothing is said.
    pub header: Option<bool>,
    /// What the last column is; told by its cells where nothing is said.
    pub task: Option<Task>,
    /// Steps in all.
    pub steps: Option<u64>,
    /// In place of steps: how often all training rows are seen.
    pub epochs: Option<u64>,
    /// The seed of everything random.
    pub seed: u64,
    /// Where to compute.
    #[serde(with = "crate::run::config::text")]
    pub device: Device,
    /// CPU threads of the model.
    pub threads: usize,
    /// Threads that make batches; 0 makes them between the steps. They do not change what comes out.
    pub workers: usize,
    /// Rows in a step.
    pub batch: usize,
    /// The units of each hidden layer; none make the network linear.
    pub hidden: Vec<usize>,
    /// AdamW's learning rate at its highest; it falls on half a cosine wave to 0 at the run's end.
    pub lr: f64,
    /// How strongly weights are pulled to 0, apart from the moments.
    pub weight_decay: f64,
    /// Decay of the averaged weights, which are what is evaluated and exported.
    pub average: f64,
    /// The part of the rows that is held out for validation.
    pub held_out: f64,
    /// A checkpoint every so many steps, beside those of epochs that are better than all before.
    pub checkpoint_every: u64,
    /// A line of losses every so many steps, beside those of each epoch.
    pub log_every: u64,
    /// The number of last checkpoints that are kept.
    pub keep: usize,
}

impl MlpConfig {
    /// Two hidden layers of 64 units, 100 epochs.
    pub fn classic() -> Self {
        Self {
            data: None,
            header: None,
            task: None,
            steps: None,
            epochs: Some(100),
            seed: 0,
            device: Device::Auto,
            threads: 1,
            workers: 0,
            batch: 32,
            hidden: vec![64, 64],
            lr: 3e-3,
            weight_decay: 0.3,
            average: 0.99,
            held_out: 0.2,
            checkpoint_every: 1_000,
            log_every: 0,
            keep: 3,
        }
    }

    /// 20 epochs: a first look.
    pub fn quick() -> Self {
        Self { epochs: Some(20), ..Self::classic() }
    }

    /// Fails on a value that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("batch", self.batch, 1, 1 << 20),
            ("threads", self.threads, 1, 1 << 10),
            ("workers", self.workers, 0, 1 << 8),
            ("keep", self.keep, 1, usize::MAX),
        ];
        for (name, value, least, most) in sizes {
            if !(least..=most).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from {least} to {most}")));
            }
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Error::Config(format!("lr is {}; give a number above 0", self.lr)));
        }
        if !(0.0..1.0).contains(&self.average) {
            return Err(Error::Config(format!("average is {}; give a number from 0 up to below 1", self.average)));
        }
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            return Err(Error::Config(format!("held_out is {}; give a part between 0 and 1", self.held_out)));
        }
        if (self.steps, self.epochs) == (None, None) {
            return Err(Error::Config("neither steps nor epochs are given; give one of them".into()));
        }
        Ok(())
    }

    /// The steps of an epoch over so many training rows; the last one may be smaller.
    pub fn epoch_steps(&self, rows: usize) -> u64 {
        rows.div_ceil(self.batch) as u64
    }

    /// The number of steps over so many training rows.
    pub fn total_steps(&self, rows: usize) -> u64 {
        self.epochs.map_or(self.steps.unwrap_or_default(), |epochs| epochs.saturating_mul(self.epoch_steps(rows)))
    }

    /// The learning rate's way through a run of so many steps.
    pub fn schedule(&self, steps: u64) -> Schedule {
        Schedule { warmup: WARMUP.min(steps / 10), shape: Shape::Cosine { steps, floor: 0.0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_named() {
        let classic = MlpConfig::classic;
        let error = |config: MlpConfig| config.check().unwrap_err().to_string();
        classic().check().unwrap();
        assert!(error(MlpConfig { batch: 0, ..classic() }).contains("batch is 0"));
        assert!(error(MlpConfig { held_out: 1.0, ..classic() }).contains("held_out is 1"));
        assert!(error(MlpConfig { lr: f64::NAN, ..classic() }).contains("lr is NaN"));
        assert!(error(MlpConfig { epochs: None, ..classic() }).contains("neither"));
        assert_eq!(classic().total_steps(120), 400);
    }
}
