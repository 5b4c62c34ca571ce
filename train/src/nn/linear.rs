//! A fully connected layer.

use crate::param::{Init, Scope};
use crate::{Param, Result, Value};

/// The options of a [`Linear`]. An [`Init`] converts to weights drawn from it and a bias of zeros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearOptions {
    /// The initialisation of the weight, with a bias of zeros; if `None`, both are initialised as in PyTorch, uniform in
    /// ±1 / sqrt(inputs).
    pub init: Option<Init>,
    /// Whether to add a bias.
    pub bias: bool,
}

impl Default for LinearOptions {
    fn default() -> Self {
        Self { init: None, bias: true }
    }
}

impl From<Init> for LinearOptions {
    fn from(init: Init) -> Self {
        Self { init: Some(init), bias: true }
    }
}

/// `y = x W^T + b` on `[batch, in]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Param,
    bias: Option<Param>,
}

impl Linear {
    /// Parameters `weight [outputs, inputs]` and, by default, `bias [outputs]`.
    pub fn new(scope: Scope, inputs: usize, outputs: usize, options: impl Into<LinearOptions>) -> Result<Self> {
        let LinearOptions { init, bias } = options.into();
        let default = Init::Uniform { bound: 1.0 / (inputs as f64).sqrt() };
        let bias_init = if init.is_some() { Init::Constant(0.0) } else { default };
        Ok(Self {
            weight: scope.trained("weight", &[outputs, inputs], init.unwrap_or(default))?,
            bias: bias.then(|| scope.trained("bias", &[outputs], bias_init)).transpose()?,
        })
    }

    /// `[batch, inputs]` to `[batch, outputs]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.linear(&self.weight, self.bias.as_ref())
    }
}
