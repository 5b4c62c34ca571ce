//! VGG16 (Simonyan and Zisserman 2014, arXiv 1409.1556) up to relu4_3: its first four blocks, whose features
//! perceptual losses compare.

use crate::nn::Conv2d;
use crate::param::Scope;
use crate::value::{Conv2dConfig, Pool2dConfig};
use crate::{Error, Result, Value};

/// The convolutions of each block by their number in torchvision's `features`, and their outputs.
const BLOCKS: [(&[usize], usize); 4] = [(&[0, 2], 64), (&[5, 7], 128), (&[10, 12, 14], 256), (&[17, 19, 21], 512)];

/// The last activation of each block: the layers of [`Vgg16::features`].
pub const LAYERS: [&str; 4] = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"];

/// The smallest side of a picture, in pixels, for which no layer's output is empty.
pub const AT_LEAST: usize = 8;

/// The convolutions of VGG16 up to relu4_3. Weights are loaded, not trained: freeze the parameters.
#[derive(Debug, Clone)]
pub struct Vgg16 {
    blocks: Vec<Vec<Conv2d>>,
}

impl Vgg16 {
    /// Parameters `features.NUMBER.{weight, bias}`, as torchvision names them. Every width is divided by `divisor`: 1 is
    /// the published network. Fails where a width is not divisible.
    pub fn new(scope: Scope, divisor: usize) -> Result<Self> {
        if divisor == 0 || !BLOCKS[0].1.is_multiple_of(divisor) {
            return Err(Error::Config(format!(
                "VGG16's widths are not divisible by {divisor}; give a divisor of {}",
                BLOCKS[0].1
            )));
        }
        let scope = scope.sub("features");
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        let mut inputs = 3;
        let mut block = |(numbers, outputs): &(&[usize], usize)| {
            let conv = |number: &usize| {
                let conv = Conv2d::new(scope.sub(number), inputs, outputs / divisor, 3, same);
                inputs = outputs / divisor;
                conv
            };
            numbers.iter().map(conv).collect::<Result<Vec<_>>>()
        };
        Ok(Self { blocks: BLOCKS.iter().map(&mut block).collect::<Result<_>>()? })
    }

    /// The activations named by [`LAYERS`], the first `count` of them, of ImageNet-normalised pictures
    /// `[batch, 3, height, width]`. Each has half the height and width of the one before. Later layers
    /// are not computed.
    pub fn features<V: Value>(&self, x: &V, count: usize) -> Result<Vec<V>> {
        let mut features: Vec<V> = Vec::with_capacity(count);
        for block in self.blocks.iter().take(count) {
            let mut x = match features.last() {
                None => x.clone(),
                Some(above) => above.max_pool2d(Pool2dConfig::new(2))?,
            };
            for conv in block {
                x = conv.forward_relu(&x)?;
            }
            features.push(x);
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use candle_core::{DType, Device, Tensor};
    use easel_runtime::Random;

    #[test]
    fn blocks_halve_and_widen() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let vgg = Vgg16::new(params.root(), 16).unwrap();
        let names: Vec<_> = params.all().iter().map(|param| param.name().to_string()).collect();
        assert_eq!((names.len(), names[0].as_str(), names[19].as_str()), (20, "features.0.weight", "features.21.bias"));
        let x = Tensor::zeros((2, 3, 16, 24), DType::F32, &Device::Cpu).unwrap();
        let dims: Vec<_> = vgg.features(&x, 3).unwrap().iter().map(|features| features.dims().to_vec()).collect();
        assert_eq!(dims, [[2, 4, 16, 24], [2, 8, 8, 12], [2, 16, 4, 6]]);
        assert!(Vgg16::new(Params::new(DType::F32, &Device::Cpu, Random::new(1, 0)).root(), 3).is_err());
    }
}
