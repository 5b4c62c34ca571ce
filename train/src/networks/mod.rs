//! The networks, each written once against [`Value`](crate::Value).
//!
//! A checkpoint's `weights.safetensors` is written and read by [`Weights`](crate::Weights): the parameters of the one
//! network that gets exported (for a GAN the generator), under PyTorch's names and without a prefix.

pub mod denoiser;
pub mod features;
pub(crate) mod foreign;
pub mod gan;
pub mod lenet;
pub mod mlp;
pub mod progan;
pub mod squeezenet;
pub mod style;
pub mod vae;
pub mod vgg;
pub mod weights;

pub use foreign::advice as other_network;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::Architecture;
use serde_json::Value as Json;

use crate::{Error, Params, Result};

/// Any network that can be exported, with its weights.
pub enum Network {
    /// The vanilla GAN's generator.
    Gan(gan::Generator),
    /// ProGAN's generator.
    Progan {
        /// The network.
        generator: progan::Generator,
        /// How far it has grown.
        stage: progan::Stage,
    },
    /// ProGAN's generator at one stage, as an exported file holds it.
    ProganFolded(progan::Folded),
    /// The denoiser.
    Denoiser {
        /// The network.
        network: Box<denoiser::Denoiser>,
        /// What it predicts.
        task: denoiser::DenoisingTask,
    },
    /// The denoiser as an exported file holds it.
    DenoiserFolded {
        /// The network.
        network: Box<denoiser::Folded>,
        /// What it predicts.
        task: denoiser::DenoisingTask,
    },
    /// The stylizing network.
    Style(Box<style::Stylizer>),
    /// The classifier.
    Lenet(lenet::Lenet),
    /// The network for tables.
    Mlp(mlp::Mlp),
    /// The variational autoencoder's decoder.
    Vae(vae::Decoder),
}

impl Network {
    /// Builds the network of an architecture on the CPU and loads its weights by name. Its parameters are frozen, so its
    /// outputs keep no graph for gradients.
    pub fn with_weights(architecture: &Architecture, weights: &BTreeMap<String, Tensor>) -> Result<Self> {
        Self::on(architecture, weights, &Device::Cpu)
    }

    /// The same on a device.
    pub fn on(architecture: &Architecture, weights: &BTreeMap<String, Tensor>, device: &Device) -> Result<Self> {
        let params = Params::new(DType::F32, device, Random::new(0, 0));
        let network = Self::build(architecture, &params)?;
        params.load(weights)?;
        params.set_frozen(true);
        Ok(network)
    }

    /// Builds the network of an architecture with its initial weights.
    fn build(architecture: &Architecture, params: &Params) -> Result<Self> {
        Ok(match architecture.name.as_str() {
            gan::ARCHITECTURE => Self::Gan(gan::Generator::new(params.root(), gan::Sizes::read(architecture)?)?),
            progan::ARCHITECTURE => {
                let (sizes, stage) = progan::Sizes::read(architecture)?;
                Self::Progan { generator: progan::Generator::new(params.root(), sizes)?, stage }
            }
            progan::FOLDED => {
                let (sizes, stage) = progan::Sizes::read(architecture)?;
                Self::ProganFolded(progan::Folded::new(params.root(), sizes, stage)?)
            }
            denoiser::ARCHITECTURE => {
                let (sizes, task) = denoiser::read(architecture)?;
                Self::Denoiser { network: Box::new(denoiser::Denoiser::new(params.root(), sizes)?), task }
            }
            denoiser::FOLDED => {
                let (sizes, task) = denoiser::read(architecture)?;
                Self::DenoiserFolded { network: Box::new(denoiser::Folded::new(params.root(), sizes)?), task }
            }
            style::ARCHITECTURE | style::FORMER_ARCHITECTURE => {
                Self::Style(Box::new(style::Stylizer::new(params.root(), style::Sizes::read(architecture)?)?))
            }
            lenet::ARCHITECTURE => Self::Lenet(lenet::Lenet::new(params.root(), lenet::Sizes::read(architecture)?)?),
            mlp::ARCHITECTURE => Self::Mlp(mlp::Mlp::new(params.root(), mlp::Sizes::read(architecture)?)?),
            vae::ARCHITECTURE => Self::Vae(vae::Decoder::new(params.root(), vae::Sizes::read(architecture)?)?),
            other => {
                let known = vec![
                    gan::ARCHITECTURE,
                    progan::ARCHITECTURE,
                    denoiser::ARCHITECTURE,
                    style::ARCHITECTURE,
                    lenet::ARCHITECTURE,
                    mlp::ARCHITECTURE,
                    vae::ARCHITECTURE,
                ];
                return Err(Error::UnknownArchitecture { name: other.into(), known });
            }
        })
    }
}

/// The network that weights of these names and shapes belong to; `None` where this crate has no such network.
pub fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Architecture> {
    gan::Sizes::recognise(shapes)
        .map(|sizes| sizes.architecture())
        .or_else(|| progan::Sizes::recognise(shapes).map(|(sizes, stage)| sizes.architecture(stage)))
        .or_else(|| {
            denoiser::Sizes::recognise(shapes).map(|sizes| denoiser::DenoisingTask::classic().architecture(&sizes))
        })
        .or_else(|| style::Sizes::recognise(shapes).map(|sizes| sizes.architecture()))
        .or_else(|| lenet::Sizes::recognise(shapes).map(|sizes| sizes.architecture()))
        .or_else(|| mlp::Sizes::recognise(shapes).map(|sizes| sizes.architecture()))
        .or_else(|| vae::Sizes::recognise(shapes).map(|sizes| sizes.architecture()))
}

/// The names of the parameters of an architecture's network.
pub(crate) fn parameter_names(architecture: &Architecture) -> Result<Vec<String>> {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(0, 0));
    Network::build(architecture, &params)?;
    Ok(params.all().iter().map(|param| param.name().to_string()).collect())
}

/// The architecture under its present name: version 0.1 called the stylizer `imfw`.
pub(crate) fn with_present_name(architecture: Architecture) -> Architecture {
    match architecture.name.as_str() {
        style::FORMER_ARCHITECTURE => Architecture { name: style::ARCHITECTURE.into(), ..architecture },
        _ => architecture,
    }
}

/// Reads one size of an architecture.
fn size(architecture: &Architecture, name: &str) -> Result<usize> {
    architecture
        .sizes
        .get(name)
        .and_then(Json::as_u64)
        .and_then(|value| usize::try_from(value).ok())
        .filter(|value| (1..=1 << 20).contains(value))
        .ok_or_else(|| Error::Checkpoint(format!("the architecture {} needs a size `{name}`", architecture.name)))
}

fn architecture(name: &str, sizes: &[(&str, usize)]) -> Architecture {
    let sizes = sizes.iter().map(|&(name, value)| (name.to_string(), Json::from(value))).collect();
    Architecture { name: name.to_string(), sizes }
}
