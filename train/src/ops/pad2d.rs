//! Padding by mirroring, repeating or wrapping.

use std::sync::Arc;

use candle_core::Tensor;

use super::linear_map::{self, LinearMap};
use crate::{Error, Result};
pub use easel_kernels::gradients::pad2d::PadMode;
use easel_kernels::gradients::{Float, pad2d};

/// Rows and columns added on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Above and below.
    pub rows: [usize; 2],
    /// Left and right.
    pub columns: [usize; 2],
}

impl Padding {
    /// The same on all four sides.
    pub fn all(padding: usize) -> Self {
        Self { rows: [padding; 2], columns: [padding; 2] }
    }
}

/// Pads pictures `[batch, channel, height, width]`. Fails where the padding is too large for the mode.
pub fn pad2d(x: &Tensor, padding: Padding, mode: PadMode) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let fits = |size, [before, after]: [usize; 2]| mode.allows(size, before.max(after));
    if !fits(height, padding.rows) || !fits(width, padding.columns) {
        return Err(Error::Config(format!("a picture of {width}x{height} is too small for {mode:?} by {padding:?}")));
    }
    let (rows, columns) = (mode.sources(height, padding.rows), mode.sources(width, padding.columns));
    if x.device().is_cpu() {
        let map = Pad { dims: [batch, channels, height, width], rows, columns };
        Ok(linear_map::apply(Arc::new(map), x)?)
    } else {
        plain(x, &rows, &columns)
    }
}

fn plain(x: &Tensor, rows: &[usize], columns: &[usize]) -> Result<Tensor> {
    let indices = |sources: &[usize]| {
        let sources: Vec<u32> = sources.iter().map(|&source| source as u32).collect();
        Tensor::new(sources, x.device())
    };
    Ok(x.contiguous()?.index_select(&indices(rows)?, 2)?.index_select(&indices(columns)?, 3)?)
}

struct Pad {
    dims: [usize; 4],
    rows: Vec<usize>,
    columns: Vec<usize>,
}

impl LinearMap for Pad {
    const NAME: &'static str = "pad2d";

    fn input_dims(&self) -> Vec<usize> {
        self.dims.to_vec()
    }

    fn output_dims(&self) -> Vec<usize> {
        vec![self.dims[0], self.dims[1], self.rows.len(), self.columns.len()]
    }

    fn forward<T: Float>(&self, input: &[T]) -> Vec<T> {
        pad2d::gather(input, [self.dims[2], self.dims[3]], &self.rows, &self.columns)
    }

    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T> {
        pad2d::scatter_add(output, [self.dims[2], self.dims[3]], &self.rows, &self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};

    #[test]
    fn derivatives() {
        let x = [normal(&[1, 2, 4, 3], 1)];
        let padding = Padding { rows: [2, 1], columns: [0, 2] };
        for mode in [PadMode::Reflect, PadMode::Replicate, PadMode::Circular] {
            check(&x, |t| pad2d(&t[0], padding, mode));
            let (rows, columns) = (mode.sources(4, padding.rows), mode.sources(3, padding.columns));
            assert_same(&x, |t| pad2d(&t[0], padding, mode), |t| plain(&t[0], &rows, &columns));
        }
    }

    #[test]
    fn too_far_is_refused() {
        let x = normal(&[1, 1, 2, 3], 1);
        assert!(pad2d(&x, Padding::all(2), PadMode::Reflect).is_err());
        assert!(pad2d(&x, Padding::all(3), PadMode::Circular).is_err());
        assert_eq!(pad2d(&x, Padding::all(9), PadMode::Replicate).unwrap().dims(), [1, 1, 20, 21]);
    }
}
