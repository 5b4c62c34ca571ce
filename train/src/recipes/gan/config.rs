//! The settings of the vanilla GAN.

use crate::losses::gan::GeneratorLoss;
use crate::settings::{Epochs, Sampling, Shared, decay, within};
use crate::{Result, settings};

settings! {
    /// The settings of the vanilla GAN.
    pub struct GanConfig {
        /// Steps of the discriminator for each step of the generator
        #[arg(value_name = "K")]
        pub critic_steps: usize,
        /// What the generator minimises
        #[arg(value_enum)]
        pub loss: GeneratorLoss,
        /// Adam's decay of the mean of the gradients
        #[arg(value_name = "X")]
        pub beta1: f64,
        /// Adam's decay of the mean of their squares
        #[arg(value_name = "X")]
        pub beta2: f64,
        /// Elements of the latent vector, uniform in (-1, 1)
        #[arg(value_name = "N")]
        pub z_dim: usize,
        /// Units of the hidden layer of both networks
        #[arg(value_name = "N")]
        pub hidden: usize,
        ..epochs: Epochs,
        ..sampling: Sampling,
        ..shared: Shared,
    }
}

impl GanConfig {
    /// 15,000 steps: recognisable digits in some minutes.
    ///
    /// Adam's betas are lower than usual. Beta 1, as in Radford et al. 2015 (arXiv 1511.06434), spares the generator
    /// thousands of steps of mode collapse; beta 2 keeps the updates of pixels small that are rarely bright.
    pub fn classic() -> Self {
        Self {
            critic_steps: 1,
            loss: GeneratorLoss::NonSaturating,
            beta1: 0.5,
            beta2: 0.99,
            z_dim: 100,
            hidden: 256,
            epochs: Epochs { batch: 128, epochs: None },
            sampling: Sampling { sample_every: Some(500) },
            shared: Shared {
                steps: Some(15_000),
                // The matrices are so small that a second thread does not help.
                threads: 1,
                lr: 2e-4,
                checkpoint_every: 1_000,
                ..Shared::default()
            },
        }
    }

    /// 5,000 steps: rough digits in about a minute.
    pub fn quick() -> Self {
        let classic = Self::classic();
        Self { shared: Shared { steps: Some(5_000), ..classic.shared }, ..classic }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        within("critic_steps", self.critic_steps, 1..=1 << 20)?;
        within("z_dim", self.z_dim, 1..=1 << 16)?;
        within("hidden", self.hidden, 1..=1 << 16)?;
        decay("beta1", self.beta1)?;
        decay("beta2", self.beta2)
    }
}
