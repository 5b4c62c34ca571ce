//! Nearest upsampling by 2.

use std::sync::Arc;

use candle_core::Tensor;

use super::linear_map::{self, LinearMap};
use crate::Result;
use easel_kernels::gradients::{Float, pool2d};

/// Every element of `[batch, channel, height, width]` repeated twice in both directions.
pub fn upsample2x(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    if x.device().is_cpu() {
        let dims = [batch, channels, height, width];
        return Ok(linear_map::apply(Arc::new(Upsample2x { dims }), x)?);
    }
    plain_upsample2x(x)
}

fn plain_upsample2x(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let doubled = x
        .reshape((batch * channels, height, 1, width, 1))?
        .broadcast_as((batch * channels, height, 2, width, 2))?
        .reshape((batch, channels, 2 * height, 2 * width))?;
    Ok(doubled)
}

struct Upsample2x {
    dims: [usize; 4],
}

impl LinearMap for Upsample2x {
    const NAME: &'static str = "upsample2x";

    fn input_dims(&self) -> Vec<usize> {
        self.dims.to_vec()
    }

    fn output_dims(&self) -> Vec<usize> {
        let [batch, channels, height, width] = self.dims;
        vec![batch, channels, 2 * height, 2 * width]
    }

    fn forward<T: Float>(&self, input: &[T]) -> Vec<T> {
        pool2d::upsample2x(input, self.dims[3])
    }

    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T> {
        pool2d::upsample2x_adjoint(output, self.dims[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};

    #[test]
    fn derivatives() {
        let x = [normal(&[2, 2, 2, 3], 1)];
        check(&x, |t| upsample2x(&t[0]));
        assert_same(&x, |t| upsample2x(&t[0]), |t| plain_upsample2x(&t[0]));
    }
}
