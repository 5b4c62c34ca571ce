//! The vanilla GAN (Goodfellow et al. 2014, arXiv 1406.2661): a generator and a discriminator of two fully connected layers each.

use std::collections::BTreeMap;

use easel_runtime::card::{Architecture, Distribution, Latent};

use crate::nn::Linear;
use crate::param::{Init, Scope};
use crate::{Result, Value};

/// The architecture's name in a checkpoint and a model card.
pub const ARCHITECTURE: &str = "vanilla-gan";

/// The generator's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Elements of the latent vector.
    pub z_dim: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// The picture's channels, height and width.
    pub picture: [usize; 3],
}

impl Default for Sizes {
    fn default() -> Self {
        Self { z_dim: 100, hidden: 256, picture: [1, 28, 28] }
    }
}

impl Sizes {
    /// The architecture with these sizes.
    pub fn architecture(&self) -> Architecture {
        let [channels, height, width] = self.picture;
        super::architecture(
            ARCHITECTURE,
            &[
                ("z_dim", self.z_dim),
                ("hidden", self.hidden),
                ("channels", channels),
                ("height", height),
                ("width", width),
            ],
        )
    }

    /// The latent vector that the generator takes.
    pub fn latent(&self) -> Latent {
        Latent { dim: self.z_dim, distribution: Distribution::Uniform { low: -1.0, high: 1.0 } }
    }

    pub(super) fn read(architecture: &Architecture) -> Result<Self> {
        let size = |name| super::size(architecture, name);
        Ok(Self {
            z_dim: size("z_dim")?,
            hidden: size("hidden")?,
            picture: [size("channels")?, size("height")?, size("width")?],
        })
    }

    /// Recognises a generator by its two layers. Weights do not show the picture's shape: a square grey one is assumed.
    pub(super) fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let [hidden, z_dim] = shapes.get("hidden.weight")?[..] else { return None };
        let [pixels, _] = shapes.get("out.weight")?[..] else { return None };
        let side = pixels.isqrt();
        (shapes.len() == 4 && side * side == pixels && side > 1).then_some(Self {
            z_dim,
            hidden,
            picture: [1, side, side],
        })
    }

    fn pixels(&self) -> usize {
        self.picture.iter().product()
    }
}

/// Weights from N(0, 1 / sqrt(fan_in / 2)), the initialisation of He et al. 2015 (arXiv 1502.01852).
fn he(fan_in: usize) -> Init {
    Init::Normal { std: 1.0 / (fan_in as f64 / 2.0).sqrt() }
}

/// `z [batch, z_dim]` to pictures in `[0, 1]`: linear, ReLU, linear, sigmoid.
#[derive(Debug, Clone)]
pub struct Generator {
    hidden: Linear,
    out: Linear,
    sizes: Sizes,
}

impl Generator {
    /// Parameters `hidden.{weight, bias}` and `out.{weight, bias}`.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        Ok(Self {
            hidden: Linear::new(scope.sub("hidden"), sizes.z_dim, sizes.hidden, he(sizes.z_dim))?,
            out: Linear::new(scope.sub("out"), sizes.hidden, sizes.pixels(), he(sizes.hidden))?,
            sizes,
        })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Flat pictures `[batch, channel * height * width]`, as the discriminator takes them.
    pub fn forward<V: Value>(&self, z: &V) -> Result<V> {
        self.out.forward(&self.hidden.forward(z)?.relu()?)?.sigmoid()
    }

    /// Pictures `[batch, channel, height, width]`: the exported model.
    pub fn pictures<V: Value>(&self, z: &V) -> Result<V> {
        self.forward(z)?.unflatten(self.sizes.picture)
    }
}

/// Flat pictures `[batch, channel * height * width]` in `[0, 1]` to the logit of being real: linear, ReLU, linear.
#[derive(Debug, Clone)]
pub struct Discriminator {
    hidden: Linear,
    out: Linear,
}

impl Discriminator {
    /// Parameters `hidden.{weight, bias}` and `out.{weight, bias}`. The hidden layer is as wide as the generator's.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        Ok(Self {
            hidden: Linear::new(scope.sub("hidden"), sizes.pixels(), sizes.hidden, he(sizes.pixels()))?,
            out: Linear::new(scope.sub("out"), sizes.hidden, 1, he(sizes.hidden))?,
        })
    }

    /// Logits `[batch, 1]`; their sigmoid is the probability of being real. The losses take logits, so that nothing
    /// overflows.
    pub fn forward<V: Value>(&self, pictures: &V) -> Result<V> {
        self.out.forward(&self.hidden.forward(pictures)?.relu()?)
    }
}
