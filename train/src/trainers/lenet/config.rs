//! What a run of the classifier can be told.

use easel_runtime::Device;
use serde::{Deserialize, Serialize};

use crate::data::PictureFormat;
use crate::networks::lenet::SIDE;
use crate::optim::{Schedule, Shape};
use crate::{Error, Result};

/// The steps in which the learning rate rises, where a run is long enough.
const WARMUP: u64 = 100;

/// Everything that a run of the classifier can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LenetConfig {
    /// What `--data` names.
    pub data: Option<String>,
    /// Steps in all.
    pub steps: Option<u64>,
    /// In place of steps: how often all training pictures are seen.
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
    /// Pictures in a step.
    pub batch: usize,
    /// 1 (grey) or 3 (RGB): what pictures are converted to.
    pub channels: usize,
    /// The number of classes; without one, as many as the data has.
    pub classes: Option<usize>,
    /// Adam's learning rate at its highest; it falls on half a cosine wave to 0 at the run's end.
    pub lr: f64,
    /// How strongly weights are pulled to 0, apart from the moments.
    pub weight_decay: f64,
    /// Decay of the averaged weights, which are what is evaluated and exported.
    pub average: f64,
    /// Training pictures are moved by up to so many pixels at random.
    pub shift: u32,
    /// The part of the pictures that is held out for validation, where the data has no test set of its own.
    pub held_out: f64,
    /// A checkpoint every so many steps, beside those of epochs that are better than all before.
    pub checkpoint_every: u64,
    /// A line of losses every so many steps, beside those of each epoch.
    pub log_every: u64,
    /// The number of last checkpoints that are kept.
    pub keep: usize,
}

impl LenetConfig {
    /// 12 epochs: above 99 % on MNIST.
    pub fn classic() -> Self {
        Self {
            data: None,
            steps: None,
            epochs: Some(12),
            seed: 0,
            device: Device::Auto,
            threads: 1,
            workers: 1,
            batch: 128,
            channels: 1,
            classes: None,
            lr: 2e-3,
            weight_decay: 0.01,
            average: 0.998,
            shift: 2,
            held_out: 0.1,
            checkpoint_every: 500,
            log_every: 100,
            keep: 3,
        }
    }

    /// 2 epochs: a first look.
    pub fn quick() -> Self {
        Self { epochs: Some(2), ..Self::classic() }
    }

    /// Fails on a value that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("batch", self.batch, 1, 1 << 20),
            ("threads", self.threads, 1, 1 << 10),
            ("workers", self.workers, 0, 1 << 8),
            ("classes", self.classes.unwrap_or(1), 1, 1 << 16),
            ("shift", self.shift as usize, 0, SIDE - 1),
            ("keep", self.keep, 1, usize::MAX),
        ];
        for (name, value, least, most) in sizes {
            if !(least..=most).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from {least} to {most}")));
            }
        }
        if !matches!(self.channels, 1 | 3) {
            return Err(Error::Config(format!("channels is {}; give 1 (grey) or 3 (RGB)", self.channels)));
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

    /// The steps of an epoch over so many training pictures; the last one may be smaller.
    pub fn epoch_steps(&self, pictures: usize) -> u64 {
        pictures.div_ceil(self.batch) as u64
    }

    /// The number of steps over so many training pictures.
    pub fn total_steps(&self, pictures: usize) -> u64 {
        self.epochs.map_or(self.steps.unwrap_or_default(), |epochs| epochs * self.epoch_steps(pictures))
    }

    /// The learning rate's way through a run of so many steps.
    pub fn schedule(&self, steps: u64) -> Schedule {
        Schedule { warmup: WARMUP.min(steps / 10), shape: Shape::Cosine { steps, floor: 0.0 } }
    }

    /// What pictures are brought to.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.channels, height: SIDE, width: SIDE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_become_steps() {
        let config = LenetConfig { epochs: Some(2), ..LenetConfig::classic() };
        assert_eq!((config.epoch_steps(60_000), config.total_steps(60_000)), (469, 938));
        assert_eq!(LenetConfig { epochs: None, steps: Some(7), ..config }.total_steps(60_000), 7);
        for steps in [1, 5, 20, 5_000] {
            LenetConfig::classic().schedule(steps).check().unwrap();
        }
    }

    #[test]
    fn nonsense_is_named() {
        let classic = LenetConfig::classic;
        let error = |config: LenetConfig| config.check().unwrap_err().to_string();
        classic().check().unwrap();
        assert!(error(LenetConfig { channels: 2, ..classic() }).contains("channels is 2"));
        assert!(error(LenetConfig { shift: 32, ..classic() }).contains("shift is 32"));
        assert!(error(LenetConfig { classes: Some(0), ..classic() }).contains("classes is 0"));
        assert!(error(LenetConfig { held_out: 1.0, ..classic() }).contains("held_out is 1"));
        assert!(error(LenetConfig { epochs: None, ..classic() }).contains("neither"));
    }
}
