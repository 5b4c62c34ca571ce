//! Average and max pooling.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use super::linear_map::{self, LinearMap};
use super::on_floats;
use crate::value::Pool2dConfig;
use crate::{Error, Result};
pub use easel_kernels::gradients::pool2d::PoolShape;
use easel_kernels::gradients::{Float, pool2d};

fn shape(x: &Tensor, config: Pool2dConfig) -> Result<PoolShape> {
    let (_, _, height, width) = x.dims4()?;
    let Pool2dConfig { kernel, stride, padding, ceil } = config;
    if kernel == 0 || stride == 0 || height.min(width) + 2 * padding < kernel || 2 * padding > kernel {
        return Err(Error::Config(format!(
            "pooling by {kernel} with stride {stride} and padding {padding} does not fit a picture of {width}x{height} (the padding is at most half the kernel)"
        )));
    }
    Ok(PoolShape { size: [height, width], kernel, stride, padding, ceil })
}

/// The mean of every window of `[batch, channel, height, width]`; padding counts as zeros.
pub fn avg_pool2d(x: &Tensor, config: Pool2dConfig) -> Result<Tensor> {
    let shape = shape(x, config)?;
    if x.device().is_cpu() {
        Ok(linear_map::apply(Arc::new(AvgPool { planes: planes(x)?, shape }), x)?)
    } else {
        plain_avg_pool2d(x, shape)
    }
}

/// The largest element of every window of `[batch, channel, height, width]`. The gradient goes to the first of equals.
pub fn max_pool2d(x: &Tensor, config: Pool2dConfig) -> Result<Tensor> {
    let shape = shape(x, config)?;
    if x.device().is_cpu() {
        let positions = Arc::new(OnceLock::new());
        Ok(x.contiguous()?.apply_op1(MaxPool { planes: planes(x)?, shape, positions })?)
    } else {
        plain_max_pool2d(x, shape)
    }
}

fn planes(x: &Tensor) -> Result<[usize; 2]> {
    let (batch, channels, _, _) = x.dims4()?;
    Ok([batch, channels])
}

struct AvgPool {
    planes: [usize; 2],
    shape: PoolShape,
}

impl LinearMap for AvgPool {
    const NAME: &'static str = "avg-pool2d";

    fn input_dims(&self) -> Vec<usize> {
        [self.planes, self.shape.size].concat()
    }

    fn output_dims(&self) -> Vec<usize> {
        [self.planes, self.shape.output_size()].concat()
    }

    fn forward<T: Float>(&self, input: &[T]) -> Vec<T> {
        pool2d::average(&self.shape, input)
    }

    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T> {
        pool2d::average_adjoint(&self.shape, output)
    }
}

/// The positions of the maxima are found in the forward pass and kept for the gradient.
struct MaxPool {
    planes: [usize; 2],
    shape: PoolShape,
    positions: Arc<OnceLock<Arc<Vec<u32>>>>,
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let dims = [self.planes, self.shape.output_size()].concat();
        let result = on_floats!(self.name(), [x = (x, layout)], {
            let positions = self.positions.get_or_init(|| Arc::new(pool2d::max_positions(&self.shape, x)));
            pool2d::take(&self.shape, x, positions)
        });
        Ok((result, dims.into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let positions = self.positions.get().expect("the forward pass came before").clone();
        let map = Take { planes: self.planes, shape: self.shape, positions };
        linear_map::apply_adjoint(Arc::new(map), gradient).map(Some)
    }
}

/// Takes the elements at given positions: the second half of max pooling.
struct Take {
    planes: [usize; 2],
    shape: PoolShape,
    positions: Arc<Vec<u32>>,
}

impl LinearMap for Take {
    const NAME: &'static str = "take";

    fn input_dims(&self) -> Vec<usize> {
        [self.planes, self.shape.size].concat()
    }

    fn output_dims(&self) -> Vec<usize> {
        [self.planes, self.shape.output_size()].concat()
    }

    fn forward<T: Float>(&self, input: &[T]) -> Vec<T> {
        pool2d::take(&self.shape, input, &self.positions)
    }

    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T> {
        pool2d::take_adjoint(&self.shape, output, &self.positions)
    }
}

/// All windows, `[batch, channel, out height, out width, kernel^2]`, with `fill` outside the picture.
fn windows(x: &Tensor, shape: PoolShape, fill: f64) -> Result<Tensor> {
    let [out_height, out_width] = shape.output_size();
    let PoolShape { size: [height, width], kernel, stride, padding, .. } = shape;
    let beyond = |out: usize, size: usize| ((out - 1) * stride + kernel).saturating_sub(size + padding);
    let (below, right) = (beyond(out_height, height), beyond(out_width, width));
    let pad = |x: &Tensor, dim: usize, before: usize, after: usize| {
        let part = |length: usize| {
            let mut dims = x.dims().to_vec();
            dims[dim] = length;
            Tensor::full(fill, dims, x.device())?.to_dtype(x.dtype())
        };
        Tensor::cat(&[part(before)?, x.clone(), part(after)?], dim)
    };
    let padded = pad(&pad(x, 2, padding, below)?, 3, padding, right)?;
    let indices = |out: usize| {
        let indices: Vec<u32> =
            (0..out).flat_map(|at| (0..kernel).map(move |tap| (at * stride + tap) as u32)).collect();
        Tensor::new(indices, x.device())
    };
    let unfolded = padded.index_select(&indices(out_height)?, 2)?.index_select(&indices(out_width)?, 3)?;
    let (batch, channels, ..) = x.dims4()?;
    Ok(unfolded
        .reshape((batch * channels, out_height, kernel, out_width, kernel))?
        .permute((0, 1, 3, 2, 4))?
        .contiguous()?
        .reshape((batch, channels, out_height, out_width, kernel * kernel))?)
}

fn plain_avg_pool2d(x: &Tensor, shape: PoolShape) -> Result<Tensor> {
    let sums = windows(x, shape, 0.0)?.sum(4)?;
    // Elements that `ceil` adds beyond the padding do not count.
    let PoolShape { size, kernel, stride, padding, .. } = shape;
    let [out_height, out_width] = shape.output_size();
    let counted = |at: usize, size: usize| (at * stride + kernel).min(size + 2 * padding) - at * stride;
    let shares: Vec<f64> = (0..out_height * out_width)
        .map(|at| 1.0 / (counted(at / out_width, size[0]) * counted(at % out_width, size[1])) as f64)
        .collect();
    let shares = Tensor::from_vec(shares, (1, 1, out_height, out_width), x.device())?.to_dtype(x.dtype())?;
    Ok(sums.broadcast_mul(&shares)?)
}

fn plain_max_pool2d(x: &Tensor, shape: PoolShape) -> Result<Tensor> {
    let windows = windows(x, shape, f64::NEG_INFINITY)?;
    let largest = windows.detach().argmax_keepdim(4)?;
    Ok(windows.gather(&largest, 4)?.squeeze(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};

    #[test]
    fn derivatives() {
        let x = [normal(&[1, 2, 5, 6], 1)];
        let base = Pool2dConfig::new(2);
        for config in [
            base,
            Pool2dConfig { kernel: 3, padding: 1, ..base },
            Pool2dConfig { kernel: 3, ceil: true, ..base },
            Pool2dConfig { stride: 1, ..base },
        ] {
            check(&x, |t| avg_pool2d(&t[0], config));
            check(&x, |t| max_pool2d(&t[0], config));
            let plain =
                |pool: fn(&Tensor, PoolShape) -> Result<Tensor>| move |t: &[Tensor]| pool(&t[0], shape(&t[0], config)?);
            assert_same(&x, |t| avg_pool2d(&t[0], config), plain(plain_avg_pool2d));
            assert_same(&x, |t| max_pool2d(&t[0], config), plain(plain_max_pool2d));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = normal(&[1, 1, 2, 5], 1);
        assert!(max_pool2d(&x, Pool2dConfig::new(3)).unwrap_err().to_string().contains("5x2"));
        assert!(avg_pool2d(&x, Pool2dConfig { padding: 2, ..Pool2dConfig::new(2) }).is_err());
    }
}
