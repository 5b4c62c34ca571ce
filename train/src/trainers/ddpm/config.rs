//! What a run of the denoiser can be told.

use easel_runtime::Device;
use easel_runtime::card::{NoiseSchedule, Prediction};
use serde::{Deserialize, Serialize};

use crate::data::PictureFormat;
use crate::networks::denoiser::{Conditioning, LARGEST, MOST, MULTIPLE, Sizes, WIDEST};
use crate::optim::{Schedule, Shape};
use crate::{Error, Result};

/// Betas of the linear schedule (Ho et al. 2020, section 4).
const LINEAR: (f64, f64) = (1e-4, 0.02);
const LINEAR_TIMES: usize = 1000;
/// The offset of the cosine schedule (Nichol and Dhariwal 2021, section 3.2).
const COSINE: f64 = 0.008;
/// The steps in which the learning rate rises, where it falls afterwards and a run is long enough.
const WARMUP: u64 = 100;

/// A noise schedule's formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Betas from 1e-4 to 0.02 for 1000 times.
    Linear,
    /// See [`easel_runtime::Schedule::cosine`].
    Cosine,
}

/// How the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrShape {
    /// It stays.
    Constant,
    /// It falls on a line to 0 at the run's end.
    Linear,
    /// It falls on half a cosine wave to 0 at the run's end.
    Cosine,
}

/// Everything that a run of the denoiser can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DdpmConfig {
    /// What `--data` names.
    pub data: Option<String>,
    /// Steps in all.
    pub steps: Option<u64>,
    /// In place of steps: how often the whole data is seen.
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
    /// Height and width that pictures are resized to, a multiple of 16.
    pub size: usize,
    /// 1 (grey) or 3 (RGB): what pictures are converted to.
    pub channels: usize,
    /// Where the network is told time and class.
    pub conditioning: Conditioning,
    /// The network's channels at the full size.
    pub base: usize,
    /// Elements of the embedded time and class.
    pub embedding: usize,
    /// The number of times.
    pub times: usize,
    /// How much noise there is at which time.
    pub noise: Noise,
    /// What is predicted.
    pub prediction: Prediction,
    /// The most that a time's signal-to-noise ratio counts in the loss; 0: all times count the same.
    pub min_snr: f64,
    /// The part of the pictures whose class is withheld, so that sampling can be guided; 0: never.
    pub label_dropout: f64,
    /// Adam's learning rate at its highest.
    pub lr: f64,
    /// How it goes.
    pub lr_shape: LrShape,
    /// Decay of the averaged weights, which are what is sampled and exported; 0: the last weights alone.
    pub average: f64,
    /// A grid of samples every so many steps; without it, every ten epochs.
    pub sample_every: Option<u64>,
    /// Steps of DPM-Solver++ for a sample.
    pub sample_steps: usize,
    /// A checkpoint every so many steps.
    pub checkpoint_every: u64,
    /// A line of losses every so many steps.
    pub log_every: u64,
    /// The number of last checkpoints that are kept.
    pub keep: usize,
}

impl DdpmConfig {
    /// 100 epochs of the network that is told time and class at its input.
    pub fn classic() -> Self {
        let Sizes { channels, base, embedding, conditioning, times, .. } = Sizes::default();
        Self {
            data: None,
            steps: None,
            epochs: Some(100),
            seed: 0,
            device: Device::Auto,
            threads: 2,
            workers: 1,
            batch: 128,
            size: 32,
            channels,
            conditioning,
            base,
            embedding,
            times,
            noise: Noise::Linear,
            prediction: Prediction::Noise,
            min_snr: 0.0,
            label_dropout: 0.0,
            lr: 1e-4,
            lr_shape: LrShape::Constant,
            average: 0.999,
            sample_every: None,
            sample_steps: 50,
            checkpoint_every: 500,
            log_every: 50,
            keep: 3,
        }
    }

    /// What two CPU cores learn in an hour or two: a narrow network, told time and class in every block.
    pub fn light() -> Self {
        Self {
            steps: Some(16_000),
            epochs: None,
            batch: 64,
            conditioning: Conditioning::EveryBlock,
            base: 16,
            label_dropout: 0.1,
            lr: 1e-3,
            lr_shape: LrShape::Linear,
            sample_every: Some(500),
            sample_steps: 20,
            ..Self::classic()
        }
    }

    /// A first look, in some minutes.
    pub fn quick() -> Self {
        Self { steps: Some(600), average: 0.99, sample_every: Some(100), base: 8, ..Self::light() }
    }

    /// Fails on a value that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("batch", self.batch, 2, 1 << 20),
            ("threads", self.threads, 1, 1 << 10),
            ("workers", self.workers, 0, 1 << 8),
            ("base", self.base, 1, WIDEST),
            ("embedding", self.embedding, 1, MOST),
            ("times", self.times, 1, 100_000),
            ("sample_steps", self.sample_steps, 1, self.times),
            ("keep", self.keep, 1, usize::MAX),
        ];
        for (name, value, least, most) in sizes {
            if !(least..=most).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from {least} to {most}")));
            }
        }
        if !self.size.is_multiple_of(MULTIPLE) || !(MULTIPLE..=LARGEST).contains(&self.size) {
            let below = (self.size / MULTIPLE * MULTIPLE).clamp(MULTIPLE, LARGEST);
            let above = self.size.next_multiple_of(MULTIPLE).clamp(MULTIPLE, LARGEST);
            let nearest = if below == above { below.to_string() } else { format!("{below} or {above}") };
            return Err(Error::Config(format!(
                "size is {}; it must be a multiple of {MULTIPLE} up to {LARGEST}: the nearest is {nearest}",
                self.size
            )));
        }
        if !matches!(self.channels, 1 | 3) {
            return Err(Error::Config(format!("channels is {}; give 1 (grey) or 3 (RGB)", self.channels)));
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Error::Config(format!("lr is {}; give a number above 0", self.lr)));
        }
        if !(self.min_snr >= 0.0 && self.min_snr.is_finite()) {
            return Err(Error::Config(format!("min_snr is {}; give a number above 0, or 0 for none", self.min_snr)));
        }
        for (name, value) in [("average", self.average), ("label_dropout", self.label_dropout)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from 0 up to below 1")));
            }
        }
        if (self.steps, self.epochs) == (None, None) {
            return Err(Error::Config("neither steps nor epochs are given; give one of them".into()));
        }
        Ok(())
    }

    /// The steps of an epoch over so many pictures; the last one may be smaller.
    pub fn epoch_steps(&self, pictures: usize) -> u64 {
        pictures.div_ceil(self.batch) as u64
    }

    /// The number of steps over so many pictures.
    pub fn total_steps(&self, pictures: usize) -> u64 {
        self.epochs.map_or(self.steps.unwrap_or_default(), |epochs| epochs * self.epoch_steps(pictures))
    }

    /// The steps between two grids of samples.
    pub fn sample_steps_between(&self, pictures: usize) -> u64 {
        self.sample_every.unwrap_or(10 * self.epoch_steps(pictures))
    }

    /// The learning rate's way through a run of so many steps.
    pub fn lr_schedule(&self, steps: u64) -> Schedule {
        let falling = |shape| Schedule { warmup: WARMUP.min(steps / 10), shape };
        match self.lr_shape {
            LrShape::Constant => Schedule::default(),
            LrShape::Linear => falling(Shape::Linear { steps, floor: 0.0 }),
            LrShape::Cosine => falling(Shape::Cosine { steps, floor: 0.0 }),
        }
    }

    /// The noise schedule by its formula.
    pub fn noise_schedule(&self) -> NoiseSchedule {
        let (steps, (start, end)) = (self.times, LINEAR);
        // Fewer times add more noise each, so that as little is left of the picture at the last (Nichol and Dhariwal
        // 2021, arXiv 2102.09672).
        let [start, end] = [start, end].map(|beta| beta * LINEAR_TIMES as f64 / steps as f64);
        match self.noise {
            Noise::Linear => NoiseSchedule::Linear { steps, start, end },
            Noise::Cosine => NoiseSchedule::Cosine { steps, offset: COSINE },
        }
    }

    /// What pictures are brought to.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.channels, height: self.size, width: self.size }
    }

    /// The network's sizes for data of so many classes.
    pub fn sizes(&self, classes: usize) -> Sizes {
        Sizes {
            channels: self.channels,
            labels: classes + usize::from(self.label_dropout > 0.0),
            times: self.times,
            base: self.base,
            embedding: self.embedding,
            hidden: Sizes::default().hidden,
            conditioning: self.conditioning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_make_sense() {
        for config in [DdpmConfig::classic(), DdpmConfig::light(), DdpmConfig::quick()] {
            config.check().unwrap();
            config.noise_schedule().schedule().unwrap();
            config.lr_schedule(config.total_steps(1000)).check().unwrap();
        }
        assert_eq!(DdpmConfig::classic().total_steps(60_000), 46_900);
        assert_eq!(DdpmConfig::classic().sample_steps_between(60_000), 4_690);
        assert_eq!(DdpmConfig { label_dropout: 0.1, ..DdpmConfig::classic() }.sizes(10).labels, 11);
    }

    #[test]
    fn nonsense_is_named() {
        let error = |config: DdpmConfig| config.check().unwrap_err().to_string();
        let light = DdpmConfig::light;
        assert!(error(DdpmConfig { size: 28, ..light() }).contains("the nearest is 16 or 32"));
        assert!(error(DdpmConfig { size: 8, ..light() }).contains("the nearest is 16"));
        assert!(error(DdpmConfig { label_dropout: 1.0, ..light() }).contains("label_dropout is 1"));
        assert!(error(DdpmConfig { min_snr: f64::NAN, ..light() }).contains("min_snr is NaN"));
        assert!(error(DdpmConfig { sample_steps: 1001, ..light() }).contains("sample_steps is 1001"));
    }
}
