//! Folding: the weights that a file holds.

use easel_train::Weights;
use easel_train::networks::Network;
use easel_train::networks::{denoiser, progan};

use crate::error::Result;

/// Folds scales and norms of a ProGAN or a denoiser into the weights; those of any other network stay as they are. The
/// result is of another architecture, that of the file.
///
/// ```
/// use candle_core::{DType, Device};
/// use easel_export::fold::fold;
/// use easel_train::networks::progan::{Generator, Sizes, Stage};
/// use easel_train::{Params, Weights};
///
/// let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(1, 0));
/// let sizes = Sizes { z_dim: 4, width: 16, channels: 1, resolution: 8 };
/// Generator::new(params.root(), sizes)?;
/// let architecture = sizes.architecture(Stage::grown(0));
/// let weights = Weights { architecture, provenance: Default::default(), tensors: params.to_tensors() };
/// let folded = fold(&weights)?;
/// assert_eq!(folded.architecture.name, "progan-folded");
/// assert!(folded.tensors.len() < weights.tensors.len());
/// # Ok::<(), easel_export::Error>(())
/// ```
pub fn fold(weights: &Weights) -> Result<Weights> {
    let (architecture, tensors) = match weights.network()? {
        Network::Progan { generator, stage } => {
            (progan::Folded::of(&generator, stage)?.architecture(), generator.fold(stage)?)
        }
        Network::Denoiser { network, task } => (denoiser::Folded::of(&network)?.architecture(&task), network.fold()?),
        _ => (weights.architecture.clone(), weights.tensors.clone()),
    };
    Ok(Weights { architecture, tensors, provenance: weights.provenance.clone() })
}
