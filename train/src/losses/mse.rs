//! The squared error: PyTorch's `MSELoss`. Its golden cases are `loss/mse_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::check_shape;
use crate::Result;

/// `(input - target)^2`, of any shape. Both arguments have gradients.
#[doc(alias = "MSELoss")]
pub fn mse(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    check_shape("mse", "target", input, target)?;
    reduction.of((input - target)?.sqr()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum, Reduction::BatchMean] {
            check(&[normal(&[3, 4], 1), normal(&[3, 4], 2)], |t| mse(&t[0], &t[1], reduction));
        }
    }

    #[test]
    fn shapes_are_not_stretched() {
        let error = mse(&normal(&[3, 4], 1), &normal(&[4], 2), Reduction::Mean).unwrap_err().to_string();
        assert!(error.contains("the target has shape [4], the input [3, 4]"), "{error}");
    }
}
