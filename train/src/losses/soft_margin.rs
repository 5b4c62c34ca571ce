//! The soft margin loss: PyTorch's `SoftMarginLoss`. Its golden cases are `loss/soft_margin_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, constant_like, softplus};
use crate::Result;

/// `ln(1 + exp(-y x))` for targets y of 1 and -1 and the shape of x; nothing overflows.
#[doc(alias = "SoftMarginLoss")]
pub fn soft_margin(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    check_shape("soft_margin", "target", input, target)?;
    reduction.of(softplus(&(input * constant_like(target, input)?)?.neg()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let target = normal(&[3, 4], 2).sign().unwrap();
        check(&[normal(&[3, 4], 1)], |t| soft_margin(&t[0], &target, Reduction::Mean));
    }
}
