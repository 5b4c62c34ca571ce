//! The cosine embedding loss: PyTorch's `CosineEmbeddingLoss`. Its golden cases are `loss/cosine_embedding_*`.

use candle_core::{D, Tensor};

use super::Reduction;
use super::pieces::{check_shape, clamp_at_0, constant_like, keep};
use crate::{Error, Result};

/// Added to the squared lengths, as in PyTorch.
const EPSILON: f64 = 1e-12;

/// `1 - cos(a, b)` where the target is 1, `max(0, cos(a, b) - margin)` where it is -1, for vectors along the last
/// dimension of a and b; the target has the dimensions before it. a and b have gradients.
#[doc(alias = "CosineEmbeddingLoss")]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CosineEmbedding {
    /// The cosine up to which dissimilar vectors have no loss, in [-1, 1]; 0 by default.
    pub margin: f64,
    /// The reduction.
    pub reduction: Reduction,
}

impl CosineEmbedding {
    /// The loss.
    pub fn compute(&self, a: &Tensor, b: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape("cosine_embedding", "second input", a, b)?;
        if a.rank() == 0 || target.dims() != &a.dims()[..a.rank() - 1] {
            return Err(Error::Data(format!(
                "cosine_embedding: the target has shape {:?}, the inputs {:?}; it needs theirs without the last one",
                target.dims(),
                a.dims()
            )));
        }
        let target = constant_like(target, a)?;
        let length = |x: &Tensor| x.sqr()?.sum(D::Minus1)? + EPSILON;
        let cosine = ((a * b)?.sum(D::Minus1)? / (length(a)? * length(b)?)?.sqrt()?)?;
        let like = keep(&target.eq(1f64)?, &(1.0 - &cosine)?)?;
        let unlike = keep(&target.eq(-1f64)?, &clamp_at_0(&(cosine - self.margin)?)?)?;
        self.reduction.of((like + unlike)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let target = normal(&[6], 3).sign().unwrap();
        let loss = CosineEmbedding { margin: 0.1, ..Default::default() };
        check(&[normal(&[6, 4], 1), normal(&[6, 4], 2)], |t| loss.compute(&t[0], &t[1], &target));
    }
}
