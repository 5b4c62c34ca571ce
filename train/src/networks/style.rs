//! The stylizing network (Johnson et al. 2016, arXiv 1603.08155, with instance norm as in Ulyanov et al. 2016): two
//! downsamplings, five residual blocks and two upsamplings.

use std::collections::BTreeMap;

use candle_core::Tensor;
use easel_runtime::card::Architecture;

use crate::nn::{Conv2d, ConvTranspose2d, InstanceNorm2d};
use crate::param::Scope;
use crate::value::{Conv2dConfig, ConvTranspose2dConfig};
use crate::{Result, Value};

/// The architecture's name in a checkpoint and a model card.
pub const ARCHITECTURE: &str = "fast-style-transfer";

/// The architecture's name in the checkpoints and cards of version 0.1.
pub(super) const FORMER_ARCHITECTURE: &str = "imfw";

/// ImageNet's channel means and standard deviations, RGB in `[0, 1]`.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// See [`IMAGENET_MEAN`].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Pictures are padded to a multiple of this, since the network downsamples twice.
pub const MULTIPLE: usize = 4;
/// The smallest padded size: the reflection padding after the downsampling needs two rows.
pub const AT_LEAST: usize = 8;

/// The network's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Channels after the first convolution; they double at each downsampling. Johnson et al. have 32.
    pub width: usize,
}

impl Sizes {
    /// The architecture with these sizes.
    pub fn architecture(&self) -> Architecture {
        super::architecture(ARCHITECTURE, &[("width", self.width)])
    }

    pub(super) fn read(architecture: &Architecture) -> Result<Self> {
        Ok(Self { width: super::size(architecture, "width")? })
    }

    pub(super) fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let [width, 3, 9, 9] = shapes.get("downsample.1.weight")?[..] else { return None };
        shapes.contains_key("unsample.6.weight").then_some(Self { width })
    }
}

/// Two 3x3 convolutions with zero padding, a ReLU between them, and another after the sum with the input.
#[derive(Debug, Clone)]
struct ResidualBlock {
    first: Conv2d,
    second: Conv2d,
}

impl ResidualBlock {
    fn new(scope: Scope, channels: usize) -> Result<Self> {
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        let conv = |name| Conv2d::new(scope.sub("conv").sub(name), channels, channels, 3, same);
        Ok(Self { first: conv(0)?, second: conv(2)? })
    }

    fn forward<V: Value>(&self, x: &V) -> Result<V> {
        self.second.forward(&self.first.forward_relu(x)?)?.add(x)?.relu()
    }
}

/// The stylizing network.
#[derive(Debug, Clone)]
pub struct Stylizer {
    down: [(Conv2d, InstanceNorm2d); 3],
    blocks: Vec<ResidualBlock>,
    up: [(ConvTranspose2d, InstanceNorm2d); 2],
    last: ConvTranspose2d,
    sizes: Sizes,
}

impl Stylizer {
    /// Parameters `downsample.*`, `res_blocks.*` and `unsample.*`.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        let width = sizes.width;
        let down = scope.sub("downsample");
        let halving = Conv2dConfig { stride: 2, ..Default::default() };
        let down = [
            (Conv2d::new(down.sub(1), 3, width, 9, Conv2dConfig::default())?, InstanceNorm2d::new(down.sub(2), width)?),
            (Conv2d::new(down.sub(4), width, 2 * width, 3, halving)?, InstanceNorm2d::new(down.sub(5), 2 * width)?),
            (Conv2d::new(down.sub(8), 2 * width, 4 * width, 3, halving)?, InstanceNorm2d::new(down.sub(9), 4 * width)?),
        ];
        let blocks =
            (0..5).map(|i| ResidualBlock::new(scope.sub("res_blocks").sub(i), 4 * width)).collect::<Result<_>>()?;
        let up = scope.sub("unsample");
        let doubling = ConvTranspose2dConfig { stride: 2, padding: 1, output_padding: 1, ..Default::default() };
        let same = ConvTranspose2dConfig { padding: 4, ..Default::default() };
        let last = ConvTranspose2d::new(up.sub(6), width, 3, 9, same)?;
        let up = [
            (
                ConvTranspose2d::new(up.sub(0), 4 * width, 2 * width, 3, doubling)?,
                InstanceNorm2d::new(up.sub(1), 2 * width)?,
            ),
            (ConvTranspose2d::new(up.sub(3), 2 * width, width, 3, doubling)?, InstanceNorm2d::new(up.sub(4), width)?),
        ];
        Ok(Self { down, blocks, up, last, sizes })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Makes the two upsampling convolutions interpolate bilinearly: each kernel becomes its mean times the bilinear
    /// kernel.
    pub fn smooth_upsampling(&self) -> Result<()> {
        for (conv, _) in &self.up {
            let weight = conv.weight();
            let mean = weight.tensor().detach().mean_keepdim(3)?.mean_keepdim(2)?;
            let ramp = Tensor::new(&[0.5f32, 1.0, 0.5], mean.device())?.to_dtype(mean.dtype())?;
            let kernel = (ramp.reshape((1, 1, 3, 1))?.broadcast_mul(&ramp.reshape((1, 1, 1, 3))?)? * 3.0)?;
            weight.var().set(&mean.broadcast_mul(&kernel)?)?;
        }
        Ok(())
    }

    /// Removes checkerboard artefacts on constant areas from the two upsampling convolutions (Odena et al. 2016,
    /// "Deconvolution and Checkerboard Artifacts").
    ///
    /// With stride 2, the output pixels of a 3x3 kernel alternate along each axis between its middle column and its two
    /// outer ones, so there are four kinds of pixels, which are sums of 1, 2, 2 and 4 weights. The four sums become equal
    /// by the smallest change of the weights.
    pub fn even_upsampling(&self) -> Result<()> {
        for (conv, _) in &self.up {
            let weight = conv.weight();
            let kernels = weight.tensor().detach();
            let dims = kernels.dims().to_vec();
            let even = Tensor::from_vec(even_kernel(), (9, 9), kernels.device())?.to_dtype(kernels.dtype())?;
            weight.var().set(&kernels.reshape(((), 9))?.matmul(&even)?.reshape(dims)?)?;
        }
        Ok(())
    }

    /// Raw output for an ImageNet-normalised picture `[batch, 3, height, width]`. Its size is the input's where that is
    /// a multiple of [`MULTIPLE`].
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        let [first, second, third] = &self.down;
        let mut x = first.1.forward_relu(&first.0.forward(&x.reflection_pad2d(4)?)?)?;
        x = second.1.forward_relu(&second.0.forward(&x)?)?;
        x = third.1.forward_relu(&third.0.forward(&x.reflection_pad2d(1)?)?)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        for (conv, norm) in &self.up {
            x = norm.forward_relu(&conv.forward(&x)?)?;
        }
        self.last.forward(&x)
    }

    /// The whole stylizer, which is exported: pictures `[batch, 3, height, width]` in `[0, 1]` of any size to pictures of
    /// the same shape and range.
    pub fn stylize<V: Value>(&self, image: &V) -> Result<V> {
        let padded = image.pad_to_multiple(MULTIPLE, AT_LEAST)?;
        let normalised = padded.channel_affine(
            &IMAGENET_STD.map(|std| 1.0 / std),
            &std::array::from_fn::<f32, 3, _>(|channel| -IMAGENET_MEAN[channel] / IMAGENET_STD[channel]),
        )?;
        let raw = self.forward(&normalised)?;
        raw.channel_affine(&IMAGENET_STD, &IMAGENET_MEAN)?.clamp(0.0, 1.0)?.crop_like(image)
    }
}

/// The projection of 3x3 kernels, as rows of 9, onto those whose four kinds of weights have equal sums.
fn even_kernel() -> Vec<f32> {
    let kind = |tap: usize| (tap / 3 == 1, tap % 3 == 1);
    let taps = (0..9).flat_map(|from| (0..9).map(move |to| (from, to)));
    let entry = |(from, to)| {
        let many = (0..9).filter(|tap| kind(*tap) == kind(to)).count() as f32;
        let own = if kind(from) == kind(to) { 1.0 } else { 0.0 };
        (if from == to { 1.0 } else { 0.0 }) + (0.25 - own) / many
    };
    taps.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    #[test]
    fn even_upsampling_draws_no_grid() {
        let make = |seed| {
            let params = Params::new(DType::F32, &Device::Cpu, Random::new(seed, 0));
            Stylizer::new(params.root(), Sizes { width: 4 }).unwrap()
        };
        let flat = Tensor::ones((1, 16, 6, 6), DType::F32, &Device::Cpu).unwrap();
        let unevenness = |network: &Stylizer| {
            let upsampled = network.up[0].0.forward(&flat).unwrap().narrow(2, 2, 8).unwrap().narrow(3, 2, 8).unwrap();
            let spread = (upsampled.max_keepdim(3).unwrap() - upsampled.min_keepdim(3).unwrap()).unwrap();
            spread.max_all().unwrap().to_scalar::<f32>().unwrap()
        };
        let network = make(1);
        assert!(unevenness(&network) > 0.05);
        network.even_upsampling().unwrap();
        assert!(unevenness(&network) < 1e-5);
        // Bilinear kernels are even already and stay as they are.
        let smooth = make(2);
        smooth.smooth_upsampling().unwrap();
        let values =
            |network: &Stylizer| network.up[1].0.weight().tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let before = values(&smooth);
        assert!(unevenness(&smooth) < 1e-5);
        smooth.even_upsampling().unwrap();
        assert!(values(&smooth).iter().zip(before).all(|(after, before)| (after - before).abs() < 1e-6));
    }
}
