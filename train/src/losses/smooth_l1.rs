//! The smooth absolute error (Girshick 2015, arXiv 1504.08083).
//!
//! PyTorch's `SmoothL1Loss`. Its golden cases are `loss/smooth_l1_*`.

use candle_core::Tensor;

use super::pieces::{abs, check_shape};
use super::{Reduction, l1};
use crate::{Error, Result};

/// For `d = |input - target|`: `d^2 / (2 beta)` where d is below beta, else `d - beta / 2`. Any shape; both arguments
/// have gradients.
#[doc(alias = "SmoothL1Loss")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothL1 {
    /// The difference at which the loss becomes linear, at least 0; at 0 it is the absolute error. 1 by default.
    pub beta: f64,
    /// The reduction.
    pub reduction: Reduction,
}

impl Default for SmoothL1 {
    fn default() -> Self {
        Self { beta: 1.0, reduction: Reduction::default() }
    }
}

impl SmoothL1 {
    /// The loss.
    pub fn compute(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let Self { beta, reduction } = *self;
        if beta == 0.0 {
            return l1(input, target, reduction);
        }
        if !(beta > 0.0 && beta.is_finite()) {
            return Err(Error::Config(format!("smooth_l1: beta is {beta}; give a finite number of at least 0")));
        }
        check_shape("smooth_l1", "target", input, target)?;
        let error = (input - target)?;
        let distance = abs(&error)?;
        let near = distance.detach().lt(beta)?;
        reduction.of(near.where_cond(&(error.sqr()? * (0.5 / beta))?, &(distance - 0.5 * beta)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::slope;
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let loss = SmoothL1 { beta: 0.7, ..Default::default() };
        check(&[normal(&[3, 4], 1), normal(&[3, 4], 2)], |t| loss.compute(&t[0], &t[1]));
        assert_eq!(slope(1.0, |x| SmoothL1::default().compute(x, &x.zeros_like()?)), 1.0);
    }
}
