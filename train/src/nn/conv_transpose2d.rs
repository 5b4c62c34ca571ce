//! A transposed convolution.

use crate::param::{Init, Scope};
use crate::value::ConvTranspose2dConfig;
use crate::{Param, Result, Value};

/// The adjoint of a convolution, for upsampling.
#[derive(Debug, Clone)]
pub struct ConvTranspose2d {
    weight: Param,
    bias: Param,
    config: ConvTranspose2dConfig,
}

impl ConvTranspose2d {
    /// Parameters `weight [inputs, outputs, kernel, kernel]` and `bias [outputs]`, both as PyTorch draws them: uniform
    /// within 1 / sqrt(outputs * kernel^2), which is what its fan-in comes to for a transposed weight.
    pub fn new(
        scope: Scope,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        config: ConvTranspose2dConfig,
    ) -> Result<Self> {
        let init = Init::Uniform { bound: 1.0 / ((outputs * kernel * kernel) as f64).sqrt() };
        Ok(Self {
            weight: scope.trained("weight", &[inputs, outputs, kernel, kernel], init)?,
            bias: scope.trained("bias", &[outputs], init)?,
            config,
        })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, ..]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.conv_transpose2d(&self.weight, Some(&self.bias), self.config)
    }
}
