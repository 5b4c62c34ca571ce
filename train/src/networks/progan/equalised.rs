//! Convolutions with an equalised learning rate (section 4.1 of the paper).

use candle_core::{DType, Tensor};

use crate::ops::conv2d::conv2d_activated;
use crate::param::{Init, Scope};
use crate::value::Conv2dConfig;
use crate::{Param, Result, Value};

/// A convolution whose weights start from N(0, 1) and are scaled by `sqrt(2 / fan_in)` whenever they are used, so that
/// all layers have the same effective learning rate under Adam. The bias starts from 0 and is not scaled.
#[derive(Debug, Clone)]
pub struct EqualisedConv2d {
    weight: Param,
    bias: Param,
    scale: f64,
    config: Conv2dConfig,
}

impl EqualisedConv2d {
    /// Parameters `conv.weight [outputs, inputs, kernel, kernel]` and `conv.bias [outputs]`.
    pub fn new(scope: Scope, inputs: usize, outputs: usize, kernel: usize, padding: usize) -> Result<Self> {
        let scope = scope.sub("conv");
        Ok(Self {
            weight: scope.trained("weight", &[outputs, inputs, kernel, kernel], Init::Normal { std: 1.0 })?,
            bias: scope.trained("bias", &[outputs], Init::Constant(0.0))?,
            scale: (2.0 / (inputs * kernel * kernel) as f64).sqrt(),
            config: Conv2dConfig { padding, ..Default::default() },
        })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, ..]`.
    pub fn forward<V: Value>(&self, x: &V) -> Result<V> {
        x.scale(self.scale)?.conv2d(&self.weight, Some(&self.bias), self.config)
    }

    /// The weight and the bias, by name, of a plain convolution that computes `by` times this one's output plus `shift`.
    pub fn fold(&self, by: f64, shift: f64) -> Result<[(String, Tensor); 2]> {
        let affine = |param: &Param, by: f64, shift: f64| -> Result<_> {
            // In float64, so that it is rounded once.
            let tensor = param.var().as_detached_tensor();
            let folded = tensor.to_dtype(DType::F64)?.affine(by, shift)?.to_dtype(tensor.dtype())?;
            Ok((param.name().to_string(), folded))
        };
        Ok([affine(&self.weight, by * self.scale, 0.0)?, affine(&self.bias, by, shift)?])
    }

    /// The same on tensors: it scales the weight, which is smaller than the input.
    pub fn compute(&self, x: &Tensor) -> Result<Tensor> {
        self.compute_activated(x, None)
    }

    /// The same, then a leaky ReLU with a slope.
    pub fn compute_activated(&self, x: &Tensor, slope: Option<f64>) -> Result<Tensor> {
        let weight = (self.weight.tensor() * self.scale)?;
        conv2d_activated(x, &weight, Some(&self.bias.tensor()), self.config, slope)
    }
}

/// A block's two 3x3 convolutions.
#[derive(Debug, Clone)]
pub struct Block {
    pub first: EqualisedConv2d,
    pub second: EqualisedConv2d,
}

impl Block {
    /// Parameters `conv1.conv.*` and `conv2.conv.*`.
    pub fn new(scope: Scope, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self {
            first: EqualisedConv2d::new(scope.sub("conv1"), inputs, outputs, 3, 1)?,
            second: EqualisedConv2d::new(scope.sub("conv2"), outputs, outputs, 3, 1)?,
        })
    }
}
