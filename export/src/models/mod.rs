//! The models that this project's networks are exported as.

mod classifier;
mod denoiser;
mod generator;
mod mlp;
mod progan;
mod stylizer;
mod vae;

use easel_train::Result;
use easel_train::networks::Network;

use crate::exportable::Exportable;

/// The model that a network is exported as. It shares the network's weights.
///
/// ```
/// use candle_core::{DType, Device};
/// use easel_export::models::of_network;
/// use easel_train::networks::Network;
/// use easel_train::networks::lenet::{Lenet, Sizes};
/// use easel_train::Params;
///
/// let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(1, 0));
/// let network = Network::Lenet(Lenet::new(params.root(), Sizes::default())?);
/// let model = of_network(&network)?;
/// assert_eq!((model.title(), model.kind().name()), ("LeNet".into(), "classifier"));
/// # Ok::<(), easel_train::Error>(())
/// ```
pub fn of_network(network: &Network) -> Result<Box<dyn Exportable>> {
    Ok(match network {
        Network::Gan(generator) => Box::new(generator.clone()),
        Network::Progan { generator, stage } => {
            Box::new(progan::UnfoldedModel { generator: generator.clone(), stage: *stage })
        }
        Network::ProganFolded(generator) => Box::new(generator.clone()),
        Network::Style(stylizer) => stylizer.clone(),
        Network::Lenet(lenet) => Box::new(lenet.clone()),
        Network::Mlp(mlp) => Box::new(mlp.clone()),
        Network::Denoiser { network, task } => Box::new(denoiser::UnfoldedModel::new(network, *task)?),
        Network::DenoiserFolded { network, task } => {
            Box::new(denoiser::FoldedModel { network: (**network).clone(), task: *task })
        }
        Network::Vae(decoder) => Box::new(decoder.clone()),
    })
}
