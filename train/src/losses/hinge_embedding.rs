//! The hinge embedding loss: PyTorch's `HingeEmbeddingLoss`. Its golden cases are `loss/hinge_embedding_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, clamp_at_0, constant_like, keep};
use crate::Result;

/// `x` where the target is 1, `max(0, margin - x)` where it is -1, for distances x. One shape.
#[doc(alias = "HingeEmbeddingLoss")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HingeEmbedding {
    /// The distance from which dissimilar pairs have no loss; 1 by default.
    pub margin: f64,
    /// The reduction.
    pub reduction: Reduction,
}

impl Default for HingeEmbedding {
    fn default() -> Self {
        Self { margin: 1.0, reduction: Reduction::default() }
    }
}

impl HingeEmbedding {
    /// The loss.
    pub fn compute(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape("hinge_embedding", "target", input, target)?;
        let target = constant_like(target, input)?;
        let unlike = clamp_at_0(&input.affine(-1.0, self.margin)?)?;
        // As in PyTorch, a target that is neither 1 nor -1 gets both terms.
        self.reduction.of((keep(&target.ne(1f64)?, &unlike)? + keep(&target.ne(-1f64)?, input)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::slope;
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let target = normal(&[3, 4], 2).sign().unwrap();
        check(&[normal(&[3, 4], 1)], |t| HingeEmbedding::default().compute(&t[0], &target));
        assert_eq!(slope(1.0, |x| HingeEmbedding::default().compute(x, &x.ones_like()?.neg()?)), -1.0);
    }
}
