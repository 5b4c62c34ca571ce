//! The losses of the two players of a vanilla GAN (Goodfellow et al. 2014, arXiv 1406.2661), from logits.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::bce_with_logits;
use crate::Result;

/// What the generator minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum GeneratorLoss {
    /// `-E ln D(G(z))`: strong gradients while the discriminator is winning.
    #[default]
    NonSaturating,
    /// `E ln(1 - D(G(z)))`, as in the minimax game.
    Minimax,
}

impl GeneratorLoss {
    /// The loss for the discriminator's logits of generated pictures.
    pub fn compute(self, fake_logits: &Tensor) -> Result<Tensor> {
        match self {
            Self::NonSaturating => bce_with_logits(fake_logits, 1.0),
            Self::Minimax => Ok(bce_with_logits(fake_logits, 0.0)?.neg()?),
        }
    }
}

/// The discriminator's loss, `-E ln D(x) - E ln(1 - D(G(z)))`, from its logits of real and generated pictures.
pub fn discriminator_loss(real_logits: &Tensor, fake_logits: &Tensor) -> Result<Tensor> {
    Ok((bce_with_logits(real_logits, 1.0)? + bce_with_logits(fake_logits, 0.0)?)?)
}
