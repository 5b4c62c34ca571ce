//! A convolution.

use crate::param::{Init, Scope};
use crate::value::Conv2dConfig;
use crate::{Param, Result, Value};

/// Cross-correlation of pictures `[batch, in, height, width]`.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Param,
    bias: Param,
    config: Conv2dConfig,
}

impl Conv2d {
    /// Parameters `weight [outputs, inputs / groups, kernel, kernel]` and `bias [outputs]`, both as PyTorch draws them:
    /// uniform within 1 / sqrt(fan_in).
    pub fn new(scope: Scope, inputs: usize, outputs: usize, kernel: usize, config: Conv2dConfig) -> Result<Self> {
        let inputs = inputs / config.groups;
        let init = Init::Uniform { bound: 1.0 / ((inputs * kernel * kernel) as f64).sqrt() };
        Ok(Self {
            weight: scope.trained("weight", &[outputs, inputs, kernel, kernel], init)?,
            bias: scope.trained("bias", &[outputs], init)?,
            config,
        })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, ..]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.conv2d(&self.weight, Some(&self.bias), self.config)
    }
}
