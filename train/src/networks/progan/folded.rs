//! The generator as it is exported.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::Architecture;

use super::generator::{Generator, grow};
use super::{SMALLEST, Sizes, Stage};
use crate::nn::{Conv2d, Linear, LinearOptions};
use crate::param::Scope;
use crate::value::Conv2dConfig;
use crate::{Params, Result, Value};

/// The architecture's name.
pub const FOLDED: &str = "progan-folded";

/// A generator at one stage, in fewer operations: it has only the layers in use, their scales are folded into the
/// weights, the first layer, whose input is one pixel, is a matrix product, and the to-RGB layers include the fade and
/// the map from [-1, 1] to [0, 1], since `(tanh(x) + 1) / 2` is `sigmoid(2 x)`.
///
/// Its weights are those of [`Generator::fold`], named after those that they are computed from.
#[derive(Debug, Clone)]
pub struct Folded {
    initial: Linear,
    blocks: Vec<[Conv2d; 2]>,
    /// That of the stage's own step and, while it fades in, that of the step below.
    to_rgb: Vec<Conv2d>,
    sizes: Sizes,
    stage: Stage,
}

impl Folded {
    /// Fails on invalid sizes or an invalid stage.
    pub fn new(scope: Scope, sizes: Sizes, stage: Stage) -> Result<Self> {
        stage.check(sizes.last_step()? + 1)?;
        let conv = |scope: Scope, inputs, outputs, kernel| {
            let config = Conv2dConfig { padding: kernel / 2, ..Default::default() };
            Conv2d::new(scope.sub("conv"), inputs, outputs, kernel, config)
        };
        let block = |step: usize| {
            let (below, here) = (sizes.width_at(step.saturating_sub(1)), sizes.width_at(step));
            let scope = scope.sub("prog_blocks").sub(step);
            Ok([conv(scope.sub("conv1"), below, here, 3)?, conv(scope.sub("conv2"), here, here, 3)?])
        };
        let to_rgb = |(step, _)| conv(scope.sub("rgb_layers").sub(step), sizes.width_at(step), sizes.channels, 1);
        let pixels = SMALLEST * SMALLEST * sizes.width;
        Ok(Self {
            initial: Linear::new(scope.sub("initial").sub(0), sizes.z_dim, pixels, LinearOptions::default())?,
            blocks: (0..=stage.step).map(block).collect::<Result<_>>()?,
            to_rgb: rgb_shares(stage).into_iter().map(to_rgb).collect::<Result<_>>()?,
            sizes,
            stage,
        })
    }

    /// Folds a generator. Fails on an invalid stage.
    pub fn of(generator: &Generator, stage: Stage) -> Result<Self> {
        let weights = generator.fold(stage)?;
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(0, 0));
        let folded = Self::new(params.root(), generator.sizes(), stage)?;
        params.load(&weights)?;
        Ok(folded)
    }

    /// The architecture, with the sizes and the stage.
    pub fn architecture(&self) -> Architecture {
        Architecture { name: FOLDED.into(), ..self.sizes.architecture(self.stage) }
    }

    /// The sizes of the generator that was folded.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Pictures `[batch, channels, height, width]` in [0, 1], for `z [batch, z_dim]`.
    pub fn pictures<V: Value>(&self, z: &V) -> Result<V> {
        let x = self.initial.forward(z)?.unflatten([self.sizes.width, SMALLEST, SMALLEST])?;
        let blocks = self.blocks.iter().map(|[first, second]| [first, second]);
        let [input, x] = grow(x, blocks, |conv, x| conv.forward(x))?;
        let mut picture = self.to_rgb[0].forward(&x)?;
        if let Some(below) = self.to_rgb.get(1) {
            picture = picture.add(&below.forward(&input)?)?;
        }
        if self.stage.step == 0 { picture.clamp(0.0, 1.0) } else { picture.sigmoid() }
    }
}

impl Generator {
    /// The pictures of [`Generator::forward`] in [0, 1]: those of step 0, which are unbounded, are clipped.
    pub fn pictures<V: Value>(&self, z: &V, stage: Stage) -> Result<V> {
        self.forward(z, stage)?.scale(0.5)?.shift(0.5)?.clamp(0.0, 1.0)
    }

    /// The weights of the [`Folded`] generator of a stage, by name. Fails on an invalid stage.
    pub fn fold(&self, stage: Stage) -> Result<BTreeMap<String, Tensor>> {
        stage.check(self.blocks.len())?;
        let mut folded = BTreeMap::new();
        let (weight, bias) = (self.initial.weight(), self.initial.bias().expect("it was made with one"));
        // From the transposed convolution's [z, width, 4, 4] to [width * 4 * 4, z].
        let product = weight.tensor().flatten_from(1)?.t()?.contiguous()?;
        let pixels = bias.tensor().unsqueeze(1)?.repeat((1, SMALLEST * SMALLEST))?.flatten_all()?;
        folded.insert(weight.name().to_string(), product);
        folded.insert(bias.name().to_string(), pixels);
        for conv in self.blocks[..=stage.step].iter().flat_map(|block| [&block.first, &block.second]) {
            folded.extend(conv.fold(1.0, 0.0)?);
        }
        for (step, share) in rgb_shares(stage) {
            let (scale, shift) = if stage.step == 0 { (0.5, 0.5) } else { (2.0 * share, 0.0) };
            folded.extend(self.to_rgb[step].fold(scale, shift)?);
        }
        Ok(folded)
    }
}

/// The to-RGB layers that a stage uses, by step, and their shares.
fn rgb_shares(stage: Stage) -> Vec<(usize, f64)> {
    match stage.fade() {
        None => vec![(stage.step, 1.0)],
        Some([own, below]) => vec![(stage.step, own), (stage.step - 1, below)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_changes_no_picture() {
        for channels in [1, 3] {
            let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
            let sizes = Sizes { z_dim: 6, width: 16, channels, resolution: 64 };
            let generator = Generator::new(params.root(), sizes).unwrap();
            // Biases start from 0, where a scale does not show, and what the last layers give would mostly be clipped.
            let shows = |name: &str| name.ends_with("bias") || name.starts_with("rgb_layers");
            for (index, param) in params.all().iter().enumerate().filter(|(_, param)| shows(param.name())) {
                let values = Random::new(index as u64, 1).uniforms(param.dims().iter().product(), -0.5, 0.5);
                param.var().set(&Tensor::from_vec(values, param.dims(), &Device::Cpu).unwrap()).unwrap();
            }
            let z = Tensor::from_vec(Random::new(2, 0).normals(18), (3, 6), &Device::Cpu).unwrap();
            for (step, alpha) in [(0, 1.0), (1, 1.0), (2, 0.3), (4, 1.0), (4, 0.0)] {
                let stage = Stage { step, alpha };
                let folded = Folded::of(&generator, stage).unwrap();
                assert_eq!(folded.to_rgb.len(), if alpha < 1.0 { 2 } else { 1 });
                let expected = generator.pictures(&z, stage).unwrap();
                let difference = (folded.pictures(&z).unwrap() - &expected).unwrap().abs().unwrap().max_all().unwrap();
                assert!(difference.to_scalar::<f32>().unwrap() < 1e-5, "{stage:?}: {difference}");
                let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let inside = expected.iter().filter(|&pixel| (0.01..0.99).contains(pixel)).count();
                assert!(inside > expected.len() / 2, "{stage:?}: {inside} of {}", expected.len());
            }
        }
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let sizes = Sizes { z_dim: 2, width: 4, channels: 1, resolution: 8 };
        let generator = Generator::new(params.root(), sizes).unwrap();
        assert!(Folded::of(&generator, Stage::grown(2)).unwrap_err().to_string().contains("up to 1"));
    }
}
