//! [`Value`] by recording a quantised graph.
//!
//! What is computed between two places of storage (a convolution with all that is linear around it, a norm, a sum, a
//! ReLU) becomes one step: its numbers are stored as bytes by QuantizeLinear and read by DequantizeLinear, which engines
//! merge with the operators between them. A ReLU costs nothing: what is stored has no room below 0.

use std::rc::Rc;

use candle_core::{DType, Tensor};
use easel_train::value::{Affine, Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig};
use easel_train::{Error, Param, Result, Value};

use super::kernel::Kernel;
use super::recorder::{Conv, Recorder, State, each, in_place};
use super::step::Step;
use crate::Symbol;

/// A convolution of few channels computes blocks of pixels at once where they come to at most so many channels, which is
/// what engines multiply at a time with vectors of 64 bytes.
const MOST_BLOCK_CHANNELS: usize = 64;
/// The largest block's side.
const LARGEST_BLOCK: usize = 4;

/// A value of a quantised graph. Its side is `multiple * n + extra` pixels for a whole n.
#[derive(Clone)]
pub(super) struct Quantised {
    recorder: Rc<Recorder>,
    state: State,
    multiple: usize,
    extra: isize,
}

fn unknown(what: &str) -> Error {
    Error::Config(format!("int8 knows no {what} at this place; leave --int8 away"))
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

impl Quantised {
    /// A picture in `[0, 1]`, stored in its own levels.
    pub fn picture(recorder: Rc<Recorder>, image: &Symbol) -> Self {
        let bytes = recorder.to_bytes(image, Step::LEVELS);
        let state = State::Stored { bytes, step: Step::LEVELS, change: None };
        Self { recorder, state, multiple: 1, extra: 0 }
    }

    /// The picture that the graph gives, in real numbers.
    pub fn output(&self) -> Result<Symbol> {
        let (bytes, step) = self.stored("output")?;
        Ok(self.recorder.to_real(bytes, step))
    }

    fn with(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }

    /// The bytes of a value that is stored as it is.
    fn stored(&self, what: &str) -> Result<(&Symbol, Step)> {
        match &self.state {
            State::Stored { bytes, step, change: None } => Ok((bytes, *step)),
            _ => Err(unknown(what)),
        }
    }

    /// Where pixels are moved and none are changed, bytes are.
    fn moved(&self, what: &str, by: impl FnOnce(&Symbol) -> Result<Symbol>) -> Result<Self> {
        let State::Stored { bytes, step, change } = &self.state else { return Err(unknown(what)) };
        Ok(self.with(State::Stored { bytes: by(bytes)?, step: *step, change: change.clone() }))
    }

    /// A convolution of step 1 that computes blocks of `block` x `block` pixels, with zeros around.
    fn conv(
        &self,
        weight: &Param,
        bias: Option<&Param>,
        mut kernel: Kernel,
        padding: [usize; 2],
        block: usize,
    ) -> Result<Conv> {
        let State::Stored { bytes, step, change } = &self.state else { return Err(unknown("convolution")) };
        let mut sums = match bias {
            Some(bias) => each(&values(&bias.tensor())?, block),
            None => vec![0.0; kernel.outputs],
        };
        if let Some([scale, shift]) = change {
            // The zeros around would be changed, too.
            if padding != [0, 0] {
                return Err(unknown("change before a convolution with padding"));
            }
            let added = kernel.take_in(scale, shift);
            sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        }
        Ok(Conv {
            name: weight.name().trim_end_matches(".weight").to_string(),
            input: self.recorder.to_real(bytes, *step),
            input_step: *step,
            kernel,
            bias: sums,
            stride: 1,
            padding,
            block,
        })
    }

    /// A convolution of step 1, in the largest blocks of pixels that its result falls into.
    fn in_blocks(&self, mut conv: Conv) -> Self {
        let extra = self.extra + (conv.padding[0] + conv.padding[1]) as isize - conv.kernel.side as isize + 1;
        let outputs = conv.kernel.outputs;
        let fits = |block: &usize| {
            outputs * block * block <= MOST_BLOCK_CHANNELS
                && self.multiple.is_multiple_of(*block)
                && extra.rem_euclid(*block as isize) == 0
        };
        let block = (1..=LARGEST_BLOCK).rev().find(fits).unwrap_or(1);
        if block > 1 {
            conv.kernel = conv.kernel.in_blocks(block);
            conv.bias = each(&conv.bias, block);
            (conv.stride, conv.block) = (block, block);
        }
        Self { extra, ..self.with(State::Conv(conv)) }
    }
}

macro_rules! not_quantised {
    ($($name:ident($($of:ty),*))*) => {
        $(fn $name(&self, $(_: $of),*) -> Result<Self> {
            Err(unknown(stringify!($name)))
        })*
    };
}

impl Value for Quantised {
    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        let Conv2dConfig { stride, padding, dilation, groups } = config;
        let [outputs, inputs, side, width] = weight.dims()[..] else { return Err(unknown("such kernel")) };
        if (dilation, groups, width) != (1, 1, side) {
            return Err(unknown("dilation, groups or oblong kernel"));
        }
        let kernel = Kernel { outputs, inputs, side, values: values(&weight.tensor())? };
        let mut conv = self.conv(weight, bias, kernel, [padding; 2], 1)?;
        if stride == 1 {
            return Ok(self.in_blocks(conv));
        }
        conv.stride = stride;
        let last = self.extra + 2 * padding as isize - side as isize;
        let (multiple, extra) = match self.multiple.is_multiple_of(stride) {
            true => (self.multiple / stride, last.div_euclid(stride as isize) + 1),
            false => (1, 0),
        };
        Ok(Self { multiple, extra, ..self.with(State::Conv(conv)) })
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        let ConvTranspose2dConfig { stride, padding, output_padding, dilation, groups } = config;
        let [inputs, outputs, side, width] = weight.dims()[..] else { return Err(unknown("such kernel")) };
        let weights = values(&weight.tensor())?;
        match (stride, side, padding, output_padding, dilation, groups) {
            (1, _, _, 0, 1, 1) if side == width && padding < side => {
                let kernel = Kernel::turned(inputs, outputs, side, &weights);
                Ok(self.in_blocks(self.conv(weight, bias, kernel, [side - 1 - padding; 2], 1)?))
            }
            (2, 3, 1, 1, 1, 1) if side == width => {
                let kernel = Kernel::doubling(inputs, outputs, &weights);
                let conv = self.conv(weight, bias, kernel, [0, 1], 2)?;
                Ok(Self { multiple: 2 * self.multiple, extra: 2 * self.extra, ..self.with(State::Conv(conv)) })
            }
            _ => Err(unknown("such transposed convolution")),
        }
    }

    fn instance_norm2d(&self, _: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let State::Conv(conv) = &self.state else { return Err(unknown("instance norm")) };
        Ok(self.with(self.recorder.normalised(conv.clone(), affine, epsilon)?))
    }

    fn relu(&self) -> Result<Self> {
        Ok(self.with(match &self.state {
            State::Conv(conv) => self.recorder.store(&self.recorder.record(conv), conv.block, true)?,
            State::Real { real, block } => self.recorder.store(real, *block, true)?,
            State::Stored { .. } => return Err(unknown("ReLU")),
        }))
    }

    fn add(&self, other: &Self) -> Result<Self> {
        let recorder = &self.recorder;
        let summand = |value: &Self| match &value.state {
            State::Conv(conv) => value.with(recorder.store(&recorder.record(conv), conv.block, false)?).output(),
            _ => value.output(),
        };
        Ok(self.with(State::Real { real: summand(self)?.add(&summand(other)?)?, block: 1 }))
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        let [scale, shift] =
            [scale, shift].map(|values| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
        Ok(self.with(match &self.state {
            State::Conv(conv) => {
                let mut conv = conv.clone();
                conv.change(&scale, &shift);
                State::Conv(conv)
            }
            State::Stored { bytes, step, change: None } => {
                State::Stored { bytes: bytes.clone(), step: *step, change: Some([scale, shift]) }
            }
            _ => return Err(unknown("channel_affine")),
        }))
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        let (State::Conv(conv), (0.0, 1.0)) = (&self.state, (low, high)) else { return Err(unknown("clamp")) };
        let real = self.recorder.record(conv);
        let real = if self.recorder.is_quantised() { real } else { Value::clamp(&real, low, high)? };
        let bytes = in_place(&self.recorder.to_bytes(&real, Step::LEVELS), conv.block);
        Ok(self.with(State::Stored { bytes, step: Step::LEVELS, change: None }))
    }

    fn pad2d(&self, padding: Padding, mode: Option<PadMode>) -> Result<Self> {
        let Padding { rows, columns } = padding;
        if mode.is_none() || rows != columns {
            return Err(unknown("such padding"));
        }
        let extra = self.extra + (rows[0] + rows[1]) as isize;
        Ok(Self { extra, ..self.moved("padding", |bytes| bytes.pad2d(padding, mode))? })
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let padded = self.moved("padding", |bytes| bytes.pad_to_multiple(multiple, at_least))?;
        Ok(Self { multiple, extra: 0, ..padded })
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let (like, _) = other.stored("crop")?;
        let cropped = self.moved("crop", |bytes| bytes.crop_like(like))?;
        Ok(Self { multiple: other.multiple, extra: other.extra, ..cropped })
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
