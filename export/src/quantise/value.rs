//! [`Value`] by recording a quantised graph.
//!
//! QuantizeLinear and DequantizeLinear surround whatever engines compute as one integer operation: a convolution with the
//! linear operations around it, a norm, a sum. A ReLU is free: the quantised range begins at 0.

use std::rc::Rc;

use candle_core::{DType, Tensor};
use easel_train::value::{Affine, Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig};
use easel_train::{Param, Result, Value};

use super::kernel::Kernel;
use super::params::QuantParams;
use super::recorder::{Conv, Recorder, State, repeat_for_block};
use crate::error::Error;
use crate::extent::Extent;
use crate::symbol::{MAX_BLOCK_CHANNELS, Symbol};

/// The largest block's side.
const MAX_BLOCK: usize = 4;

/// A value of a quantised graph.
#[derive(Clone)]
pub(super) struct QuantisedValue {
    recorder: Rc<Recorder>,
    state: State,
    extent: Extent,
}

fn unsupported(operation: &str) -> easel_train::Error {
    Error::NotQuantisable { operation: operation.into() }.into()
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

impl QuantisedValue {
    /// A picture in `[0, 1]`, quantised to its 256 levels.
    pub fn picture(recorder: Rc<Recorder>, image: &Symbol) -> Self {
        let quantised = recorder.quantise(image, QuantParams::PICTURE);
        let state = State::Quantised { quantised, params: QuantParams::PICTURE, affine: None };
        Self { recorder, state, extent: Extent::ANY }
    }

    /// The dequantised value.
    pub fn output(&self) -> Result<Symbol> {
        let (quantised, params) = self.quantised("output")?;
        Ok(self.recorder.dequantise(quantised, params))
    }

    fn with(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }

    /// The quantised value, without a delayed affine map. Fails for `operation` in any other state.
    fn quantised(&self, operation: &str) -> Result<(&Symbol, QuantParams)> {
        match &self.state {
            State::Quantised { quantised, params, affine: None } => Ok((quantised, *params)),
            _ => Err(unsupported(operation)),
        }
    }

    /// An operation that moves pixels and changes none, on the quantised value.
    fn move_pixels(&self, operation: &str, by: impl FnOnce(&Symbol) -> Result<Symbol>) -> Result<Self> {
        let State::Quantised { quantised, params, affine } = &self.state else { return Err(unsupported(operation)) };
        Ok(self.with(State::Quantised { quantised: by(quantised)?, params: *params, affine: affine.clone() }))
    }

    /// A convolution of stride 1 with zero padding, whose output channels are blocks of `block` x `block` pixels.
    fn conv(
        &self,
        weight: &Param,
        bias: Option<&Param>,
        mut kernel: Kernel,
        padding: [usize; 2],
        block: usize,
    ) -> Result<Conv> {
        let State::Quantised { quantised, params, affine } = &self.state else {
            return Err(unsupported("convolution"));
        };
        let mut biases = match bias {
            Some(bias) => repeat_for_block(&values(&bias.tensor())?, block),
            None => vec![0.0; kernel.outputs],
        };
        if let Some([scale, shift]) = affine {
            // The affine map would change the zeros of the padding, too.
            if padding != [0, 0] {
                return Err(unsupported("channel_affine before a convolution with padding"));
            }
            let change = kernel.fold_input_affine(scale, shift);
            biases.iter_mut().zip(change).for_each(|(bias, change)| *bias += change);
        }
        Ok(Conv {
            name: weight.name().trim_end_matches(".weight").to_string(),
            input: self.recorder.dequantise(quantised, *params),
            input_params: *params,
            kernel,
            bias: biases,
            stride: 1,
            padding,
            block,
        })
    }

    /// A convolution of stride 1 in sub-pixel form, with the largest block that divides its output.
    fn sub_pixel(&self, mut conv: Conv) -> Self {
        let extent = self.extent.grown((conv.padding[0] + conv.padding[1]) as isize).windows(conv.kernel.side, 1);
        let outputs = conv.kernel.outputs;
        let fits = |block: &usize| outputs * block * block <= MAX_BLOCK_CHANNELS && extent.is_multiple_of(*block);
        let block = (1..=MAX_BLOCK).rev().find(fits).unwrap_or(1);
        if block > 1 {
            conv.kernel = conv.kernel.sub_pixel(block);
            conv.bias = repeat_for_block(&conv.bias, block);
            (conv.stride, conv.block) = (block, block);
        }
        Self { extent, ..self.with(State::Conv(conv)) }
    }
}

macro_rules! not_quantised {
    ($($name:ident($($of:ty),*))*) => {
        $(fn $name(&self, $(_: $of),*) -> Result<Self> {
            Err(unsupported(stringify!($name)))
        })*
    };
}

impl Value for QuantisedValue {
    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        let Conv2dConfig { stride, padding, dilation, groups } = config;
        let [outputs, inputs, side, width] = weight.dims()[..] else { return Err(unsupported("kernel of this shape")) };
        if (dilation, groups, width) != (1, 1, side) {
            return Err(unsupported("dilation, groups or oblong kernel"));
        }
        let kernel = Kernel { outputs, inputs, side, values: values(&weight.tensor())? };
        let mut conv = self.conv(weight, bias, kernel, [padding; 2], 1)?;
        if stride == 1 {
            return Ok(self.sub_pixel(conv));
        }
        conv.stride = stride;
        let extent = self.extent.grown(2 * padding as isize).windows(side, stride);
        Ok(Self { extent, ..self.with(State::Conv(conv)) })
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        let ConvTranspose2dConfig { stride, padding, output_padding, dilation, groups } = config;
        let [inputs, outputs, side, width] = weight.dims()[..] else { return Err(unsupported("kernel of this shape")) };
        let weights = values(&weight.tensor())?;
        match (stride, side, padding, output_padding, dilation, groups) {
            (1, _, _, 0, 1, 1) if side == width && padding < side => {
                let kernel = Kernel::flipped(inputs, outputs, side, &weights);
                Ok(self.sub_pixel(self.conv(weight, bias, kernel, [side - 1 - padding; 2], 1)?))
            }
            (2, 3, 1, 1, 1, 1) if side == width => {
                let kernel = Kernel::upsampling(inputs, outputs, &weights);
                let conv = self.conv(weight, bias, kernel, [0, 1], 2)?;
                Ok(Self { extent: self.extent.times(2), ..self.with(State::Conv(conv)) })
            }
            _ => Err(unsupported("transposed convolution with these settings")),
        }
    }

    fn instance_norm2d(&self, _: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let State::Conv(conv) = &self.state else { return Err(unsupported("instance norm")) };
        Ok(self.with(self.recorder.instance_norm(conv.clone(), affine, epsilon)?))
    }

    fn relu(&self) -> Result<Self> {
        Ok(self.with(match &self.state {
            State::Conv(conv) => self.recorder.requantise(&self.recorder.record(conv), conv.block, true)?,
            State::Float { value, block } => self.recorder.requantise(value, *block, true)?,
            State::Quantised { .. } => return Err(unsupported("ReLU")),
        }))
    }

    fn add(&self, other: &Self) -> Result<Self> {
        let recorder = &self.recorder;
        let summand = |value: &Self| match &value.state {
            State::Conv(conv) => value.with(recorder.requantise(&recorder.record(conv), conv.block, false)?).output(),
            _ => value.output(),
        };
        Ok(self.with(State::Float { value: summand(self)?.add(&summand(other)?)?, block: 1 }))
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        let [scale, shift] =
            [scale, shift].map(|values| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
        Ok(self.with(match &self.state {
            State::Conv(conv) => {
                let mut conv = conv.clone();
                conv.fold_output_affine(&scale, &shift);
                State::Conv(conv)
            }
            State::Quantised { quantised, params, affine: None } => {
                State::Quantised { quantised: quantised.clone(), params: *params, affine: Some([scale, shift]) }
            }
            _ => return Err(unsupported("channel_affine")),
        }))
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        let (State::Conv(conv), (0.0, 1.0)) = (&self.state, (low, high)) else { return Err(unsupported("clamp")) };
        let value = self.recorder.record(conv);
        let value = if self.recorder.is_quantised() { value } else { Value::clamp(&value, low, high)? };
        let params = QuantParams::PICTURE;
        let quantised = self.recorder.quantise(&value, params).depth_to_space(conv.block);
        Ok(self.with(State::Quantised { quantised, params, affine: None }))
    }

    fn pad2d(&self, padding: Padding, mode: Option<PadMode>) -> Result<Self> {
        let Padding { rows, columns } = padding;
        if mode.is_none() || rows != columns {
            return Err(unsupported("padding of this kind"));
        }
        let extent = self.extent.grown((rows[0] + rows[1]) as isize);
        Ok(Self { extent, ..self.move_pixels("padding", |value| value.pad2d(padding, mode))? })
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let padded = self.move_pixels("padding", |value| value.pad_to_multiple(multiple, at_least))?;
        Ok(Self { extent: Extent::padded_to(multiple, at_least), ..padded })
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let (like, _) = other.quantised("crop")?;
        let cropped = self.move_pixels("crop", |value| value.crop_like(like))?;
        Ok(Self { extent: other.extent, ..cropped })
    }

    not_quantised! {
        linear(&Param, Option<&Param>)
        batch_norm2d(&Param, &Param, Option<Affine>, f64)
        pixel_norm(f64)
        leaky_relu(f64)
        sigmoid()
        tanh()
        silu()
        sub(&Self)
        mul(&Self)
        scale(f64)
        shift(f64)
        max_pool2d(Pool2dConfig)
        avg_pool2d(Pool2dConfig)
        upsample2x()
        expand_like(&Self)
        stretch_like(&Self)
        pixel_shuffle2x()
        concat(&Self)
        lookup(&Param)
        param(&Param)
        flatten()
        unflatten([usize; 3])
    }
}
