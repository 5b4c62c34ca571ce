//! The absolute error: PyTorch's `L1Loss`. Its golden cases are `loss/l1_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{abs, check_shape};
use crate::Result;

/// `|input - target|`, of any shape; the derivative is 0 where they are equal. Both arguments have gradients.
#[doc(alias = "L1Loss")]
pub fn l1(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    check_shape("l1", "target", input, target)?;
    reduction.of(abs(&(input - target)?)?)
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::slope;
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        check(&[normal(&[3, 4], 1), normal(&[3, 4], 2)], |t| l1(&t[0], &t[1], Reduction::Mean));
        assert_eq!(slope(0.3, |x| l1(x, &x.detach(), Reduction::Sum)), 0.0);
    }
}
