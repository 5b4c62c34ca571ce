//! Bilinear enlargement.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;

use super::linear_map::{self, LinearMap};
use crate::{Error, Result};
use easel_kernels::gradients::Float;
use easel_kernels::gradients::bilinear::{Tap, interpolate, interpolate_adjoint};

/// A part of a picture's enlargement, which may extend into its reflection padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enlarged {
    /// The whole enlargement's rows and columns; at least the picture's own.
    pub size: [usize; 2],
    /// The rows to compute. Rows outside of the enlargement are its reflection.
    pub rows: Range<isize>,
    /// The columns to compute, likewise.
    pub columns: Range<isize>,
}

/// Enlarges pictures `[batch, channel, height, width]` as PyTorch's `interpolate(mode="bilinear")` does, corners not
/// aligned, and gives a part of the result. Fails where that part is empty or larger than the reflection, or where a side
/// would shrink.
pub fn enlarge(x: &Tensor, to: &Enlarged) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let Enlarged { size, rows, columns } = to;
    let within = |range: &Range<isize>, size: usize| {
        let size = size as isize;
        !range.is_empty() && range.start > -size && range.end < 2 * size
    };
    if size[0] < height || size[1] < width || !within(rows, size[0]) || !within(columns, size[1]) {
        return Err(Error::Config(format!(
            "{to:?} is not a part of an enlargement of a picture of {height} rows and {width} columns"
        )));
    }
    let (rows, columns) = (taps(height, size[0], rows), taps(width, size[1], columns));
    if x.device().is_cpu() {
        let map = Bilinear { dims: [batch, channels, height, width], rows, columns };
        Ok(linear_map::apply(Arc::new(map), x)?)
    } else {
        plain(x, &rows, &columns)
    }
}

fn taps(from: usize, to: usize, range: &Range<isize>) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let last = to as isize - 1;
    range
        .clone()
        .map(|at| {
            let at = last - (last - at.abs()).abs();
            let place = ((at as f64 + 0.5) * scale - 0.5).max(0.0);
            let low = (place as usize).min(from - 1);
            let high = (low + 1).min(from - 1);
            Tap { low, high, share: if high > low { place - low as f64 } else { 0.0 } }
        })
        .collect()
}

/// By products with the matrices of rows and of columns.
fn plain(x: &Tensor, rows: &[Tap], columns: &[Tap]) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let matrix = |taps: &[Tap], size: usize| {
        let mut values = vec![0.0; taps.len() * size];
        for (line, tap) in values.chunks_exact_mut(size).zip(taps) {
            line[tap.low] += 1.0 - tap.share;
            line[tap.high] += tap.share;
        }
        Tensor::from_vec(values, (taps.len(), size), x.device())?.to_dtype(x.dtype())
    };
    let (rows, columns) = (matrix(rows, height)?, matrix(columns, width)?);
    Ok(rows.broadcast_matmul(&x.contiguous()?.broadcast_matmul(&columns.t()?.contiguous()?)?)?)
}

struct Bilinear {
    dims: [usize; 4],
    rows: Vec<Tap>,
    columns: Vec<Tap>,
}

impl LinearMap for Bilinear {
    const NAME: &'static str = "bilinear";

    fn input_dims(&self) -> Vec<usize> {
        self.dims.to_vec()
    }

    fn output_dims(&self) -> Vec<usize> {
        vec![self.dims[0], self.dims[1], self.rows.len(), self.columns.len()]
    }

    fn forward<T: Float>(&self, input: &[T]) -> Vec<T> {
        interpolate(input, [self.dims[2], self.dims[3]], &self.rows, &self.columns)
    }

    fn adjoint<T: Float>(&self, output: &[T]) -> Vec<T> {
        interpolate_adjoint(output, [self.dims[2], self.dims[3]], &self.rows, &self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};
    use candle_core::Device;

    fn whole(size: [usize; 2]) -> Enlarged {
        Enlarged { size, rows: 0..size[0] as isize, columns: 0..size[1] as isize }
    }

    #[test]
    fn derivatives() {
        let x = [normal(&[1, 2, 3, 4], 1)];
        let part = Enlarged { size: [5, 4], rows: 1..4, columns: 2..4 };
        let around = Enlarged { size: [6, 8], rows: -3..8, columns: -7..15 };
        for to in [whole([6, 8]), part, around] {
            check(&x, |t| enlarge(&t[0], &to));
            let (rows, columns) = (taps(3, to.size[0], &to.rows), taps(4, to.size[1], &to.columns));
            assert_same(&x, |t| enlarge(&t[0], &to), |t| plain(&t[0], &rows, &columns));
        }
    }

    /// `torch.nn.functional.interpolate(torch.tensor([[[[0., 1., 4.]]]]), size=(2, 6), mode="bilinear")`.
    #[test]
    fn is_pytorchs() {
        let x = Tensor::new(&[[[[0f32, 1.0, 4.0]]]], &Device::Cpu).unwrap();
        let enlarged = enlarge(&x, &whole([2, 6])).unwrap();
        let row = [0.0, 0.25, 0.75, 1.75, 3.25, 4.0];
        assert_eq!(enlarged.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [row, row].concat());
        assert_eq!(
            enlarge(&x, &whole([1, 3])).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [0.0, 1.0, 4.0]
        );
    }

    #[test]
    fn beyond_the_border_lies_its_reflection() {
        let x = Tensor::new(&[[[[0f32, 1.0, 4.0]]]], &Device::Cpu).unwrap();
        let around = enlarge(&x, &Enlarged { size: [1, 3], rows: 0..1, columns: -2..5 }).unwrap();
        assert_eq!(around.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [4.0, 1.0, 0.0, 1.0, 4.0, 1.0, 0.0]);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let x = normal(&[1, 1, 4, 4], 1);
        assert!(enlarge(&x, &whole([3, 8])).is_err());
        assert!(enlarge(&x, &Enlarged { size: [8, 8], rows: 0..16, columns: 0..8 }).is_err());
        assert!(enlarge(&x, &Enlarged { size: [8, 8], rows: -8..8, columns: 0..8 }).is_err());
        assert!(enlarge(&x, &Enlarged { size: [8, 8], rows: 3..3, columns: 0..8 }).is_err());
    }
}
