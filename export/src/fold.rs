//! The weights that a file holds.

use easel_train::Weights;
use easel_train::networks::Network;
use easel_train::networks::{denoiser, progan};

use crate::Result;

/// A ProGAN's and a denoiser's weights are folded, any other network's are what they were.
pub fn fold(weights: &Weights) -> Result<Weights> {
    let (architecture, tensors) = match weights.network()? {
        Network::Progan { generator, stage } => {
            (progan::Folded::of(&generator, stage)?.architecture(), generator.fold(stage)?)
        }
        Network::Denoiser { network, task } => (denoiser::Folded::of(&network)?.architecture(&task), network.fold()?),
        _ => (weights.architecture.clone(), weights.tensors.clone()),
    };
    Ok(Weights { architecture, provenance: weights.provenance.clone(), tensors })
}
