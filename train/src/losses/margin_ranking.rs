//! The margin ranking loss: PyTorch's `MarginRankingLoss`. Its golden cases are `loss/margin_ranking_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, clamp_at_0, constant_like};
use crate::Result;

/// `max(0, margin - y (a - b))` with y = 1 where a should rank higher and y = -1 where b should. One shape; a and b have
/// gradients.
#[doc(alias = "MarginRankingLoss")]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MarginRanking {
    /// The margin by which it should rank higher; 0 by default.
    pub margin: f64,
    /// The reduction.
    pub reduction: Reduction,
}

impl MarginRanking {
    /// The loss.
    pub fn compute(&self, a: &Tensor, b: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape("margin_ranking", "second input", a, b)?;
        check_shape("margin_ranking", "target", a, target)?;
        let lead = ((a - b)? * constant_like(target, a)?)?;
        self.reduction.of(clamp_at_0(&lead.affine(-1.0, self.margin)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::slope;
    use super::*;
    use crate::ops::finite_differences::{check, normal};

    #[test]
    fn derivatives() {
        let target = normal(&[9], 3).sign().unwrap();
        let loss = MarginRanking { margin: 0.5, ..Default::default() };
        check(&[normal(&[9], 1), normal(&[9], 2)], |t| loss.compute(&t[0], &t[1], &target));
        let at_the_kink = slope(0.0, |x| MarginRanking::default().compute(x, &x.zeros_like()?, &x.ones_like()?));
        assert_eq!(at_the_kink, -1.0);
    }
}
