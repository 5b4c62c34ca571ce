//! The cases: networks in their usual sizes, with random inputs of a seed.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_train::losses::perceptual::{Perceptual, PerceptualConfig, ViewSample};
use easel_train::losses::wgan_gp::{self, LAMBDA, gradient_penalty};
use easel_train::losses::{CrossEntropy, Reduction, mse};
use easel_train::networks::denoiser::{self, Denoiser};
use easel_train::networks::features::Kind;
use easel_train::networks::lenet::{self, Lenet};
use easel_train::networks::progan::{self, Critic, Stage};
use easel_train::networks::style::{self, Stylizer};
use easel_train::networks::vgg::Vgg16;
use easel_train::nn::Train;
use easel_train::optim::{Adam, AdamConfig};
use easel_train::{Params, Result};

/// What to time: the forward and backward pass and the update of a network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// The classifier, batch 128.
    Lenet,
    /// The stylizing network of width 32 with its perceptual loss through VGG16, batch 4 of 256x256.
    Style,
    /// The denoiser of 64 base channels, batch 16 of 32x32.
    Denoiser,
    /// ProGAN's critic of 128 channels with the gradient penalty, batch 16 of 32x32.
    Critic,
    /// The same without the penalty.
    CriticPlain,
}

/// Takes a step and gives its loss.
pub type Step = Box<dyn FnMut() -> Result<f64>>;

type Tensors = HashMap<String, Tensor>;

const STYLE: style::Sizes = style::Sizes { width: 32 };
const PROGAN: progan::Sizes = progan::Sizes { z_dim: 128, width: 128, channels: 3, resolution: 32 };

fn params() -> Params {
    Params::new(DType::F32, &Device::Cpu, Random::new(1, 0))
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Lenet, Self::Style, Self::Denoiser, Self::Critic, Self::CriticPlain];

    /// The name on the command line and of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lenet => "lenet",
            Self::Style => "style",
            Self::Denoiser => "denoiser",
            Self::Critic => "critic",
            Self::CriticPlain => "critic-plain",
        }
    }

    /// The case of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    /// Whether it needs second derivatives.
    pub fn is_second_order(self) -> bool {
        self == Self::Critic
    }

    /// The weights by `w.NAME`, VGG16's by `vgg.NAME`, and the inputs by `in.NAME`.
    pub fn tensors(self) -> Result<Tensors> {
        let mut random = Random::new(2, 0);
        let mut normals = |dims: &[usize]| Tensor::from_vec(random.normals(dims.iter().product()), dims, &Device::Cpu);
        let labels = |count: i64| Tensor::new((0..count).map(|index| index % 10).collect::<Vec<_>>(), &Device::Cpu);
        let weights = params();
        let vgg = params();
        let inputs = match self {
            Self::Lenet => {
                Lenet::new(weights.root(), lenet::Sizes::default())?;
                vec![("x", normals(&[128, 1, 32, 32])?), ("label", labels(128)?)]
            }
            Self::Style => {
                Stylizer::new(weights.root(), STYLE)?;
                Vgg16::new(vgg.root(), 1)?;
                vec![("content", normals(&[4, 3, 256, 256])?), ("style", normals(&[1, 3, 256, 256])?)]
            }
            Self::Denoiser => {
                Denoiser::new(weights.root(), denoiser::Sizes::default())?;
                let t = Tensor::new((0..16i64).map(|index| index * 62).collect::<Vec<_>>(), &Device::Cpu)?;
                let (x, noise) = (normals(&[16, 1, 32, 32])?, normals(&[16, 1, 32, 32])?);
                vec![("x", x), ("noise", noise), ("t", t), ("label", labels(16)?)]
            }
            Self::Critic | Self::CriticPlain => {
                Critic::new(weights.root(), PROGAN)?;
                let (real, fake) = (normals(&[16, 3, 32, 32])?, normals(&[16, 3, 32, 32])?);
                let beta = Tensor::from_vec(Random::new(3, 0).uniforms(16, 0.0, 1.0), (16, 1, 1, 1), &Device::Cpu)?;
                vec![("real", real), ("fake", fake), ("beta", beta)]
            }
        };
        let prefixed = |prefix: &'static str, tensors: BTreeMap<String, Tensor>| {
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let inputs = inputs.into_iter().map(|(name, tensor)| (format!("in.{name}"), tensor));
        Ok(prefixed("w", weights.to_tensors()).chain(prefixed("vgg", vgg.to_tensors())).chain(inputs).collect())
    }

    /// Builds the case from its tensors.
    pub fn prepare(self, tensors: Tensors) -> Result<Step> {
        let take = |prefix: &str| -> BTreeMap<String, Tensor> {
            let found = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
            found.map(|(name, tensor)| (name.to_string(), tensor.clone())).collect()
        };
        let inputs = take("in.");
        let input = |name: &str| inputs[name].clone();
        let params = params();
        let config = AdamConfig::new(1e-4);
        Ok(match self {
            Self::Lenet => {
                let network = Lenet::new(params.root(), lenet::Sizes::default())?;
                params.load(&take("w."))?;
                let (x, label) = (input("x"), input("label"));
                step(Adam::new(params.trained(), config)?, move || {
                    CrossEntropy::default().compute(&network.forward(&x)?, &label)
                })
            }
            Self::Style => {
                let network = Stylizer::new(params.root(), STYLE)?;
                params.load(&take("w."))?;
                let features = self::params();
                let vgg = Vgg16::new(features.root(), 1)?;
                features.load(&take("vgg."))?;
                features.set_frozen(true);
                let loss = Perceptual::new(vgg, &input("style"), &PerceptualConfig::of(Kind::Vgg16))?;
                let content = input("content");
                step(Adam::new(params.trained(), config)?, move || {
                    Ok(loss
                        .compute(&network.forward(&content)?, &content, ViewSample { factor: 0, shift: [0, 0] })?
                        .total)
                })
            }
            Self::Denoiser => {
                let network = Denoiser::new(params.root(), denoiser::Sizes::default())?;
                params.load(&take("w."))?;
                let (x, noise, t, label) = (input("x"), input("noise"), input("t"), input("label"));
                step(Adam::new(params.trained(), config)?, move || {
                    let mut random = Random::new(0, 0);
                    let mut pass = Train::new(&mut random);
                    let found = network.forward(&x, &t, &label, &mut pass)?;
                    pass.store_statistics()?;
                    mse(&found, &noise, Reduction::Mean)
                })
            }
            Self::Critic | Self::CriticPlain => {
                let network = Critic::new(params.root(), PROGAN)?;
                params.load(&take("w."))?;
                let (real, fake, beta) = (input("real"), input("fake"), input("beta"));
                let stage = Stage::grown(PROGAN.last_step()?);
                let with_penalty = self.is_second_order();
                step(Adam::new(params.trained(), config)?, move || {
                    let score = |pictures: &Tensor| network.forward(pictures, stage);
                    let loss = wgan_gp::critic_loss(&score(&real)?, &score(&fake)?)?;
                    if !with_penalty {
                        return Ok(loss);
                    }
                    Ok((loss + (gradient_penalty(score, &real, &fake, &beta)?.penalty * LAMBDA)?)?)
                })
            }
        })
    }
}

fn step(mut adam: Adam, loss: impl Fn() -> Result<Tensor> + 'static) -> Step {
    Box::new(move || {
        let loss = loss()?;
        adam.step(&loss.backward()?)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    })
}
