//! What a run of ProGAN can be told.

use easel_runtime::Device;
use serde::{Deserialize, Serialize};

use crate::losses::wgan_gp::LAMBDA;
use crate::networks::progan::Sizes;
use crate::{Error, Result};

/// The fewest channels at the full resolution: the norm of fewer at a pixel is now and then so near 0 that rounding shows
/// in the pictures, and engines differ.
const NARROWEST: usize = 8;

/// The largest batch.
const MOST_BATCH: usize = 1 << 16;

/// The most pictures that are shown at a resolution, and the most epochs.
const MOST_SHOWN: u64 = 1_000_000_000_000;

/// Everything that a run of ProGAN can be told.
///
/// `batches`, `epochs` and `pictures` are lists by resolution, from 4x4 up. Of a list that is too short the last value
/// goes on; what a list has beyond the run's resolution is not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProganConfig {
    /// What `--data` names.
    pub data: Option<String>,
    /// Train with the pictures of these classes only; without any, with all.
    pub classes: Vec<String>,
    /// 1 (grey) or 3 (RGB); without it, what the data is.
    pub channels: Option<usize>,
    /// Height and width that are grown to: a power of two from 4 to 1024.
    pub resolution: usize,
    /// Steps of the generator in all: fewer than the schedule's end the run early, with more the last resolution goes
    /// on. Without it, the schedule's.
    pub steps: Option<u64>,
    /// The pictures in a step, by resolution.
    pub batches: Vec<usize>,
    /// How often the critic sees the whole data, by resolution.
    pub epochs: Option<Vec<u64>>,
    /// In place of epochs: how many pictures the critic sees, whatever the data's size, by resolution.
    pub pictures: Option<Vec<u64>>,
    /// With `pictures`, into how many epochs a resolution is divided: there is a checkpoint and an evaluation after each.
    pub parts: u64,
    /// The share of a resolution's steps in which its layers fade in.
    pub fade: f64,
    /// The seed of everything random.
    pub seed: u64,
    /// Where to compute.
    #[serde(with = "crate::run::config::text")]
    pub device: Device,
    /// CPU threads of the model.
    pub threads: usize,
    /// Threads that make batches; 0 makes them between the steps. They do not change what comes out.
    pub workers: usize,
    /// Elements of the latent vector, from N(0, 1).
    pub z_dim: usize,
    /// Both players' channels from 4x4 to 32x32; fewer above.
    pub width: usize,
    /// Whether every other picture is mirrored, at random.
    pub mirror: bool,
    /// Steps of the critic for each of the generator.
    pub critic_steps: usize,
    /// The gradient penalty's weight.
    pub lambda: f64,
    /// The penalty is a part of the critic's first step and of every so many after it.
    pub penalty_every: u64,
    /// The weight of the mean square of the scores of real pictures, which keeps scores from drifting away.
    pub drift: f64,
    /// Adam's learning rate, both players'.
    pub lr: f64,
    /// Adam's decay of the mean of the gradients.
    pub beta1: f64,
    /// Adam's decay of the mean of their squares.
    pub beta2: f64,
    /// Decay of the averaged generator, which is what is sampled, evaluated and exported.
    pub average: f64,
    /// The pictures that are compared in an evaluation; 0: none.
    pub evaluate: usize,
    /// Real and generated samples every so many steps.
    pub sample_every: u64,
    /// A checkpoint every so many steps, beside those of epochs.
    pub checkpoint_every: u64,
    /// A line of losses every so many steps, beside those of epochs.
    pub log_every: u64,
    /// The number of checkpoints that are kept.
    pub keep: usize,
}

impl ProganConfig {
    /// 128 pixels in 8 epochs at each resolution, as is usual on a GPU.
    pub fn classic() -> Self {
        Self {
            data: None,
            classes: vec![],
            channels: None,
            resolution: 128,
            steps: None,
            batches: vec![128, 128, 64, 16, 8, 4, 2, 2, 1],
            epochs: Some(vec![8]),
            pictures: None,
            parts: 4,
            fade: 0.5,
            seed: 0,
            device: Device::Auto,
            threads: 2,
            workers: 1,
            z_dim: 128,
            width: 128,
            mirror: false,
            critic_steps: 1,
            lambda: LAMBDA,
            penalty_every: 1,
            drift: 0.0,
            lr: 1e-4,
            beta1: 0.0,
            beta2: 0.99,
            average: 0.999,
            evaluate: 512,
            sample_every: 300,
            checkpoint_every: 0,
            log_every: 50,
            keep: 3,
        }
    }

    /// What two CPU cores do in an hour or two: 32 pixels, narrow players.
    pub fn light() -> Self {
        Self {
            resolution: 32,
            batches: vec![32, 32, 32, 16],
            epochs: None,
            pictures: Some(vec![40_000, 80_000, 120_000, 160_000]),
            z_dim: 64,
            width: 48,
            drift: 1e-3,
            lr: 1e-3,
            ..Self::classic()
        }
    }

    /// A first look: 16 pixels.
    pub fn quick() -> Self {
        Self {
            resolution: 16,
            batches: vec![16],
            pictures: Some(vec![4_000, 8_000, 12_000]),
            parts: 2,
            z_dim: 32,
            width: 24,
            average: 0.99,
            evaluate: 128,
            ..Self::light()
        }
    }

    /// Fails on a value that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        let (width, narrowest, side) = (self.width, self.sizes().narrowest()?, self.resolution);
        if narrowest < NARROWEST {
            return Err(Error::Config(format!(
                "width is {width}, which leaves {narrowest} channels at {side}x{side}, and {NARROWEST} is the least; \
                 give a larger width or a lower resolution"
            )));
        }
        let sizes = [
            ("threads", self.threads, 1, 1 << 10),
            ("workers", self.workers, 0, 1 << 8),
            ("critic_steps", self.critic_steps, 1, 1 << 10),
            ("z_dim", self.z_dim, 1, 1 << 16),
            ("width", self.width, 1, 1 << 14),
            ("evaluate", self.evaluate, 0, 1 << 20),
            ("keep", self.keep, 1, usize::MAX),
        ];
        for (name, value, least, most) in sizes {
            check_number(name, value as u64, least as u64, most as u64)?;
        }
        check_number("steps", self.steps.unwrap_or(1), 1, MOST_SHOWN)?;
        check_number("parts", self.parts, 1, 1 << 20)?;
        check_number("penalty_every", self.penalty_every, 1, MOST_SHOWN)?;
        let numbers = |list: &[usize]| list.iter().map(|&value| value as u64).collect::<Vec<_>>();
        let lists = [
            ("batches", Some(numbers(&self.batches)), MOST_BATCH as u64),
            ("epochs", self.epochs.clone(), MOST_SHOWN),
            ("pictures", self.pictures.clone(), MOST_SHOWN),
        ];
        for (name, list, most) in lists {
            match list.as_deref() {
                Some([]) => return Err(Error::Config(format!("{name} is empty; give a number for each resolution"))),
                Some(list) => list.iter().try_for_each(|&value| check_number(name, value, 1, most))?,
                None => {}
            }
        }
        if self.epochs.is_some() == self.pictures.is_some() {
            return Err(Error::Config("give either epochs or pictures: how long each resolution is trained".into()));
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Error::Config(format!("lr is {}; give a number above 0", self.lr)));
        }
        for (name, value) in [("beta1", self.beta1), ("beta2", self.beta2), ("average", self.average)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from 0 up to below 1")));
            }
        }
        for (name, value) in [("lambda", self.lambda), ("drift", self.drift)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::Config(format!("{name} is {value}; give a number from 0 up")));
            }
        }
        if !(0.0..=1.0).contains(&self.fade) {
            return Err(Error::Config(format!("fade is {}; give a share from 0 to 1", self.fade)));
        }
        Ok(())
    }

    /// Both players' sizes; of RGB pictures where the channels are not known yet.
    pub fn sizes(&self) -> Sizes {
        let Self { z_dim, width, resolution, .. } = *self;
        Sizes { z_dim, width, channels: self.channels.unwrap_or(3), resolution }
    }
}

fn check_number(name: &str, value: u64, least: u64, most: u64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::Config(format!("{name} is {value}; give a number from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_named() {
        for preset in [ProganConfig::classic(), ProganConfig::light(), ProganConfig::quick()] {
            preset.check().unwrap();
        }
        let classic = ProganConfig::classic;
        let error = |config: ProganConfig| config.check().unwrap_err().to_string();
        assert!(error(ProganConfig { resolution: 100, ..classic() }).contains("64 or 128"));
        assert!(error(ProganConfig { resolution: 2048, ..classic() }).contains("1024"));
        assert!(error(ProganConfig { batches: vec![], ..classic() }).contains("batches is empty"));
        assert!(error(ProganConfig { batches: vec![8, 0], ..classic() }).contains("batches is 0"));
        assert!(error(ProganConfig { epochs: None, ..classic() }).contains("either"));
        assert!(error(ProganConfig { pictures: Some(vec![9]), ..classic() }).contains("either"));
        assert!(error(ProganConfig { fade: 1.5, ..classic() }).contains("fade is 1.5"));
        assert!(error(ProganConfig { penalty_every: 0, ..classic() }).contains("penalty_every is 0"));
        assert!(error(ProganConfig { channels: Some(2), ..classic() }).contains("pictures of 1 or 3"));
    }
}
