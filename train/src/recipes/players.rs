//! A generator and its critic, trained against each other.

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::Architecture;
use easel_runtime::random::RandomState;
use serde::Serialize;

use super::player::Player;
use crate::optim::{AdamConfig, Schedule};
use crate::run::{Checkpoint, Snapshot, streams};
use crate::settings::Shared;
use crate::{Params, Result};

/// Both players, the latent random numbers, and the learning rate.
pub struct Players {
    /// The generator, with an EMA.
    pub generator: Player,
    /// The critic or discriminator.
    pub critic: Player,
    /// The random numbers of latent vectors.
    pub noise: Random,
    schedule: Schedule,
}

impl Players {
    /// The initial parameters of the generator and the critic.
    pub fn params(seed: u64, device: &Device) -> [Params; 2] {
        [0, 1].map(|player| Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS + player)))
    }

    /// `names` are those of the critic and its optimiser in a checkpoint's state. The generator has an EMA.
    pub fn new(
        [generator, critic]: [Params; 2],
        names: [&'static str; 2],
        shared: &Shared,
        steps: u64,
        [beta1, beta2]: [f64; 2],
    ) -> Result<Self> {
        let adam = AdamConfig { beta1, beta2, ..AdamConfig::new(shared.lr) };
        Ok(Self {
            generator: Player::new(["generator", "generator_adam"], generator, adam, Some(shared.ema_decay))?,
            critic: Player::new(names, critic, adam, None)?,
            noise: Random::new(shared.seed, streams::LATENTS),
            schedule: shared.schedule(steps),
        })
    }

    /// A step of the critic within a step of the run.
    pub fn train_critic(&mut self, loss: &Tensor, step: u64) -> Result<()> {
        self.critic.step(loss, self.schedule.factor(step), || Ok(()))
    }

    /// A step of the generator within a step of the run.
    pub fn train_generator(&mut self, loss: &Tensor, step: u64) -> Result<()> {
        self.generator.step(loss, self.schedule.factor(step), || Ok(()))
    }

    /// The state to save. `progress` also holds the state of the random numbers.
    pub fn snapshot(&self, architecture: Architecture, progress: impl Serialize) -> Result<Snapshot> {
        let mut state = self.generator.state()?;
        state.extend(self.critic.state()?);
        let trainer = serde_json::to_value(progress).expect("progress is plain numbers");
        Ok(Snapshot { architecture, weights: self.generator.weights(), state, trainer })
    }

    /// Restores a checkpoint.
    pub fn restore(&mut self, checkpoint: &Checkpoint, noise: RandomState) -> Result<()> {
        self.generator.restore(checkpoint)?;
        self.critic.restore(checkpoint)?;
        self.noise = Random::from_state(noise);
        Ok(())
    }
}
