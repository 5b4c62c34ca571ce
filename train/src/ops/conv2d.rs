//! Convolution, its two derivatives, and transposed convolution.
//!
//! `conv(x, w)`, `conv_input(dy, w)` and `conv_weight(x, dy)` are bilinear, and each one's derivatives are the other two.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Shape, Tensor};

use super::activation::{leaky_relu, masked};
use super::channels::{add_bias, channel_sums, per_channel};
use super::{if_tracked, of_weight, on_floats};
use crate::value::{Conv2dConfig, ConvTranspose2dConfig};
use crate::{Error, Result};
use easel_kernels::gradients::Float;
use easel_kernels::gradients::conv2d::{self as kernel, ConvShape};

type Gradients2 = (Option<Tensor>, Option<Tensor>);

/// Cross-correlation of x `[batch, in, height, width]` with weight `[out, in / groups, height, width]`, plus bias
/// `[out]`.
///
/// Fails where channels do not fit or the padded picture is smaller than the kernel.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, config: Conv2dConfig) -> Result<Tensor> {
    conv2d_activated(x, weight, bias, config, None)
}

/// [`conv2d`], then [`leaky_relu`] with this slope, if there is one: in one pass, and without a copy of what it is applied
/// to.
pub fn conv2d_activated(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: Conv2dConfig,
    slope: Option<f64>,
) -> Result<Tensor> {
    let shape = forward_shape(x.dims4()?, weight.dims4()?, config)?;
    // The gradient takes the sign of the argument from the value, so it has to be the same.
    let fused = slope.filter(|slope| *slope >= 0.0 && x.device().is_cpu());
    let result = match (x.device().is_cpu(), bias) {
        (false, _) => plain_conv2d(x, weight, bias, &shape)?,
        (true, Some(bias)) => {
            let op = ConvBias { shape, slope: fused };
            x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)?
        }
        (true, None) => x.contiguous()?.apply_op2(&weight.contiguous()?, Conv { shape, slope: fused })?,
    };
    match slope {
        Some(slope) if fused.is_none() => leaky_relu(&result, slope),
        _ => Ok(result),
    }
}

/// Transposed convolution of x `[batch, in, height, width]` with weight `[in, out / groups, height, width]`, plus bias
/// `[out]`.
///
/// Fails where channels do not fit, the result would be empty, or the output padding is not smaller than the stride or
/// the dilation.
pub fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: ConvTranspose2dConfig,
) -> Result<Tensor> {
    let shape = transposed_shape(x.dims4()?, weight.dims4()?, config)?;
    let result =
        if x.device().is_cpu() { conv_input(x, weight, shape)? } else { plain_conv_transpose2d(x, weight, config)? };
    match bias {
        Some(bias) => add_bias(&result, bias),
        None => Ok(result),
    }
}

fn forward_shape(
    (batch, inputs, height, width): (usize, usize, usize, usize),
    (outputs, group_inputs, kernel_height, kernel_width): (usize, usize, usize, usize),
    Conv2dConfig { stride, padding, dilation, groups }: Conv2dConfig,
) -> Result<ConvShape> {
    let shape = ConvShape {
        batch,
        inputs,
        size: [height, width],
        outputs,
        kernel: [kernel_height, kernel_width],
        stride,
        padding,
        dilation,
        groups,
    };
    if group_inputs * groups != inputs || outputs % groups != 0 {
        return Err(Error::Config(format!(
            "a convolution weight [{outputs}, {group_inputs}, ..] in {groups} groups does not fit {inputs} channels"
        )));
    }
    let reach = |kernel: usize| dilation * (kernel - 1) + 1;
    if stride == 0 || height + 2 * padding < reach(kernel_height) || width + 2 * padding < reach(kernel_width) {
        return Err(Error::Config(format!(
            "a picture of {width}x{height} with padding {padding} is too small for a kernel that reaches {}x{}",
            reach(kernel_width),
            reach(kernel_height)
        )));
    }
    Ok(shape)
}

/// The shape of the convolution that the transposed one is the adjoint of.
fn transposed_shape(
    (batch, inputs, height, width): (usize, usize, usize, usize),
    (weight_inputs, group_outputs, kernel_height, kernel_width): (usize, usize, usize, usize),
    config: ConvTranspose2dConfig,
) -> Result<ConvShape> {
    let ConvTranspose2dConfig { stride, padding, output_padding, dilation, groups } = config;
    if weight_inputs != inputs || inputs % groups != 0 {
        return Err(Error::Config(format!(
            "a transposed convolution weight [{weight_inputs}, ..] in {groups} groups does not fit {inputs} channels"
        )));
    }
    if output_padding >= stride.max(dilation) {
        return Err(Error::Config(format!(
            "an output padding of {output_padding} must be smaller than the stride ({stride}) or the dilation ({dilation})"
        )));
    }
    let size = |size: usize, kernel: usize| {
        ((size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding).checked_sub(2 * padding)
    };
    match (size(height, kernel_height), size(width, kernel_width)) {
        (Some(out_height @ 1..), Some(out_width @ 1..)) => Ok(ConvShape {
            batch,
            inputs: group_outputs * groups,
            size: [out_height, out_width],
            outputs: inputs,
            kernel: [kernel_height, kernel_width],
            stride,
            padding,
            dilation,
            groups,
        }),
        _ => Err(Error::Config(format!("a transposed convolution of {width}x{height} would have an empty output"))),
    }
}

fn conv(x: &Tensor, weight: &Tensor, shape: ConvShape) -> candle_core::Result<Tensor> {
    x.contiguous()?.apply_op2(&weight.contiguous()?, Conv { shape, slope: None })
}

fn conv_input(output: &Tensor, weight: &Tensor, shape: ConvShape) -> candle_core::Result<Tensor> {
    output.contiguous()?.apply_op2(&weight.contiguous()?, ConvInput(shape))
}

fn conv_weight(x: &Tensor, output: &Tensor, shape: ConvShape) -> candle_core::Result<Tensor> {
    x.contiguous()?.apply_op2(&output.contiguous()?, ConvWeight(shape))
}

/// With the slope of an activation.
struct Conv {
    shape: ConvShape,
    slope: Option<f64>,
}

/// The same with a bias.
struct ConvBias {
    shape: ConvShape,
    slope: Option<f64>,
}

struct ConvInput(ConvShape);
struct ConvWeight(ConvShape);

fn forward<T: Float>(shape: &ConvShape, x: &[T], w: &[T], b: Option<&[T]>, slope: Option<f64>) -> Vec<T> {
    kernel::forward(shape, x, w, b, slope.map(T::from_f64))
}

/// The gradient of an activation's argument, given its value.
fn before_activation(y: &Tensor, gradient: &Tensor, slope: Option<f64>) -> candle_core::Result<Tensor> {
    slope.map_or_else(|| Ok(gradient.clone()), |slope| masked(gradient, y, slope))
}

impl CustomOp2 for Conv {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(
            self.name(),
            [x = (x, x_layout), w = (w, w_layout)],
            forward(&self.shape, x, w, None, self.slope)
        );
        Ok((result, self.shape.output_dims().as_slice().into()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, y: &Tensor, gradient: &Tensor) -> candle_core::Result<Gradients2> {
        let gradient = &before_activation(y, gradient, self.slope)?;
        Ok((
            if_tracked(x, || conv_input(gradient, w, self.shape))?,
            of_weight(w, || conv_weight(x, gradient, self.shape))?,
        ))
    }
}

impl CustomOp3 for ConvBias {
    fn name(&self) -> &'static str {
        "conv2d-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(
            self.name(),
            [x = (x, x_layout), w = (w, w_layout), b = (b, b_layout)],
            forward(&self.shape, x, w, Some(b), self.slope)
        );
        Ok((result, self.shape.output_dims().as_slice().into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = &before_activation(y, gradient, self.slope)?;
        Ok((
            if_tracked(x, || conv_input(gradient, w, self.shape))?,
            of_weight(w, || conv_weight(x, gradient, self.shape))?,
            of_weight(b, || channel_sums(gradient))?,
        ))
    }
}

impl CustomOp2 for ConvInput {
    fn name(&self) -> &'static str {
        "conv2d-input"
    }

    fn cpu_fwd(
        &self,
        output: &CpuStorage,
        output_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(
            self.name(),
            [output = (output, output_layout), w = (w, w_layout)],
            kernel::input(&self.0, output, w)
        );
        Ok((result, self.0.input_dims().as_slice().into()))
    }

    fn bwd(&self, output: &Tensor, w: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Gradients2> {
        Ok((if_tracked(output, || conv(gradient, w, self.0))?, of_weight(w, || conv_weight(gradient, output, self.0))?))
    }
}

impl CustomOp2 for ConvWeight {
    fn name(&self) -> &'static str {
        "conv2d-weight"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        output: &CpuStorage,
        output_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let result = on_floats!(
            self.name(),
            [x = (x, x_layout), output = (output, output_layout)],
            kernel::weight(&self.0, x, output)
        );
        Ok((result, self.0.weight_dims().as_slice().into()))
    }

    fn bwd(&self, x: &Tensor, output: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Gradients2> {
        Ok((if_tracked(x, || conv_input(output, gradient, self.0))?, if_tracked(output, || conv(x, gradient, self.0))?))
    }
}

/// By candle's convolution. Its gradient needs a picture that the kernel covers to the last row and column, so the
/// padding is explicit, and rows and columns that the kernel does not reach are removed first.
fn plain_conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, shape: &ConvShape) -> Result<Tensor> {
    let ConvShape { padding, stride, dilation, kernel, groups, .. } = *shape;
    let out = shape.output_size();
    let seen = |axis: usize| (out[axis] - 1) * stride + dilation * (kernel[axis] - 1) + 1;
    let padded = x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
    let padded = padded.narrow(2, 0, seen(0))?.narrow(3, 0, seen(1))?.contiguous()?;
    let result = padded.conv2d(weight, 0, stride, dilation, groups)?;
    match bias {
        Some(bias) => Ok(result.broadcast_add(&per_channel(bias)?)?),
        None => Ok(result),
    }
}

/// By candle's transposed convolution, a group at a time; with stride 1 by a convolution with the rotated kernel, which
/// is faster on CUDA.
fn plain_conv_transpose2d(x: &Tensor, weight: &Tensor, config: ConvTranspose2dConfig) -> Result<Tensor> {
    let ConvTranspose2dConfig { stride, padding, output_padding, dilation, groups } = config;
    let inputs = x.dim(1)? / groups;
    let (_, _, kernel_height, kernel_width) = weight.dims4()?;
    let reach = dilation * (kernel_height - 1);
    let as_conv = stride == 1 && kernel_height == kernel_width && padding <= reach && output_padding == 0;
    let results = (0..groups)
        .map(|group| {
            let x = x.narrow(1, group * inputs, inputs)?.contiguous()?;
            let weight = weight.narrow(0, group * inputs, inputs)?;
            if as_conv {
                let turned = |size: usize| Tensor::new((0..size as u32).rev().collect::<Vec<_>>(), x.device());
                let weight = weight
                    .transpose(0, 1)?
                    .contiguous()?
                    .index_select(&turned(kernel_height)?, 2)?
                    .index_select(&turned(kernel_width)?, 3)?;
                Ok(x.conv2d(&weight, reach - padding, 1, dilation, 1)?)
            } else {
                Ok(x.conv_transpose2d(&weight.contiguous()?, padding, output_padding, stride, dilation)?)
            }
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&results, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};

    #[test]
    fn convolutions() {
        for (config, size) in [
            (Conv2dConfig { padding: 1, ..Default::default() }, [5, 4]),
            (Conv2dConfig { stride: 2, ..Default::default() }, [6, 7]),
            (Conv2dConfig { stride: 2, padding: 2, dilation: 2, groups: 2 }, [7, 6]),
        ] {
            let [height, width] = size;
            let arguments =
                [normal(&[2, 4, height, width], 1), normal(&[2, 4 / config.groups, 3, 3], 2), normal(&[2], 3)];
            let run = |t: &[Tensor]| conv2d(&t[0], &t[1], Some(&t[2]), config);
            check(&arguments, run);
            check(&arguments[..2], |t| conv2d(&t[0], &t[1], None, config));
            for slope in [0.0, 0.2] {
                let run = |t: &[Tensor]| conv2d_activated(&t[0], &t[1], Some(&t[2]), config, Some(slope));
                check(&arguments, run);
                assert_same(&arguments, run, |t| leaky_relu(&conv2d(&t[0], &t[1], Some(&t[2]), config)?, slope));
            }
            assert_same(&arguments, run, |t| {
                let shape = forward_shape(t[0].dims4()?, t[1].dims4()?, config)?;
                plain_conv2d(&t[0], &t[1], Some(&t[2]), &shape)
            });
        }
    }

    #[test]
    fn transposed_convolutions() {
        for config in [
            ConvTranspose2dConfig { stride: 2, padding: 1, output_padding: 1, ..Default::default() },
            ConvTranspose2dConfig { padding: 1, ..Default::default() },
            ConvTranspose2dConfig { stride: 2, dilation: 2, groups: 2, ..Default::default() },
        ] {
            let arguments = [normal(&[2, 4, 3, 4], 1), normal(&[4, 2, 3, 3], 2), normal(&[2 * config.groups], 3)];
            let run = |t: &[Tensor]| conv_transpose2d(&t[0], &t[1], Some(&t[2]), config);
            check(&arguments, run);
            assert_same(&arguments, run, |t| add_bias(&plain_conv_transpose2d(&t[0], &t[1], config)?, &t[2]));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let x = normal(&[1, 3, 4, 4], 1);
        let refused = |weight: &[usize], config| conv2d(&x, &normal(weight, 1), None, config).unwrap_err().to_string();
        assert!(refused(&[2, 4, 3, 3], Conv2dConfig::default()).contains("3 channels"));
        assert!(refused(&[2, 3, 7, 7], Conv2dConfig { padding: 1, ..Default::default() }).contains("4x4"));
        let config = ConvTranspose2dConfig { stride: 2, output_padding: 2, ..Default::default() };
        assert!(conv_transpose2d(&x, &normal(&[3, 2, 3, 3], 1), None, config).is_err());
    }
}
