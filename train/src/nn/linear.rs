//! A fully connected layer.

use crate::param::{Init, Scope};
use crate::{Param, Result, Value};

/// `y = x W^T + b` on `[batch, in]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Param,
    bias: Param,
}

impl Linear {
    /// Parameters `weight [outputs, inputs]`, drawn from `init`, and `bias [outputs]`, zeros.
    pub fn new(scope: Scope, inputs: usize, outputs: usize, init: Init) -> Result<Self> {
        Ok(Self {
            weight: scope.trained("weight", &[outputs, inputs], init)?,
            bias: scope.trained("bias", &[outputs], Init::Constant(0.0))?,
        })
    }

    /// `[batch, inputs]` to `[batch, outputs]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.linear(&self.weight, Some(&self.bias))
    }
}
