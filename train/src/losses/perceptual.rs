//! The perceptual loss of style transfer (Johnson et al. 2016, arXiv 1603.08155): by what a classifier sees.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::total_variation::total_variation;
use super::{Reduction, mse};
use crate::networks::vgg::Vgg16;
use crate::ops::gram::gram_product;
use crate::{Error, Result};

/// In training the network's raw output is clamped to this before it is judged: about what an ImageNet-normalised
/// picture holds.
pub const CLAMP: [f64; 2] = [-2.1, 2.7];

/// The activations whose Gram matrices are the style, of [`LAYERS`](crate::networks::vgg::LAYERS).
const STYLE_LAYERS: usize = 4;
/// The activation that is the content: relu3_3.
const CONTENT_LAYER: usize = 2;

/// The Gram matrices `[batch, channel, channel]` of features `[batch, channel, height, width]`: the products of every
/// two channels, summed over the pixels and divided by `channel * height * width`.
pub fn gram(features: &Tensor) -> Result<Tensor> {
    let (_, channels, height, width) = features.dims4()?;
    gram_product(&features.flatten_from(2)?, 1.0 / (channels * height * width) as f64)
}

/// What the three parts weigh.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerceptualWeights {
    /// The style's weight.
    pub style: f64,
    /// The content's weight.
    pub content: f64,
    /// The total variation's weight.
    pub total_variation: f64,
}

impl Default for PerceptualWeights {
    fn default() -> Self {
        Self { style: 1e5, content: 1.0, total_variation: 1e-5 }
    }
}

/// The parts of the loss, each with its weight, and their sum.
pub struct PerceptualLosses {
    /// The squared differences of Gram matrices, the mean of each layer, summed over the layers.
    pub style: Tensor,
    /// The mean squared difference of the content layer.
    pub content: Tensor,
    /// The sum of absolute differences between neighbouring pixels.
    pub total_variation: Tensor,
    /// What is minimised.
    pub total: Tensor,
}

/// The loss towards one style.
pub struct Perceptual {
    features: Vgg16,
    style: Vec<Tensor>,
    weights: PerceptualWeights,
}

impl Perceptual {
    /// Looks at the style picture `[1, 3, height, width]` once. Pictures here and below are ImageNet-normalised, and
    /// the features' parameters are to be frozen.
    pub fn new(features: Vgg16, style: &Tensor, weights: PerceptualWeights) -> Result<Self> {
        if style.dim(0)? != 1 {
            return Err(Error::Data(format!("perceptual loss: {} style pictures; give one", style.dim(0)?)));
        }
        let grams = features.features(style, STYLE_LAYERS)?.into_iter().map(|layer| Ok(gram(&layer)?.detach()));
        let style = grams.collect::<Result<_>>()?;
        Ok(Self { features, style, weights })
    }

    /// The style's Gram matrices `[1, channel, channel]`, one a layer.
    pub fn style(&self) -> &[Tensor] {
        &self.style
    }

    /// The losses of raw output for content, both `[batch, 3, height, width]`. Clamps the output first.
    pub fn compute(&self, output: &Tensor, content: &Tensor) -> Result<PerceptualLosses> {
        let PerceptualWeights { style, content: content_weight, total_variation: variation } = self.weights;
        let [low, high] = CLAMP;
        let output = output.clamp(low, high)?;
        let found = self.features.features(&output, STYLE_LAYERS)?;
        let wanted = self.features.features(&content.detach(), CONTENT_LAYER + 1)?;
        let content = (mse(&found[CONTENT_LAYER], &wanted[CONTENT_LAYER], Reduction::Mean)? * content_weight)?;
        let mut styles = Vec::with_capacity(STYLE_LAYERS);
        for (layer, target) in found.iter().zip(&self.style) {
            let gram = gram(layer)?;
            styles.push(mse(&gram, &target.broadcast_as(gram.dims())?, Reduction::Mean)?);
        }
        let style = (Tensor::stack(&styles, 0)?.sum_all()? * style)?;
        let total_variation = (total_variation(&output)? * variation)?;
        let total = ((&content + &style)? + &total_variation)?;
        Ok(PerceptualLosses { style, content, total_variation, total })
    }
}
