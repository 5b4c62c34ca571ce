//! Products of a matrix with its own transpose.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::on_floats;
use crate::Result;
use easel_kernels::gradients::Float;
use easel_kernels::gradients::matmul::{View, matmul};

/// `scale x x^T` of every matrix of x `[batch, rows, columns]`.
pub fn gram_product(x: &Tensor, scale: f64) -> Result<Tensor> {
    if x.device().is_cpu() {
        let (batch, rows, columns) = x.dims3()?;
        Ok(x.contiguous()?.apply_op1(Gram { dims: [batch, rows, columns], scale })?)
    } else {
        Ok((x.matmul(&x.transpose(1, 2)?)? * scale)?)
    }
}

struct Gram {
    dims: [usize; 3],
    scale: f64,
}

impl CustomOp1 for Gram {
    fn name(&self) -> &'static str {
        "gram"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let [batch, rows, _] = self.dims;
        let result = on_floats!(self.name(), [x = (x, layout)], products(self.dims, x, self.scale));
        Ok((result, (batch, rows, rows).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let both = ((gradient + gradient.transpose(1, 2)?)? * self.scale)?;
        Ok(Some(both.matmul(x)?))
    }
}

/// The columns are divided into a fixed number of runs, whatever the number of threads, whose products are added in order.
fn products<T: Float>([batch, rows, columns]: [usize; 3], x: &[T], scale: f64) -> Vec<T> {
    const RUN: usize = 1 << 13;
    let runs = columns.div_ceil(RUN);
    let parts: Vec<Vec<T>> = (0..batch * runs)
        .into_par_iter()
        .map(|index| {
            let (picture, first) = (index / runs, index % runs * RUN);
            let matrix = View::rows(&x[picture * rows * columns + first..], columns);
            let mut product = vec![T::ZERO; rows * rows];
            let length = RUN.min(columns - first);
            matmul([rows, rows, length], &mut product, rows, false, matrix, matrix.transposed());
            product
        })
        .collect();
    let mut result = vec![T::ZERO; batch * rows * rows];
    for (index, part) in parts.iter().enumerate() {
        let to = &mut result[index / runs * rows * rows..][..rows * rows];
        to.iter_mut().zip(part).for_each(|(to, from)| *to += *from);
    }
    let scale = T::from_f64(scale);
    result.iter_mut().for_each(|value| *value *= scale);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{assert_same, check, normal};

    #[test]
    fn derivatives() {
        let x = [normal(&[2, 3, 5], 1)];
        check(&x, |t| gram_product(&t[0], 0.3));
        assert_same(&x, |t| gram_product(&t[0], 0.3), |t| Ok((t[0].matmul(&t[0].transpose(1, 2)?)? * 0.3)?));
    }

    #[test]
    fn long_rows_are_added_up_in_runs() {
        let x = [normal(&[1, 2, 20_001], 1)];
        assert_same(&x, |t| gram_product(&t[0], 1e-3), |t| Ok((t[0].matmul(&t[0].transpose(1, 2)?)? * 1e-3)?));
    }
}
