//! The negative log-likelihood of counts from Poisson distributions.
//!
//! PyTorch's `PoissonNLLLoss`. Its golden cases are `loss/poisson_nll_*`.

use std::f64::consts::PI;

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, constant_like, keep};
use crate::Result;

/// `exp(x) - target x` for an input x that is the logarithm of the rate, `x - target ln(x + eps)` for the rate itself; as
/// in PyTorch, a rate is infinite in float32 where its logarithm is above 88. Any shape.
#[doc(alias = "PoissonNLLLoss")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoissonNll {
    /// Whether the input is the logarithm of the rate; true by default.
    pub log_input: bool,
    /// Whether Stirling's approximation of `ln(target!)`, `t ln t - t + ln(2 pi t) / 2`, is added for targets above 1;
    /// false by default.
    pub full: bool,
    /// Added to a rate before its logarithm is taken; 1e-8 by default.
    pub eps: f64,
    /// The reduction.
    pub reduction: Reduction,
}

impl Default for PoissonNll {
    fn default() -> Self {
        Self { log_input: true, full: false, eps: 1e-8, reduction: Reduction::default() }
    }
}

impl PoissonNll {
    /// The loss.
    pub fn compute(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape("poisson_nll", "target", input, target)?;
        let target = constant_like(target, input)?;
        let mut values = if self.log_input {
            (input.exp()? - (&target * input)?)?
        } else {
            (input - (&target * (input + self.eps)?.log()?)?)?
        };
        if self.full {
            let stirling = ((&target * target.log()?)? - &target)? + ((&target * (2.0 * PI))?.log()? * 0.5)?;
            values = (values + keep(&target.gt(1f64)?, &stirling?)?)?;
        }
        self.reduction.of(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let target = (normal(&[3, 4], 2).abs().unwrap() * 4.0).unwrap().floor().unwrap();
        check(&[normal(&[3, 4], 1)], |t| PoissonNll { full: true, ..Default::default() }.compute(&t[0], &target));
        let rates = PoissonNll { log_input: false, full: true, ..Default::default() };
        check(&[normal(&[3, 4], 1)], |t| rates.compute(&t[0].exp()?, &target));
    }
}
