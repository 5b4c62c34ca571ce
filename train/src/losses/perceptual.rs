//! The perceptual loss of style transfer (Johnson et al. 2016, arXiv 1603.08155): on the features of a classifier.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::total_variation::total_variation;
pub use super::view::{FACTORS, View, ViewSample};
use super::{Reduction, mse};
use crate::networks::features::{Features, Kind};
use crate::ops::gram::gram_product;
use crate::{Error, Result};

/// The network's raw output is clamped to this range before the loss: about that of ImageNet-normalised pictures.
pub const CLAMP: [f64; 2] = [-2.1, 2.7];

/// With a jitter, the style's Gram matrices are means over this many shifts in each direction.
const STYLE_SHIFTS: usize = 4;

/// The Gram matrices `[batch, channel, channel]` of features `[batch, channel, height, width]`: the products of each
/// pair of channels, summed over the pixels and divided by `channel * height * width`.
pub fn gram(features: &Tensor) -> Result<Tensor> {
    let (_, channels, height, width) = features.dims4()?;
    gram_product(&features.flatten_from(2)?, 1.0 / (channels * height * width) as f64)
}

/// The weights of the three parts.
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

/// The weights of the layers in a part of the loss, by name: `features.0=1,features.4=0.5`. Others have weight 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerWeights(pub BTreeMap<String, f64>);

impl FromIterator<(String, f64)> for LayerWeights {
    fn from_iter<I: IntoIterator<Item = (String, f64)>>(layers: I) -> Self {
        Self(layers.into_iter().collect())
    }
}

impl fmt::Display for LayerWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<_> = self.0.iter().map(|(name, weight)| format!("{name}={weight}")).collect();
        f.write_str(&layers.join(","))
    }
}

impl FromStr for LayerWeights {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let layer = |part: &str| {
            let (name, weight) = part.split_once('=')?;
            Some((name.trim().to_string(), weight.trim().parse().ok()?))
        };
        let layers: Option<_> = text.split(',').map(layer).collect();
        layers.map(Self).ok_or_else(|| "layers and weights are written as in `features.0=1,features.4=0.5`".into())
    }
}

/// The options of the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct PerceptualConfig {
    /// The weights of the parts.
    pub weights: PerceptualWeights,
    /// The layers whose Gram matrices are compared with the style's.
    pub style_layers: LayerWeights,
    /// The layers whose features are compared with the content's.
    pub content_layers: LayerWeights,
    /// Whether the loss of each layer is divided by the mean square of its target: the content's features or the style's
    /// Gram matrix. Then layers and networks with large activations have no larger losses than others.
    pub relative: bool,
    /// Whether content features are instance-normalised before they are compared, each channel of each picture to mean 0
    /// and variance 1 ([`normalised`]). Then only their arrangement counts, not their strength, which the style changes.
    pub normalised_content: bool,
    /// The augmentation.
    pub view: View,
}

impl PerceptualConfig {
    /// The defaults for a network. For VGG16 this is the classic loss (style from all four layers, content from relu3_3,
    /// absolute); for SqueezeNet it is relative and normalised, on pictures enlarged 1.25 to 2 times and shifted by up to
    /// 15 pixels, one less than the product of its strides.
    pub fn of(kind: Kind) -> Self {
        let style_layers = kind.layers().iter().map(|layer| (layer.to_string(), 1.0)).collect();
        let layers =
            |layers: &[(&str, f64)]| layers.iter().map(|(layer, weight)| (layer.to_string(), *weight)).collect();
        match kind {
            Kind::Vgg16 => Self {
                weights: PerceptualWeights::default(),
                style_layers,
                content_layers: layers(&[("relu3_3", 1.0)]),
                relative: false,
                normalised_content: false,
                view: View::PLAIN,
            },
            Kind::SqueezeNet => Self {
                weights: PerceptualWeights { style: 1.5, content: 1.0, total_variation: 2e-5 },
                style_layers,
                content_layers: layers(&[("features.4", 0.4), ("features.7", 1.0)]),
                relative: true,
                normalised_content: true,
                view: View { enlarge: [1.25, 2.0], jitter: 15 },
            },
        }
    }
}

/// The parts of the loss, each with its weight, and their sum.
pub struct PerceptualLosses {
    /// The mean squared differences of Gram matrices, summed over the layers with their weights.
    pub style: Tensor,
    /// The mean squared differences of content features, summed over the layers with their weights.
    pub content: Tensor,
    /// The sum of absolute differences between neighbouring pixels.
    pub total_variation: Tensor,
    /// The weighted sum, which training minimises.
    pub total: Tensor,
    /// The terms of the style loss, in the order of the network's layers.
    pub style_layers: Vec<Tensor>,
}

/// The loss for one style.
pub struct Perceptual {
    features: Features,
    weights: PerceptualWeights,
    view: View,
    relative: bool,
    normalised_content: bool,
    /// For each of the view's factors.
    style: Vec<Vec<StyleLayer>>,
    /// The layers' indices and weights.
    content: Vec<(usize, f64)>,
}

struct StyleLayer {
    index: usize,
    /// Divided by the mean square of the target where the loss is relative.
    weight: f64,
    /// `[1, channel, channel]`.
    target: Tensor,
}

impl Perceptual {
    /// Computes the targets of the style picture `[1, 3, height, width]`. Pictures are ImageNet-normalised, here and
    /// below, and the parameters of `features` must be frozen.
    ///
    /// Fails on weights that are negative, NaN or infinite, and on layers that the network does not have.
    pub fn new(features: impl Into<Features>, style: &Tensor, config: &PerceptualConfig) -> Result<Self> {
        let features = features.into();
        let kind = features.kind();
        if style.dim(0)? != 1 {
            return Err(Error::Data(format!("perceptual loss: {} style pictures; give one", style.dim(0)?)));
        }
        let PerceptualWeights { style: of_style, content, total_variation } = config.weights;
        for (name, weight) in [("style", of_style), ("content", content), ("total variation", total_variation)] {
            check_weight(name, weight)?;
        }
        let [from, to] = config.view.enlarge;
        if !(1.0 <= from && from <= to && to <= 8.0) {
            return Err(Error::Config(format!(
                "the enlargement is {from} to {to}; give factors from 1 to 8, the smaller first"
            )));
        }
        let style_layers = indices(kind, &config.style_layers)?;
        let targets = |factor: usize| -> Result<Vec<StyleLayer>> {
            let targets = style_targets(&features, style, config.view, factor, &style_layers)?;
            let layer = |(&(index, weight), target): (&(usize, f64), Tensor)| {
                let size = mean_square(&target)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                let weight = if config.relative { weight / size.max(TINY) } else { weight };
                Ok(StyleLayer { index, weight, target })
            };
            style_layers.iter().zip(targets).map(layer).collect()
        };
        let style = (0..config.view.factors().len()).map(targets).collect::<Result<_>>()?;
        Ok(Self {
            weights: config.weights,
            view: config.view,
            relative: config.relative,
            normalised_content: config.normalised_content,
            style,
            content: indices(kind, &config.content_layers)?,
            features,
        })
    }

    /// The style's Gram matrices `[1, channel, channel]` at the smallest factor, one for each layer that has a weight.
    pub fn style(&self) -> impl Iterator<Item = &Tensor> {
        self.style[0].iter().map(|layer| &layer.target)
    }

    /// The augmentation.
    pub fn view(&self) -> View {
        self.view
    }

    /// The losses of raw output for content, both `[batch, 3, height, width]`. Clamps the output first.
    pub fn compute(&self, output: &Tensor, content: &Tensor, sample: ViewSample) -> Result<PerceptualLosses> {
        let [low, high] = CLAMP;
        let output = output.clamp(low, high)?;
        let style = &self.style[sample.factor];
        let content_depth = depth(self.content.iter().map(|(index, _)| *index));
        let depth = depth(style.iter().map(|layer| layer.index)).max(content_depth);
        let found = self.features.features(&self.view.apply(&output, sample)?, depth)?;
        let wanted = self.features.features(&self.view.apply(&content.detach(), sample)?, content_depth)?;

        let mut contents = Vec::with_capacity(self.content.len());
        for &(index, weight) in &self.content {
            let (mut found, mut wanted) = (found[index].clone(), wanted[index].clone());
            if self.normalised_content {
                (found, wanted) = (normalised(&found)?, normalised(&wanted)?);
            }
            let loss = (mse(&found, &wanted, Reduction::Mean)? * weight)?;
            contents.push(if self.relative { (loss / (mean_square(&wanted)? + TINY)?)? } else { loss });
        }
        let mut style_layers = Vec::with_capacity(style.len());
        for StyleLayer { index, weight, target } in style {
            let gram = gram(&found[*index])?;
            let loss = mse(&gram, &target.broadcast_as(gram.dims())?, Reduction::Mean)?;
            style_layers.push((loss * (weight * self.weights.style))?);
        }
        let sum = |losses: &[Tensor], weight: f64| match losses {
            [] => Tensor::zeros((), output.dtype(), output.device()),
            losses => Tensor::stack(losses, 0)?.sum_all()? * weight,
        };
        let style = sum(&style_layers, 1.0)?;
        let content = sum(&contents, self.weights.content)?;
        let total_variation = (total_variation(&output)? * self.weights.total_variation)?;
        let total = ((&content + &style)? + &total_variation)?;
        Ok(PerceptualLosses { style, content, total_variation, total, style_layers })
    }
}

/// Added to a mean square before dividing by it.
const TINY: f64 = 1e-20;

/// Each channel of each picture, `[batch, channel, height, width]`, with mean 0 and variance 1. A hundredth of the mean
/// variance of the picture's channels is added to each variance, so that weak channels are not amplified.
pub fn normalised(features: &Tensor) -> Result<Tensor> {
    let mean = |x: &Tensor| x.mean_keepdim(3)?.mean_keepdim(2);
    let centred = features.broadcast_sub(&mean(features)?)?;
    let variance = mean(&centred.sqr()?)?;
    let damping = ((variance.mean_keepdim(1)? * 0.01)? + TINY)?;
    Ok(centred.broadcast_div(&variance.broadcast_add(&damping)?.sqrt()?)?)
}

fn mean_square(x: &Tensor) -> Result<Tensor> {
    Ok(x.sqr()?.mean_all()?)
}

fn check_weight(what: &str, weight: f64) -> Result<()> {
    if weight >= 0.0 && weight.is_finite() {
        return Ok(());
    }
    Err(Error::Config(format!("the weight of {what} is {weight}; give a finite number of at least 0")))
}

/// The layers with a weight above 0, the shallowest first.
fn indices(kind: Kind, weights: &LayerWeights) -> Result<Vec<(usize, f64)>> {
    let layers = kind.layers();
    let mut indices = Vec::with_capacity(weights.0.len());
    for (name, &weight) in &weights.0 {
        let index = layers.iter().position(|layer| layer == name).ok_or_else(|| {
            Error::Config(format!("{} has no layer `{name}`; it has {}", kind.name(), layers.join(", ")))
        })?;
        check_weight(&format!("the layer `{name}`"), weight)?;
        if weight > 0.0 {
            indices.push((index, weight));
        }
    }
    indices.sort_by_key(|(index, _)| *index);
    Ok(indices)
}

fn depth(indices: impl Iterator<Item = usize>) -> usize {
    indices.map(|index| index + 1).max().unwrap_or(0)
}

/// The style's Gram matrices, as means over shifts that are spread over the jitter.
fn style_targets(
    features: &Features,
    style: &Tensor,
    view: View,
    factor: usize,
    layers: &[(usize, f64)],
) -> Result<Vec<Tensor>> {
    let shifts = STYLE_SHIFTS.min(view.jitter + 1);
    let place = |number: usize| if shifts == 1 { 0 } else { number * view.jitter / (shifts - 1) };
    let mut sums: Option<Vec<Tensor>> = None;
    for shift in (0..shifts * shifts).map(|number| [place(number / shifts), place(number % shifts)]) {
        let augmented = view.apply(&style.detach(), ViewSample { factor, shift })?;
        let found = features.features(&augmented, depth(layers.iter().map(|(index, _)| *index)))?;
        let grams = layers.iter().map(|(index, _)| gram(&found[*index])).collect::<Result<Vec<_>>>()?;
        sums = Some(match sums {
            None => grams,
            Some(sums) => sums.iter().zip(&grams).map(|(a, b)| Ok((a + b)?)).collect::<Result<_>>()?,
        });
    }
    let count = (shifts * shifts) as f64;
    sums.unwrap_or_default().iter().map(|sum| Ok((sum / count)?.detach())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::networks::squeezenet::SqueezeNet;
    use candle_core::Device;
    use easel_runtime::Random;

    fn features() -> SqueezeNet {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let network = SqueezeNet::new(params.root(), 16).unwrap();
        params.set_frozen(true);
        // With some biases a network this narrow would be dead.
        for bias in params.all().iter().filter(|param| param.name().ends_with("bias")) {
            bias.var().set(&bias.tensor().ones_like().unwrap()).unwrap();
        }
        network
    }

    fn picture(seed: u64, batch: usize, size: usize) -> Tensor {
        let values = Random::new(seed, 0).uniforms(batch * 3 * size * size, -2.0, 2.5);
        Tensor::from_vec(values, (batch, 3, size, size), &Device::Cpu).unwrap()
    }

    fn config() -> PerceptualConfig {
        PerceptualConfig::of(Kind::SqueezeNet)
    }

    fn at(shift: [usize; 2]) -> ViewSample {
        ViewSample { factor: 0, shift }
    }

    fn number(tensor: &Tensor) -> f64 {
        f64::from(tensor.to_scalar::<f32>().unwrap())
    }

    #[test]
    fn of_itself_a_picture_has_neither_content_nor_style_to_lose() {
        let picture = picture(1, 1, 24);
        let config = PerceptualConfig { view: View { enlarge: [2.0, 2.0], jitter: 0 }, ..config() };
        let loss = Perceptual::new(features(), &picture, &config).unwrap();
        let same = loss.compute(&picture, &picture, at([0, 0])).unwrap();
        assert_eq!((number(&same.style), number(&same.content)), (0.0, 0.0));
        assert!(number(&same.total_variation) > 0.0 && number(&same.total) == number(&same.total_variation));
        let other = loss.compute(&self::picture(2, 2, 24), &self::picture(3, 2, 24), at([0, 0])).unwrap();
        let parts = number(&other.style) + number(&other.content) + number(&other.total_variation);
        assert!(number(&other.style) > 0.0 && number(&other.content) > 0.0);
        assert!((number(&other.total) - parts).abs() < 1e-6 * parts);
        let layers: f64 = other.style_layers.iter().map(number).sum();
        assert!(other.style_layers.len() == 4 && (layers - number(&other.style)).abs() < 1e-6 * layers);
    }

    /// Activations a thousand times as large do not change relative losses, except for rounding.
    #[test]
    fn relative_losses_have_no_unit() {
        let losses = |scale: f64, relative: bool| {
            let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
            let network = SqueezeNet::new(params.root(), 16).unwrap();
            for param in params.all().iter().filter(|param| param.name().starts_with("features.0.")) {
                param.var().set(&(param.tensor() * scale).unwrap()).unwrap();
            }
            let first = || [("features.0".to_string(), 1.0)].into_iter().collect();
            let (style_layers, content_layers) = (first(), first());
            let config =
                PerceptualConfig { relative, normalised_content: false, style_layers, content_layers, ..config() };
            let loss = Perceptual::new(network, &picture(1, 1, 32), &config).unwrap();
            let losses = loss.compute(&picture(2, 1, 32), &picture(3, 1, 32), at([3, 5])).unwrap();
            [number(&losses.style), number(&losses.content)]
        };
        for ((small, large), absolute) in losses(1.0, true).iter().zip(losses(1e3, true)).zip(losses(1e3, false)) {
            assert!((small / large - 1.0).abs() < 1e-3 && absolute > 10.0 * large, "{small} {large} {absolute}");
        }
    }

    #[test]
    fn layers_weigh_what_they_are_told() {
        let losses = |content: &[(&str, f64)], style: &[(&str, f64)]| {
            let weights = |layers: &[(&str, f64)]| -> LayerWeights {
                layers.iter().map(|(name, weight)| (name.to_string(), *weight)).collect()
            };
            let config =
                PerceptualConfig { style_layers: weights(style), content_layers: weights(content), ..config() };
            let loss = Perceptual::new(features(), &picture(1, 1, 32), &config).unwrap();
            let losses = loss.compute(&picture(2, 1, 32), &picture(3, 1, 32), at([1, 2])).unwrap();
            [number(&losses.style), number(&losses.content)]
        };
        let (first, second) = (losses(&[("features.0", 1.0)], &[]), losses(&[], &[("features.4", 1.0)]));
        assert_eq!((first[0], second[1]), (0.0, 0.0));
        let both = losses(&[("features.0", 2.0), ("features.12", 0.0)], &[("features.4", 3.0)]);
        assert!((both[1] / first[1] - 2.0).abs() < 1e-5 && (both[0] / second[0] - 3.0).abs() < 1e-5);
    }

    #[test]
    fn normalised_content_knows_no_scale() {
        use crate::ops::finite_differences::{check, normal};
        let x = normal(&[1, 3, 4, 5], 1);
        let scaled = ((&x * 7.0).unwrap() + 2.0).unwrap();
        let difference = (normalised(&x).unwrap() - normalised(&scaled).unwrap()).unwrap();
        let largest = difference.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(largest < 1e-9, "{largest}");
        check(&[x], |t| normalised(&t[0]));
    }

    #[test]
    fn nonsense_is_named() {
        let refused = |config: PerceptualConfig| {
            Perceptual::new(features(), &picture(1, 1, 32), &config).err().expect("it is refused").to_string()
        };
        let weights = PerceptualWeights { style: f64::NAN, ..config().weights };
        assert!(refused(PerceptualConfig { weights, ..config() }).contains("the weight of style is NaN"));
        let layer = |name: &str, weight: f64| [(name.to_string(), weight)].into_iter().collect();
        let error = refused(PerceptualConfig { style_layers: layer("relu1_2", 1.0), ..config() });
        assert!(error.contains("no layer `relu1_2`") && error.contains("features.12"), "{error}");
        let error = refused(PerceptualConfig { content_layers: layer("features.4", -2.0), ..config() });
        assert!(error.contains("`features.4` is -2"), "{error}");
    }
}
