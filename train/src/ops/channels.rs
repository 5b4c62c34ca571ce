//! A value a channel, added to pictures; sums over all but the channel.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};

use super::linear_map::{self, LinearMap};
use super::{if_tracked, on_floats};
use crate::Result;
use easel_kernels::gradients::{Float, pointwise};

/// A vector `[channel]` seen as `[1, channel, 1, 1]`.
pub(crate) fn per_channel(values: &Tensor) -> candle_core::Result<Tensor> {
    values.reshape((1, (), 1, 1))
}

/// `x + bias` with x `[batch, channel, height, width]` and bias `[channel]`.
pub fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        Ok(x.contiguous()?.apply_op2(&bias.contiguous()?, AddBias)?)
    } else {
        Ok(x.broadcast_add(&per_channel(bias)?)?)
    }
}

/// The sum over all but the second dimension of `[batch, channel, height, width]`.
pub fn channel_sums(x: &Tensor) -> candle_core::Result<Tensor> {
    if x.device().is_cpu() {
        let (batch, channels, height, width) = x.dims4()?;
        linear_map::apply(Arc::new(ChannelSums { dims: [batch, channels, height, width] }), x)
    } else {
        x.sum((0, 2, 3))
    }
}

struct AddBias;

impl CustomOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (_, channels, height, width) = x_layout.shape().dims4()?;
        if bias_layout.dims() != [channels] {
            candle_core::bail!("a bias of shape {:?} for {channels} channels", bias_layout.dims());
        }
        let result = on_floats!(
            self.name(),
            [x = (x, x_layout), bias = (bias, bias_layout)],
            pointwise::map_channels(x, height * width, |channel, value| value + bias[channel % channels])
        );
        Ok((result, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((if_tracked(x, || Ok(gradient.clone()))?, if_tracked(bias, || channel_sums(gradient))?))
    }
}

struct ChannelSums {
    dims: [usize; 4],
}

impl LinearMap for ChannelSums {
    const NAME: &'static str = "channel-sums";

    fn input_dims(&self) -> Vec<usize> {
        self.dims.to_vec()
    }

    fn output_dims(&self) -> Vec<usize> {
        vec![self.dims[1]]
    }

    fn forward<T: Float>(&self, input: &[T]) -> Vec<T> {
        let [_, channels, height, width] = self.dims;
        pointwise::channel_sums(input, channels, height * width)
    }

    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T> {
        let [batch, channels, height, width] = self.dims;
        let mut input = Vec::with_capacity(batch * channels * height * width);
        for _ in 0..batch {
            output.iter().for_each(|value| input.extend(std::iter::repeat_n(*value, height * width)));
        }
        input
    }
}
