//! The settings of the conditional DDPM.

use easel_runtime::card::{self, Prediction};
use serde::{Deserialize, Serialize};

use crate::data::PictureFormat;
use crate::networks::denoiser::{Conditioning, LARGEST, MOST, MULTIPLE, Sizes, WIDEST};
use crate::optim::LrSchedule;
use crate::settings::{Epochs, Sampling, Shared, decay, finite_from_zero, one_of, within};
use crate::{Error, Result, settings};

/// Betas of the linear schedule (Ho et al. 2020, section 4).
const LINEAR: (f64, f64) = (1e-4, 0.02);
const LINEAR_TIMESTEPS: usize = 1000;
/// The offset of the cosine schedule (Nichol and Dhariwal 2021, section 3.2).
const COSINE: f64 = 0.008;

/// The fewest pictures of a batch: batch norm has no variance of one.
pub(super) const LEAST_BATCH: usize = 2;

/// The beta schedule's formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum BetaSchedule {
    /// Betas from 1e-4 to 0.02 (Ho et al. 2020)
    Linear,
    /// Alpha-bar as a squared cosine (Nichol and Dhariwal 2021)
    Cosine,
}

settings! {
    /// The settings of the conditional DDPM.
    pub struct DdpmConfig {
        /// Height and width that pictures are resized to, a multiple of 16
        #[arg(value_name = "N")]
        pub size: usize,
        /// What pictures are converted to: 1 (grey) or 3 (RGB) channels
        #[arg(value_name = "1|3")]
        pub channels: usize,
        /// Where timestep and class condition the network
        #[arg(value_enum)]
        pub conditioning: Conditioning,
        /// Channels at the full size; they double at each of four downsamplings
        #[was("base")]
        #[arg(value_name = "N")]
        pub base_channels: usize,
        /// Size of the embedding of timestep and class
        #[was("embedding")]
        #[arg(value_name = "N")]
        pub embedding_size: usize,
        /// Timesteps of the diffusion
        #[was("times")]
        #[arg(value_name = "N")]
        pub timesteps: usize,
        /// The beta schedule
        #[was("noise")]
        #[arg(value_enum)]
        pub beta_schedule: BetaSchedule,
        /// What the network predicts
        #[arg(value_parser = crate::settings::parser::<Prediction>(&["noise", "velocity"]))]
        pub prediction: Prediction,
        /// Min-SNR weighting of the loss: the most that a timestep's signal-to-noise ratio counts; 0 turns it off
        #[was("min-snr")]
        #[arg(value_name = "GAMMA")]
        pub min_snr_gamma: f64,
        /// Probability of dropping the class in training, for classifier-free guidance
        #[was("label-dropout")]
        #[arg(value_name = "P")]
        pub condition_dropout: f64,
        /// Steps of DPM-Solver++ for a sample
        #[arg(value_name = "N")]
        pub sample_steps: usize,
        ..epochs: Epochs,
        ..sampling: Sampling,
        ..shared: Shared,
    }
}

impl DdpmConfig {
    /// 100 epochs of the network that is conditioned at its input.
    pub fn classic() -> Self {
        let Sizes { channels, base_channels, embedding_size, conditioning, timesteps, .. } = Sizes::default();
        Self {
            size: 32,
            channels,
            conditioning,
            base_channels,
            embedding_size,
            timesteps,
            beta_schedule: BetaSchedule::Linear,
            prediction: Prediction::Noise,
            min_snr_gamma: 0.0,
            condition_dropout: 0.0,
            sample_steps: 50,
            epochs: Epochs { batch: 128, epochs: Some(100) },
            sampling: Sampling { sample_every: None },
            shared: Shared { lr: 1e-4, ..Shared::default() },
        }
    }

    /// For two CPU cores, an hour or two: a narrow network, conditioned in every block.
    pub fn light() -> Self {
        let classic = Self::classic();
        Self {
            conditioning: Conditioning::EveryBlock,
            base_channels: 16,
            condition_dropout: 0.1,
            sample_steps: 20,
            epochs: Epochs { batch: 64, epochs: None },
            sampling: Sampling { sample_every: Some(500) },
            shared: Shared { steps: Some(16_000), lr: 1e-3, lr_schedule: LrSchedule::Linear, ..classic.shared },
            ..classic
        }
    }

    /// A first try in some minutes.
    pub fn quick() -> Self {
        let light = Self::light();
        Self {
            base_channels: 8,
            sampling: Sampling { sample_every: Some(100) },
            shared: Shared { steps: Some(600), ema_decay: 0.99, ..light.shared },
            ..light
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        within("batch", self.epochs.batch, LEAST_BATCH..=1 << 20)?;
        within("base_channels", self.base_channels, 1..=WIDEST)?;
        within("embedding_size", self.embedding_size, 1..=MOST)?;
        within("timesteps", self.timesteps, 1..=100_000)?;
        within("sample_steps", self.sample_steps, 1..=self.timesteps)?;
        one_of("channels", self.channels, &[1, 3])?;
        finite_from_zero("min_snr_gamma", self.min_snr_gamma)?;
        decay("condition_dropout", self.condition_dropout)?;
        if self.size.is_multiple_of(MULTIPLE) && (MULTIPLE..=LARGEST).contains(&self.size) {
            return Ok(());
        }
        let below = (self.size / MULTIPLE * MULTIPLE).clamp(MULTIPLE, LARGEST);
        let above = self.size.next_multiple_of(MULTIPLE).clamp(MULTIPLE, LARGEST);
        let nearest = if below == above { below.to_string() } else { format!("{below} or {above}") };
        let expected = format!("a multiple of {MULTIPLE} up to {LARGEST}; the nearest is {nearest}");
        Err(Error::Setting { name: "size", value: self.size.to_string(), expected })
    }

    /// The beta schedule by its formula.
    pub fn beta_schedule_formula(&self) -> card::BetaSchedule {
        let (steps, (start, end)) = (self.timesteps, LINEAR);
        // With fewer timesteps, each adds more noise, so that the last has as little signal (Nichol and Dhariwal 2021,
        // arXiv 2102.09672).
        let [start, end] = [start, end].map(|beta| beta * LINEAR_TIMESTEPS as f64 / steps as f64);
        match self.beta_schedule {
            BetaSchedule::Linear => card::BetaSchedule::Linear { steps, start, end },
            BetaSchedule::Cosine => card::BetaSchedule::Cosine { steps, offset: COSINE },
        }
    }

    /// The format of pictures.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.channels, height: self.size, width: self.size }
    }

    /// The network's sizes for data of this many classes.
    pub fn sizes(&self, classes: usize) -> Sizes {
        Sizes {
            channels: self.channels,
            labels: classes + usize::from(self.condition_dropout > 0.0),
            timesteps: self.timesteps,
            base_channels: self.base_channels,
            embedding_size: self.embedding_size,
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
            config.beta_schedule_formula().schedule().unwrap();
            config.shared.schedule(1000).check().unwrap();
        }
        let guided = DdpmConfig { condition_dropout: 0.1, ..DdpmConfig::classic() };
        assert_eq!(guided.sizes(10).labels, 11);
    }

    #[test]
    fn nonsense_is_named() {
        let error = |config: DdpmConfig| config.check().unwrap_err().to_string();
        let light = DdpmConfig::light;
        assert!(error(DdpmConfig { size: 28, ..light() }).contains("the nearest is 16 or 32"));
        assert!(error(DdpmConfig { size: 8, ..light() }).contains("the nearest is 16"));
        assert!(error(DdpmConfig { condition_dropout: 1.0, ..light() }).contains("condition_dropout is 1"));
        assert!(error(DdpmConfig { min_snr_gamma: f64::NAN, ..light() }).contains("min_snr_gamma is NaN"));
        assert!(error(DdpmConfig { sample_steps: 1001, ..light() }).contains("sample_steps is 1001"));
    }
}
