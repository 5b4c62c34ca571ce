//! Instance normalisation.

use crate::param::{Init, Scope};
use crate::value::Affine;
use crate::{Param, Result, Value};

/// PyTorch's default epsilon.
const EPSILON: f64 = 1e-5;

/// Instance normalisation, by the statistics of each picture, without running statistics.
#[derive(Debug, Clone)]
pub struct InstanceNorm2d {
    channels: usize,
    affine: Option<[Param; 2]>,
    epsilon: f64,
}

impl InstanceNorm2d {
    /// With a learnt scale and shift (`affine=True` in PyTorch): parameters `weight [channels]`, ones, and
    /// `bias [channels]`, zeros.
    pub fn new(scope: Scope, channels: usize) -> Result<Self> {
        let weight = scope.trained("weight", &[channels], Init::Constant(1.0))?;
        let bias = scope.trained("bias", &[channels], Init::Constant(0.0))?;
        Ok(Self { channels, affine: Some([weight, bias]), epsilon: EPSILON })
    }

    /// Without parameters, as by default in PyTorch.
    pub fn plain(channels: usize) -> Self {
        Self { channels, affine: None, epsilon: EPSILON }
    }

    /// With this epsilon in place of 1e-5.
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The output has the input's shape.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.instance_norm2d(self.channels, self.affine(), self.epsilon)
    }

    /// The same, then a ReLU; see [`Value::instance_norm2d_relu`].
    pub fn forward_relu<V: Value>(&self, x: &V) -> Result<V> {
        x.instance_norm2d_relu(self.channels, self.affine(), self.epsilon)
    }

    fn affine(&self) -> Option<Affine<'_>> {
        self.affine.as_ref().map(|[weight, bias]| Affine { weight, bias })
    }
}
