//! The generator.

use super::equalised::{Block, EqualisedConv2d};
use super::{SLOPE, SMALLEST, Sizes, Stage};
use crate::nn::{ConvTranspose2d, ConvTranspose2dOptions};
use crate::param::Scope;
use crate::{Result, Value};

/// Added to the mean square in every pixel norm.
const EPSILON: f64 = 1e-8;

/// Latent vectors to pictures.
#[derive(Debug, Clone)]
pub struct Generator {
    pub(super) initial: ConvTranspose2d,
    pub(super) blocks: Vec<Block>,
    pub(super) to_rgb: Vec<EqualisedConv2d>,
    sizes: Sizes,
}

impl Generator {
    /// Parameters `initial.0.*` and, for each step, `prog_blocks.STEP.conv{1, 2}.conv.*` and `rgb_layers.STEP.conv.*`.
    /// Fails on invalid sizes.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        let steps = 0..=sizes.last_step()?;
        let initial = scope.sub("initial").sub(0);
        let block = |step: usize| {
            let (below, here) = (sizes.width_at(step.saturating_sub(1)), sizes.width_at(step));
            Block::new(scope.sub("prog_blocks").sub(step), below, here)
        };
        let to_rgb = |step: usize| {
            EqualisedConv2d::new(scope.sub("rgb_layers").sub(step), sizes.width_at(step), sizes.channels, 1, 0)
        };
        Ok(Self {
            initial: ConvTranspose2d::new(
                initial,
                sizes.z_dim,
                sizes.width,
                SMALLEST,
                ConvTranspose2dOptions::default(),
            )?,
            blocks: steps.clone().map(block).collect::<Result<_>>()?,
            to_rgb: steps.map(to_rgb).collect::<Result<_>>()?,
            sizes,
        })
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Pictures `[batch, channels, height, width]` of a stage, for `z [batch, z_dim]`: in (-1, 1), but unbounded at
    /// step 0, which has no tanh. Layers that a stage does not use are not computed.
    pub fn forward<V: Value>(&self, z: &V, stage: Stage) -> Result<V> {
        stage.check(self.blocks.len())?;
        let x = self.initial.forward(&z.unflatten([self.sizes.z_dim, 1, 1])?)?;
        let blocks = self.blocks[..=stage.step].iter().map(|block| [&block.first, &block.second]);
        let [input, x] = grow(x, blocks, |conv, x| conv.forward(x))?;
        let picture = self.to_rgb[stage.step].forward(&x)?;
        match stage.fade() {
            None if stage.step == 0 => Ok(picture),
            None => picture.tanh(),
            Some([own, below]) => {
                let enlarged = self.to_rgb[stage.step - 1].forward(&input)?;
                picture.scale(own)?.add(&enlarged.scale(below)?)?.tanh()
            }
        }
    }
}

/// The last block's input and output, for what the first layer gave. A block is two convolutions, and every one but
/// the first works on twice the resolution.
pub(super) fn grow<V: Value, C>(
    first: V,
    blocks: impl Iterator<Item = [C; 2]>,
    convolve: impl Fn(&C, &V) -> Result<V>,
) -> Result<[V; 2]> {
    let mut x = active(first)?;
    let mut input = x.clone();
    for (step, block) in blocks.enumerate() {
        input = if step == 0 { x } else { x.upsample2x()? };
        x = input.clone();
        for conv in &block {
            x = active(convolve(conv, &x)?)?;
        }
    }
    Ok([input, x])
}

fn active<V: Value>(x: V) -> Result<V> {
    x.leaky_relu(SLOPE)?.pixel_norm(EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use candle_core::{DType, Device, Tensor};
    use easel_runtime::Random;

    #[test]
    fn grows_without_a_jump() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let sizes = Sizes { z_dim: 4, width: 8, channels: 1, resolution: 64 };
        let generator = Generator::new(params.root(), sizes).unwrap();
        let z = Tensor::from_vec(Random::new(2, 0).normals(12), (3, 4), &Device::Cpu).unwrap();
        let picture = |stage| generator.forward(&z, stage).unwrap();
        for step in 0..=4 {
            assert_eq!(picture(Stage::grown(step)).dims(), [3, 1, 4 << step, 4 << step]);
        }
        // At the start of a fade the picture is that of the step below, each pixel repeated 2x2.
        let (below, faded) = (picture(Stage::grown(2)), picture(Stage { step: 3, alpha: 0.0 }));
        let difference = (below.upsample2x().unwrap() - faded).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-6);
        assert!(generator.forward(&z, Stage::grown(5)).unwrap_err().to_string().contains("up to 4"));
        assert!(generator.forward(&z, Stage { step: 1, alpha: f64::NAN }).is_err());
    }
}
