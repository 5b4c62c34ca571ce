//! The critic.

use candle_core::Tensor;

use super::equalised::{Block, EqualisedConv2d};
use super::{SLOPE, SMALLEST, Sizes, Stage};
use crate::nn::{Linear, LinearOptions};
use crate::param::Scope;
use crate::value::Pool2dConfig;
use crate::{Result, Value};

/// Pictures to scores, higher for real ones. It is only needed in training, so it takes tensors.
#[derive(Debug, Clone)]
pub struct Critic {
    from_rgb: Vec<EqualisedConv2d>,
    /// That of step 0 is in the published weights, but no stage uses it.
    blocks: Vec<Block>,
    conv: EqualisedConv2d,
    linear: Linear,
}

impl Critic {
    /// Parameters `conv.conv.*`, `linear.*` and, for each step, `prog_blocks.STEP.conv{1, 2}.conv.*` and
    /// `rgb_layers.STEP.conv.*`. Fails on invalid sizes.
    pub fn new(scope: Scope, sizes: Sizes) -> Result<Self> {
        let steps = 0..=sizes.last_step()?;
        let from_rgb = |step: usize| {
            EqualisedConv2d::new(scope.sub("rgb_layers").sub(step), sizes.channels, sizes.width_at(step), 1, 0)
        };
        let block = |step: usize| {
            let (here, below) = (sizes.width_at(step), sizes.width_at(step.saturating_sub(1)));
            Block::new(scope.sub("prog_blocks").sub(step), here, below)
        };
        Ok(Self {
            from_rgb: steps.clone().map(from_rgb).collect::<Result<_>>()?,
            blocks: steps.map(block).collect::<Result<_>>()?,
            conv: EqualisedConv2d::new(scope.sub("conv"), sizes.width + 1, sizes.z_dim, SMALLEST, 0)?,
            linear: Linear::new(scope.sub("linear"), sizes.z_dim, 1, LinearOptions::default())?,
        })
    }

    /// Scores `[batch]` of pictures `[batch, channels, height, width]` in [-1, 1] of a stage's resolution.
    pub fn forward(&self, pictures: &Tensor, stage: Stage) -> Result<Tensor> {
        stage.check(self.blocks.len())?;
        let halve = |x: &Tensor| Value::avg_pool2d(x, Pool2dConfig::new(2));
        let mut x = self.from_rgb[stage.step].compute(pictures)?;
        for step in (1..=stage.step).rev() {
            let block = &self.blocks[step];
            // Below its first block the critic pools before a block, not after it.
            if step < stage.step {
                x = halve(&x)?;
            }
            x = block.first.compute_activated(&x, Some(SLOPE))?;
            x = block.second.compute_activated(&x, Some(SLOPE))?;
            if step == stage.step {
                x = halve(&x)?;
                if let Some([own, below]) = stage.fade() {
                    let smaller = self.from_rgb[step - 1].compute(&halve(pictures)?)?;
                    x = ((x * own)? + (smaller * below)?)?;
                }
            }
        }
        let x = Tensor::cat(&[&x, &deviation_plane(&x)?], 1)?;
        let features = self.conv.compute(&x)?.flatten_from(1)?;
        Ok(self.linear.forward(&features)?.flatten_all()?)
    }
}

/// A constant plane `[batch, 1, height, width]`: the (unbiased) standard deviation over the batch, as the mean over
/// channels and pixels (section 3 of the paper). It is 0 for a batch of one, and where a feature is the same in all
/// pictures it counts as 0 with derivatives of 0.
fn deviation_plane(x: &Tensor) -> Result<Tensor> {
    let (batch, _, height, width) = x.dims4()?;
    if batch == 1 {
        return Ok(Tensor::zeros((1, 1, height, width), x.dtype(), x.device())?);
    }
    let centred = x.broadcast_sub(&x.mean_keepdim(0)?)?;
    let variance = (centred.sqr()?.sum(0)? / (batch - 1) as f64)?;
    let varies = variance.detach().gt(0f64)?.to_dtype(x.dtype())?;
    let deviation = ((&variance + (1.0 - &varies)?)?.sqrt()? * varies)?;
    Ok(deviation.mean_all()?.broadcast_as((batch, 1, height, width))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::{DType, Device, Var};

    #[test]
    fn deviation_differentiates() {
        check(&[normal(&[3, 2, 2, 2], 1)], |t| deviation_plane(&t[0]));
    }

    #[test]
    fn equal_pictures_have_no_deviation() {
        let x = Var::ones((2, 3, 4, 4), DType::F32, &Device::Cpu).unwrap();
        let plane = deviation_plane(&x).unwrap();
        assert_eq!(plane.sum_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
        let gradients = plane.sum_all().unwrap().backward().unwrap();
        let gradient = gradients.get(&x).unwrap().abs().unwrap().sum_all().unwrap();
        assert_eq!(gradient.to_scalar::<f32>().unwrap(), 0.0);
        let one = deviation_plane(&Tensor::ones((1, 3, 4, 4), DType::F32, &Device::Cpu).unwrap()).unwrap();
        assert_eq!(one.dims(), [1, 1, 4, 4]);
    }
}
