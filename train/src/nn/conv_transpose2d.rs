//! A transposed convolution.

use crate::param::{Init, Scope};
use crate::value::ConvTranspose2dConfig;
use crate::{Param, Result, Value};

/// The options of a [`ConvTranspose2d`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose2dOptions {
    /// Stride, padding, output padding, dilation and groups.
    pub config: ConvTranspose2dConfig,
    /// Whether to add a bias.
    pub bias: bool,
}

impl Default for ConvTranspose2dOptions {
    fn default() -> Self {
        ConvTranspose2dConfig::default().into()
    }
}

impl From<ConvTranspose2dConfig> for ConvTranspose2dOptions {
    fn from(config: ConvTranspose2dConfig) -> Self {
        Self { config, bias: true }
    }
}

/// The adjoint of a convolution, for upsampling.
#[derive(Debug, Clone)]
pub struct ConvTranspose2d {
    weight: Param,
    bias: Option<Param>,
    config: ConvTranspose2dConfig,
}

impl ConvTranspose2d {
    /// Parameters `weight [inputs, outputs / groups, kernel, kernel]` and, by default, `bias [outputs]`, both initialised
    /// as in PyTorch: uniform in ±1 / sqrt(outputs / groups * kernel^2), PyTorch's fan-in of a transposed weight.
    pub fn new(
        scope: Scope,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        options: impl Into<ConvTranspose2dOptions>,
    ) -> Result<Self> {
        let ConvTranspose2dOptions { config, bias } = options.into();
        let group_outputs = outputs / config.groups;
        let init = Init::Uniform { bound: 1.0 / ((group_outputs * kernel * kernel) as f64).sqrt() };
        Ok(Self {
            weight: scope.trained("weight", &[inputs, group_outputs, kernel, kernel], init)?,
            bias: bias.then(|| scope.trained("bias", &[outputs], init)).transpose()?,
            config,
        })
    }

    /// The weight.
    pub fn weight(&self) -> &Param {
        &self.weight
    }

    /// The bias, if it has one.
    pub fn bias(&self) -> Option<&Param> {
        self.bias.as_ref()
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, ..]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.conv_transpose2d(&self.weight, self.bias.as_ref(), self.config)
    }
}
