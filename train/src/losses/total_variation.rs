//! Total variation: the differences between neighbouring pixels.

use candle_core::Tensor;

use super::pieces::abs;
use crate::Result;

/// The sum over all pixels of `[batch, channel, height, width]` of `|x - the one below| + |x - the one to the right|`.
pub fn total_variation(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let along = |dim: usize, size: usize| {
        let difference = (x.narrow(dim, 1, size - 1)? - x.narrow(dim, 0, size - 1)?)?;
        Ok::<_, crate::Error>(abs(&difference)?.sum_all()?)
    };
    Ok((along(2, height)? + along(3, width)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        check(&[normal(&[2, 2, 3, 4], 1)], |t| total_variation(&t[0]));
    }

    #[test]
    fn is_a_sum() {
        let x = Tensor::new(&[[0f64, 1.0], [3.0, 1.0]], &Device::Cpu).unwrap().reshape((1, 1, 2, 2)).unwrap();
        assert_eq!(total_variation(&x).unwrap().to_scalar::<f64>().unwrap(), 3.0 + 0.0 + 1.0 + 2.0);
        let one = Tensor::ones((1, 1, 1, 1), candle_core::DType::F64, &Device::Cpu).unwrap();
        assert_eq!(total_variation(&one).unwrap().to_scalar::<f64>().unwrap(), 0.0);
    }
}
