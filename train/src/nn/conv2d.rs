//! A convolution.

use crate::param::{Init, Scope};
use crate::value::{Conv2dConfig, PadMode, Padding};
use crate::{Param, Result, Value};

/// The options of a [`Conv2d`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Stride, padding, dilation and groups.
    pub config: Conv2dConfig,
    /// The padding mode; zeros if `None`.
    pub padding_mode: Option<PadMode>,
    /// Whether to add a bias.
    pub bias: bool,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Conv2dConfig::default().into()
    }
}

impl From<Conv2dConfig> for Conv2dOptions {
    fn from(config: Conv2dConfig) -> Self {
        Self { config, padding_mode: None, bias: true }
    }
}

/// Cross-correlation of pictures `[batch, in, height, width]`.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    options: Conv2dOptions,
}

impl Conv2d {
    /// Parameters `weight [outputs, inputs / groups, kernel, kernel]` and, by default, `bias [outputs]`, both initialised
    /// as in PyTorch: uniform in ±1 / sqrt(fan_in).
    pub fn new(
        scope: Scope,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        options: impl Into<Conv2dOptions>,
    ) -> Result<Self> {
        let options = options.into();
        let inputs = inputs / options.config.groups;
        let init = Init::Uniform { bound: 1.0 / ((inputs * kernel * kernel) as f64).sqrt() };
        Ok(Self {
            weight: scope.trained("weight", &[outputs, inputs, kernel, kernel], init)?,
            bias: options.bias.then(|| scope.trained("bias", &[outputs], init)).transpose()?,
            options,
        })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, ..]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        let (x, config) = self.padded(x)?;
        x.conv2d(&self.weight, self.bias.as_ref(), config)
    }

    /// The same, then a ReLU; see [`Value::conv2d_activated`].
    pub fn forward_relu<V: Value>(&self, x: &V) -> Result<V> {
        let (x, config) = self.padded(x)?;
        x.conv2d_activated(&self.weight, self.bias.as_ref(), config, 0.0)
    }

    /// The input with the padding that is not zeros, and what the convolution does then.
    fn padded<V: Value>(&self, x: &V) -> Result<(V, Conv2dConfig)> {
        let Conv2dOptions { config, padding_mode, .. } = self.options;
        if padding_mode.is_none() || config.padding == 0 {
            return Ok((x.clone(), config));
        }
        let padded = x.pad2d(Padding::all(config.padding), padding_mode)?;
        Ok((padded, Conv2dConfig { padding: 0, ..config }))
    }
}
