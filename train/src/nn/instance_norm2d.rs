//! Instance normalisation.

use crate::param::{Init, Scope};
use crate::{Param, Result, Value};

/// What PyTorch adds to the variance.
const EPSILON: f64 = 1e-5;

/// Instance normalisation with a learnt scale and shift (`affine=True` in PyTorch, no running statistics).
#[derive(Debug, Clone)]
pub struct InstanceNorm2d {
    weight: Param,
    bias: Param,
}

impl InstanceNorm2d {
    /// Parameters `weight [channels]`, ones, and `bias [channels]`, zeros.
    pub fn new(scope: Scope, channels: usize) -> Result<Self> {
        Ok(Self {
            weight: scope.trained("weight", &[channels], Init::Constant(1.0))?,
            bias: scope.trained("bias", &[channels], Init::Constant(0.0))?,
        })
    }

    /// The same shape out as in.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.instance_norm2d(&self.weight, &self.bias, EPSILON)
    }
}
