//! The Huber loss (Huber 1964): PyTorch's `HuberLoss`. Its golden cases are `loss/huber_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{abs, check_shape};
use crate::{Error, Result};

/// For `d = |input - target|`: `d^2 / 2` where d is below delta, else `delta (d - delta / 2)`. Any shape; both
/// arguments have gradients.
#[doc(alias = "HuberLoss")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    /// The difference at which the loss becomes linear, above 0; 1 by default.
    pub delta: f64,
    /// The reduction.
    pub reduction: Reduction,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0, reduction: Reduction::default() }
    }
}

impl Huber {
    /// The loss.
    pub fn compute(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let Self { delta, reduction } = *self;
        if !(delta > 0.0 && delta.is_finite()) {
            return Err(Error::Config(format!("huber: delta is {delta}; give a finite number above 0")));
        }
        check_shape("huber", "target", input, target)?;
        let error = (input - target)?;
        let distance = abs(&error)?;
        let near = distance.detach().lt(delta)?;
        let far = ((distance - 0.5 * delta)? * delta)?;
        reduction.of(near.where_cond(&(error.sqr()? * 0.5)?, &far)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let loss = Huber { delta: 0.7, ..Default::default() };
        check(&[normal(&[3, 4], 1), normal(&[3, 4], 2)], |t| loss.compute(&t[0], &t[1]));
    }
}
