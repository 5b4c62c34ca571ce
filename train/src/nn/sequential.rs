//! Layers one after the other.

use super::{Layer, Pass};
use crate::param::Scope;
use crate::{Result, Value};

/// Layers one after the other, named by their number as PyTorch's `Sequential` does: `features.0.weight`.
#[derive(Clone)]
pub struct Sequential {
    scope: Scope,
    layers: Vec<(String, Layer)>,
}

impl Sequential {
    /// No layers yet.
    pub fn new(scope: Scope) -> Self {
        Self { scope, layers: Vec::new() }
    }

    /// Adds the layer that `make` builds in the scope of the next number.
    #[expect(clippy::should_implement_trait, reason = "layers are added to a list, not to each other")]
    pub fn add<L: Into<Layer>>(mut self, make: impl FnOnce(Scope) -> Result<L>) -> Result<Self> {
        let scope = self.scope.sub(self.layers.len());
        self.layers.push((scope.path().to_string(), make(scope)?.into()));
        Ok(self)
    }

    /// Adds a layer without parameters.
    pub fn then(self, layer: impl Into<Layer>) -> Self {
        self.add(|_| Ok(layer)).expect("nothing was made that could fail")
    }

    /// The output of the last layer. The pass gets the output of each layer with its full name: `features.3`.
    pub fn forward<V: Value>(&self, x: &V, pass: &mut impl Pass<V>) -> Result<V> {
        let mut x = x.clone();
        for (name, layer) in &self.layers {
            x = layer.forward(&x, pass)?;
            pass.tap(name, &x);
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::nn::{Activation, BatchNorm2d, BatchNorm2dOptions, Conv2d, Dropout, Eval, Taps, Train};
    use crate::value::{Conv2dConfig, Pool2dConfig};
    use candle_core::{DType, Device, Tensor};
    use easel_runtime::Random;

    fn network(params: &Params) -> Sequential {
        Sequential::new(params.root().sub("features"))
            .add(|scope| Conv2d::new(scope, 1, 2, 3, Conv2dConfig { padding: 1, ..Default::default() }))
            .unwrap()
            .then(Activation::Relu)
            .add(|scope| BatchNorm2d::new(scope, 2, BatchNorm2dOptions::default()))
            .unwrap()
            .then(Dropout::new(0.5).unwrap())
            .then(Layer::MaxPool2d(Pool2dConfig::new(2)))
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn each_pass_does_its_own() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let network = network(&params);
        let names: Vec<_> = params.all().iter().map(|param| param.name().to_string()).collect();
        assert_eq!(names[..3], ["features.0.weight", "features.0.bias", "features.2.weight"]);
        let x = Tensor::from_vec(Random::new(2, 0).normals(32), (2, 1, 4, 4), &Device::Cpu).unwrap();

        let plain = network.forward(&x, &mut Eval).unwrap();
        assert_eq!(plain.dims(), [2, 2, 2, 2]);
        let mut taps = Taps::of(["features.1", "features.4"]);
        network.forward(&x, &mut taps).unwrap();
        assert!(values(&taps.take("features.1").unwrap()).iter().all(|value| *value >= 0.0));
        assert_eq!(values(&taps.take("features.4").unwrap()), values(&plain));
        assert!(taps.take("features.0").unwrap_err().to_string().contains("features.0"));

        let mut random = Random::new(3, 0);
        let mut train = Train::new(&mut random);
        let trained = network.forward(&x, &mut train).unwrap();
        assert_ne!(values(&trained), values(&plain));
        assert_eq!(values(&network.forward(&x, &mut Eval).unwrap()), values(&plain));
        train.store_statistics().unwrap();
        assert_ne!(values(&network.forward(&x, &mut Eval).unwrap()), values(&plain));
    }
}
