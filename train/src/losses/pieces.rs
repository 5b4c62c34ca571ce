//! Operations that losses share. Masks are computed from detached values, so the derivatives at kinks are as documented.

use candle_core::{DType, Tensor};

use crate::{Error, Result};

/// The magnitude; the derivative at 0 is 0.
pub(super) fn abs(x: &Tensor) -> Result<Tensor> {
    Ok((x * x.detach().sign()?)?)
}

/// `max(x, 0)`, and NaN where x is; the derivative at 0 is 1, as that of PyTorch's `clamp_min`.
pub(super) fn clamp_at_0(x: &Tensor) -> Result<Tensor> {
    Ok(x.detach().lt(0f64)?.where_cond(&x.zeros_like()?, x)?)
}

/// The values where the mask is not 0; 0 elsewhere, whatever the values are there.
pub(super) fn keep(mask: &Tensor, values: &Tensor) -> Result<Tensor> {
    Ok(mask.where_cond(values, &values.zeros_like()?)?)
}

/// `ln(1 + exp(x)) = m + ln(exp(-m) + exp(x - m))` with `m = max(x, 0)`: no exponent is positive, so nothing overflows.
/// Since m's contributions to the derivative cancel, m is treated as a constant, and the derivative is the logistic
/// function everywhere, including at 0.
pub(super) fn softplus(x: &Tensor) -> Result<Tensor> {
    let m = x.detach().relu()?;
    Ok(((m.neg()?.exp()? + x.sub(&m)?.exp()?)?.log()? + m)?)
}

/// Fails where a loss's argument has another shape than its first.
pub(super) fn check_shape(loss: &str, argument: &str, first: &Tensor, other: &Tensor) -> Result<()> {
    if first.dims() == other.dims() {
        return Ok(());
    }
    Err(Error::Data(format!("{loss}: the {argument} has shape {:?}, the input {:?}", other.dims(), first.dims())))
}

/// Weights broadcast to an input's shape.
pub(super) fn weights_like(loss: &str, argument: &str, weights: &Tensor, input: &Tensor) -> Result<Tensor> {
    constant_like(weights, input)?.broadcast_as(input.shape()).map_err(|_| {
        Error::Data(format!(
            "{loss}: the {argument} has shape {:?}, which cannot be broadcast to the input's {:?}",
            weights.dims(),
            input.dims()
        ))
    })
}

/// The indices of an element of a tensor, by its flat index.
pub(super) fn place(number: usize, dims: &[usize]) -> Vec<usize> {
    let below = |axis: usize| dims[axis + 1..].iter().product::<usize>();
    dims.iter().enumerate().map(|(axis, dim)| number / below(axis) % dim).collect()
}

/// A constant's values in the type and on the device of another tensor.
pub(super) fn constant_like(constant: &Tensor, like: &Tensor) -> Result<Tensor> {
    Ok(constant.detach().to_device(like.device())?.to_dtype(like.dtype())?)
}

/// Numbers as a constant in the type and on the device of another tensor.
pub(super) fn constant(values: Vec<f64>, dims: &[usize], like: &Tensor) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, dims, &candle_core::Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())?)
}

/// Whole numbers, of any integer type and on any device.
pub(super) fn integers(loss: &str, what: &str, tensor: &Tensor) -> Result<Vec<i64>> {
    if !tensor.dtype().is_int() {
        return Err(Error::Data(format!("{loss}: the {what} are {:?}; give whole numbers", tensor.dtype())));
    }
    Ok(tensor.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// The derivative of a function of one float64 at a point.
    pub(in crate::losses) fn slope(at: f64, function: impl Fn(&Tensor) -> Result<Tensor>) -> f64 {
        let x = Var::new(&[at], &Device::Cpu).unwrap();
        let gradients = function(&x).unwrap().sum_all().unwrap().backward().unwrap();
        gradients.get(&x).unwrap().to_vec1::<f64>().unwrap()[0]
    }

    #[test]
    fn kinks_are_pytorchs() {
        assert_eq!([-2.0, 0.0, 2.0].map(|at| slope(at, abs)), [-1.0, 0.0, 1.0]);
        assert_eq!([-2.0, 0.0, 2.0].map(|at| slope(at, clamp_at_0)), [0.0, 1.0, 1.0]);
        assert_eq!([-1e4, 0.0, 1e4].map(|at| slope(at, softplus)), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn places_are_row_by_row() {
        assert_eq!((place(7, &[2, 2, 3]), place(4, &[5]), place(0, &[])), (vec![1, 0, 1], vec![4], vec![]));
    }
}
