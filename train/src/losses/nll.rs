//! The negative log-likelihood of class labels: PyTorch's `NLLLoss`. Its golden cases are `loss/nll_*`.

use candle_core::Tensor;

use super::Reduction;
use super::labels::Labels;
use super::pieces::keep;
use crate::Result;

/// `-w[y] x[y]` for log-probabilities x of `[batch, classes, ...]` and labels y of `[batch, ...]`. The mean is
/// weighted: the sum over the sum of `w[y]`.
#[doc(alias = "NLLLoss")]
#[derive(Debug, Clone, Default)]
pub struct Nll {
    /// The weights w of the classes; 1 by default.
    pub weight: Option<Tensor>,
    /// A label whose elements have loss and weight 0; none by default (PyTorch's default is -100).
    pub ignore_index: Option<i64>,
    /// The reduction.
    pub reduction: Reduction,
}

impl Nll {
    /// The loss. Fails on a label that is not a class.
    pub fn compute(&self, log_probabilities: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let labels = Labels::new("nll", labels, log_probabilities, self.ignore_index)?;
        let weights = labels.weights("nll", self.weight.as_ref(), log_probabilities)?;
        let mut values = (labels.pick(log_probabilities)?.neg()? * &weights)?;
        if let Some(counted) = &labels.counted {
            values = keep(counted, &values)?;
        }
        reduce_weighted(self.reduction, values, &weights)
    }
}

/// Reduces weighted values; the mean is divided by the sum of the weights.
pub(super) fn reduce_weighted(reduction: Reduction, values: Tensor, weights: &Tensor) -> Result<Tensor> {
    match reduction {
        Reduction::Mean => Ok((values.sum_all()? / weights.sum_all()?)?),
        other => other.of(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        let labels = Tensor::new(&[[2i64, 0], [-1, 1]], &Device::Cpu).unwrap();
        let loss = Nll { weight: Some(normal(&[3], 2).sqr().unwrap()), ignore_index: Some(-1), ..Default::default() };
        check(&[normal(&[2, 3, 2], 1)], |t| loss.compute(&t[0], &labels));
    }
}
