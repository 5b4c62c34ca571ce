//! SqueezeNet 1.1 (Iandola et al. 2016, arXiv 1602.07360) without its classifier: a small network for the features of
//! perceptual losses.

use crate::nn::Conv2d;
use crate::param::Scope;
use crate::value::{Conv2dConfig, Pool2dConfig};
use crate::{Error, Result, Value};

/// Channels after the first convolution.
const FIRST: usize = 64;

/// The fire modules by their number in torchvision's `features`, their squeezed channels, and the output channels of each
/// of their two expansions. Max pooling precedes each group.
const GROUPS: [&[(usize, usize, usize)]; 3] = [
    &[(3, 16, 64), (4, 16, 64)],
    &[(6, 32, 128), (7, 32, 128)],
    &[(9, 48, 192), (10, 48, 192), (11, 64, 256), (12, 64, 256)],
];

/// The layers of [`SqueezeNet::features`]: the first convolution and the last module of each group.
pub const LAYERS: [&str; 4] = ["features.0", "features.4", "features.7", "features.12"];

/// The smallest side of a picture, in pixels, for which no layer's output is empty.
pub const AT_LEAST: usize = 25;

/// The largest number that divides every width.
const DIVISOR: usize = 16;

/// Pooling between the groups.
const POOL: Pool2dConfig = Pool2dConfig { kernel: 3, stride: 2, padding: 0, ceil: true };

/// A fire module: a 1x1 convolution to few channels, then the concatenated outputs of a 1x1 and a 3x3 convolution.
#[derive(Debug, Clone)]
struct Fire {
    squeeze: Conv2d,
    expand: [Conv2d; 2],
}

impl Fire {
    fn new(scope: Scope, inputs: usize, squeezed: usize, outputs: usize) -> Result<Self> {
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Self {
            squeeze: Conv2d::new(scope.sub("squeeze"), inputs, squeezed, 1, Conv2dConfig::default())?,
            expand: [
                Conv2d::new(scope.sub("expand1x1"), squeezed, outputs, 1, Conv2dConfig::default())?,
                Conv2d::new(scope.sub("expand3x3"), squeezed, outputs, 3, same)?,
            ],
        })
    }

    fn forward<V: Value>(&self, x: &V) -> Result<V> {
        let x = self.squeeze.forward_relu(x)?;
        let [single, square] = &self.expand;
        single.forward(&x)?.concat(&square.forward(&x)?)?.relu()
    }
}

/// The convolutions of SqueezeNet 1.1. Weights are loaded, not trained: freeze the parameters.
#[derive(Debug, Clone)]
pub struct SqueezeNet {
    first: Conv2d,
    groups: Vec<Vec<Fire>>,
}

impl SqueezeNet {
    /// Parameters `features.0`, `features.NUMBER.{squeeze, expand1x1, expand3x3}`, as torchvision names them. Every
    /// width is divided by `divisor`: 1 is the published network. Fails where a width is not divisible.
    pub fn new(scope: Scope, divisor: usize) -> Result<Self> {
        if divisor == 0 || !DIVISOR.is_multiple_of(divisor) {
            return Err(Error::Config(format!(
                "SqueezeNet's widths are not divisible by {divisor}; give a divisor of {DIVISOR}"
            )));
        }
        let scope = scope.sub("features");
        let halving = Conv2dConfig { stride: 2, ..Default::default() };
        let mut inputs = FIRST / divisor;
        let first = Conv2d::new(scope.sub(0), 3, inputs, 3, halving)?;
        let mut fire = |&(number, squeezed, outputs): &(usize, usize, usize)| {
            let fire = Fire::new(scope.sub(number), inputs, squeezed / divisor, outputs / divisor);
            inputs = 2 * outputs / divisor;
            fire
        };
        let groups = GROUPS.iter().map(|group| group.iter().map(&mut fire).collect::<Result<_>>());
        Ok(Self { first, groups: groups.collect::<Result<_>>()? })
    }

    /// The activations named by [`LAYERS`], the first `count` of them, of ImageNet-normalised pictures
    /// `[batch, 3, height, width]`. Later layers are not computed.
    pub fn features<V: Value>(&self, x: &V, count: usize) -> Result<Vec<V>> {
        let mut features: Vec<V> = Vec::with_capacity(count);
        if count > 0 {
            features.push(self.first.forward_relu(x)?);
        }
        for group in self.groups.iter().take(count.saturating_sub(1)) {
            let mut x = features[features.len() - 1].max_pool2d(POOL)?;
            for fire in group {
                x = fire.forward(&x)?;
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
    use candle_core::{DType, Device, Tensor, Var};
    use easel_runtime::Random;

    fn params() -> Params {
        Params::new(DType::F64, &Device::Cpu, Random::new(1, 0))
    }

    fn wave(count: usize, value: impl Fn(f64) -> f64, dims: &[usize]) -> Tensor {
        let values: Vec<f64> = (0..count).map(|at| value(at as f64)).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
    }

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-8 * (1.0 + wanted.abs()), "{found} {wanted}");
    }

    /// The same network written in PyTorch with `conv2d`, `max_pool2d(x, 3, 2, ceil_mode=True)`, `relu` and `cat`, an
    /// input of 34x41, and for parameter p the values `sin(0.7 i + 1.3 p + 0.1)` times sqrt(3 / fan-in), biases times
    /// 0.1. Of every layer its size, mean, mean square and sixth element; then the gradient of the sum of the mean
    /// squares by the input: its sum, sum of squares and one element.
    #[test]
    fn computes_what_pytorch_does() {
        let params = params();
        let network = SqueezeNet::new(params.root(), 16).unwrap();
        params.set_frozen(true);
        for (index, param) in params.all().iter().enumerate() {
            let dims = param.dims();
            let fan_in: usize = dims[1..].iter().product();
            let scale = if dims.len() > 1 { (3.0 / fan_in as f64).sqrt() } else { 0.1 };
            let value = |at: f64| (0.7 * at + 1.3 * index as f64 + 0.1).sin() * scale;
            param.var().set(&wave(dims.iter().product(), value, dims)).unwrap();
        }
        let value = |at: f64| (0.31 * at).sin() + 0.5 * (0.017 * at).cos();
        let x = Var::from_tensor(&wave(3 * 34 * 41, value, &[1, 3, 34, 41])).unwrap();
        let layers = network.features(x.as_tensor(), 4).unwrap();
        let wanted = [
            ([1, 4, 16, 20], [0.240647921, 0.136775863, 0.0]),
            ([1, 8, 8, 10], [0.022308611, 0.001650228, 0.096565778]),
            ([1, 16, 4, 5], [0.062960737, 0.010633047, 0.0]),
            ([1, 32, 2, 2], [0.047207490, 0.007171877, 0.0]),
        ];
        let number = |tensor: Tensor| tensor.to_scalar::<f64>().unwrap();
        for (layer, (dims, [mean, square, sixth])) in layers.iter().zip(wanted) {
            assert_eq!(layer.dims(), dims);
            near(number(layer.mean_all().unwrap()), mean);
            near(number(layer.sqr().unwrap().mean_all().unwrap()), square);
            near(layer.flatten_all().unwrap().to_vec1::<f64>().unwrap()[5], sixth);
        }
        let squares: Vec<_> = layers.iter().map(|layer| layer.sqr().unwrap().mean_all().unwrap()).collect();
        let gradients = Tensor::stack(&squares, 0).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(params.all().iter().all(|param| gradients.get(param.var()).is_none()));
        let gradient = gradients.get(&x).unwrap();
        near(number(gradient.sum_all().unwrap()), -1.822977205e-3);
        near(number(gradient.sqr().unwrap().sum_all().unwrap()), 1.497499516e-3);
        near(gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap()[1000], -8.138874399e-4);
    }

    #[test]
    fn names_are_torchvisions() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let network = SqueezeNet::new(params.root(), 1).unwrap();
        let all = params.all();
        assert_eq!(all.len(), 50);
        let last = all[49].clone();
        assert_eq!((last.name(), last.dims()), ("features.12.expand3x3.bias", &[256][..]));
        let smallest = Tensor::zeros((1, 3, AT_LEAST, AT_LEAST), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(network.features(&smallest, 4).unwrap()[3].dims()[2..], [1, 1]);
        let smaller = Tensor::zeros((1, 3, AT_LEAST - 2, AT_LEAST), DType::F32, &Device::Cpu).unwrap();
        assert!(network.features(&smaller, 4).is_err());
        assert!(SqueezeNet::new(self::params().root(), 3).is_err());
    }
}
