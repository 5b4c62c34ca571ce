//! The settings of ProGAN.

use crate::losses::wgan_gp::LAMBDA;
use crate::networks::progan::Sizes;
use crate::settings::{Sampling, Shared, decay, finite_from_zero, within};
use crate::{Error, Result, settings};

/// The fewest channels at the full resolution: with fewer, the pixel norm is sometimes so near 0 that rounding is visible
/// in the pictures, and engines differ.
const NARROWEST: usize = 8;

/// The largest batch.
const MOST_BATCH: usize = 1 << 16;

/// The most pictures and epochs at a resolution.
const MOST_SHOWN: u64 = 1_000_000_000_000;

settings! {
    /// The settings of ProGAN.
    ///
    /// `batches`, `epochs` and `pictures` are lists by resolution, from 4x4 up. The last value of a list applies to all
    /// higher resolutions.
    pub struct ProganConfig {
        /// Use the pictures of these classes only
        #[arg(long = "class", value_name = "NAME", num_args = 1..)]
        #[serde(default)]
        pub classes: Vec<String>,
        /// What pictures are converted to: 1 (grey) or 3 (RGB) channels. Taken from the data if it is not set
        #[arg(value_name = "1|3")]
        pub channels: Option<usize>,
        /// Height and width to grow to, a power of two from 4 to 1024
        #[arg(value_name = "N")]
        pub resolution: usize,
        /// Pictures in a batch, by resolution
        #[arg(value_name = "N,..", value_delimiter = ',', num_args = 1)]
        pub batches: Vec<usize>,
        /// Passes of the critic over the data, by resolution
        #[arg(value_name = "N,..", value_delimiter = ',', num_args = 1, conflicts_with = "pictures")]
        pub epochs: Option<Vec<u64>>,
        /// In place of epochs: pictures that the critic sees, by resolution
        #[arg(value_name = "N,..", value_delimiter = ',', num_args = 1)]
        pub pictures: Option<Vec<u64>>,
        /// With pictures: evaluations at each resolution, each with a checkpoint
        #[was("parts")]
        #[arg(value_name = "N")]
        pub evaluations: u64,
        /// The share of a resolution's steps in which its layers fade in
        #[arg(value_name = "X")]
        pub fade: f64,
        /// Elements of the latent vector, from N(0, 1)
        #[arg(value_name = "N")]
        pub z_dim: usize,
        /// Channels of both networks from 4x4 to 32x32; fewer above
        #[arg(value_name = "N")]
        pub width: usize,
        /// Augmentation: mirror every other picture, at random
        #[arg(value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
        pub mirror: bool,
        /// Steps of the critic for each step of the generator
        #[arg(value_name = "K")]
        pub critic_steps: usize,
        /// Weight of the gradient penalty
        #[arg(value_name = "X")]
        pub lambda: f64,
        /// Apply the penalty in every Nth step of the critic
        #[arg(value_name = "N")]
        pub penalty_every: u64,
        /// Weight of the mean squared score of real pictures, which keeps scores near 0
        #[arg(value_name = "X")]
        pub drift: f64,
        /// Adam's decay of the mean of the gradients
        #[arg(value_name = "X")]
        pub beta1: f64,
        /// Adam's decay of the mean of their squares
        #[arg(value_name = "X")]
        pub beta2: f64,
        /// Pictures that are compared with real ones in an evaluation; 0 turns evaluations off
        #[was("evaluate")]
        #[arg(value_name = "N")]
        pub eval_samples: usize,
        ..sampling: Sampling,
        ..shared: Shared,
    }
}

impl ProganConfig {
    /// 128 pixels in 8 epochs at each resolution, as is usual on a GPU.
    pub fn classic() -> Self {
        Self {
            classes: vec![],
            channels: None,
            resolution: 128,
            batches: vec![128, 128, 64, 16, 8, 4, 2, 2, 1],
            epochs: Some(vec![8]),
            pictures: None,
            evaluations: 4,
            fade: 0.5,
            z_dim: 128,
            width: 128,
            mirror: false,
            critic_steps: 1,
            lambda: LAMBDA,
            penalty_every: 1,
            drift: 0.0,
            beta1: 0.0,
            beta2: 0.99,
            eval_samples: 512,
            sampling: Sampling { sample_every: Some(300) },
            shared: Shared { lr: 1e-4, checkpoint_every: 0, ..Shared::default() },
        }
    }

    /// For two CPU cores, an hour or two: 32 pixels, narrow networks.
    pub fn light() -> Self {
        let classic = Self::classic();
        Self {
            resolution: 32,
            batches: vec![32, 32, 32, 16],
            epochs: None,
            pictures: Some(vec![40_000, 80_000, 120_000, 160_000]),
            z_dim: 64,
            width: 48,
            drift: 1e-3,
            shared: Shared { lr: 1e-3, ..classic.shared },
            ..classic
        }
    }

    /// A first try: 16 pixels.
    pub fn quick() -> Self {
        let light = Self::light();
        Self {
            resolution: 16,
            batches: vec![16],
            pictures: Some(vec![4_000, 8_000, 12_000]),
            evaluations: 2,
            z_dim: 32,
            width: 24,
            eval_samples: 128,
            shared: Shared { ema_decay: 0.99, ..light.shared },
            ..light
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let (narrowest, side) = (self.sizes().narrowest()?, self.resolution);
        if narrowest < NARROWEST {
            let expected = format!("one that leaves at least {NARROWEST} channels at {side}x{side}, not {narrowest}");
            return Err(Error::Setting { name: "width", value: self.width.to_string(), expected });
        }
        within("critic_steps", self.critic_steps, 1..=1 << 10)?;
        within("z_dim", self.z_dim, 1..=1 << 16)?;
        within("width", self.width, 1..=1 << 14)?;
        within("eval_samples", self.eval_samples, 0..=1 << 20)?;
        within("evaluations", self.evaluations, 1..=1 << 20)?;
        within("penalty_every", self.penalty_every, 1..=MOST_SHOWN)?;
        let batches = self.batches.iter().map(|&batch| batch as u64).collect();
        let lists = [
            ("batches", Some(batches), MOST_BATCH as u64),
            ("epochs", self.epochs.clone(), MOST_SHOWN),
            ("pictures", self.pictures.clone(), MOST_SHOWN),
        ];
        for (name, list, most) in lists {
            let Some(list) = list else { continue };
            if list.is_empty() {
                return Err(Error::Config(format!("{name} is empty; set a number for each resolution")));
            }
            list.into_iter().try_for_each(|value| within(name, value, 1..=most))?;
        }
        if self.epochs.is_some() == self.pictures.is_some() {
            return Err(Error::Config("set either epochs or pictures: how long each resolution is trained".into()));
        }
        decay("beta1", self.beta1)?;
        decay("beta2", self.beta2)?;
        finite_from_zero("lambda", self.lambda)?;
        finite_from_zero("drift", self.drift)?;
        within("fade", self.fade, 0.0..=1.0)
    }

    /// The sizes of both networks, for RGB pictures where the channels are not known yet.
    pub fn sizes(&self) -> Sizes {
        let Self { z_dim, width, resolution, .. } = *self;
        Sizes { z_dim, width, channels: self.channels.unwrap_or(3), resolution }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_named() {
        let classic = ProganConfig::classic;
        let error = |config: ProganConfig| config.check().unwrap_err().to_string();
        for (config, key_fact) in [
            (ProganConfig { resolution: 100, ..classic() }, "64 or 128"),
            (ProganConfig { resolution: 2048, ..classic() }, "1024"),
            (ProganConfig { batches: vec![], ..classic() }, "batches is empty"),
            (ProganConfig { batches: vec![8, 0], ..classic() }, "batches is 0"),
            (ProganConfig { epochs: None, ..classic() }, "either"),
            (ProganConfig { pictures: Some(vec![9]), ..classic() }, "either"),
            (ProganConfig { fade: 1.5, ..classic() }, "fade is 1.5"),
            (ProganConfig { penalty_every: 0, ..classic() }, "penalty_every is 0"),
            (ProganConfig { channels: Some(2), ..classic() }, "1 or 3"),
        ] {
            assert!(error(config).contains(key_fact), "{key_fact}");
        }
    }
}
