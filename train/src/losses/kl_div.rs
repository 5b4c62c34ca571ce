//! The Kullback-Leibler divergence: PyTorch's `KLDivLoss`. Its golden cases are `loss/kl_div_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, constant_like, keep};
use crate::Result;

/// `t (ln t - x)` for log-probabilities x and probabilities t of one shape; 0 where t is 0.
///
/// [`Reduction::BatchMean`] gives the divergence as it is defined; the default mean is over all elements.
#[doc(alias = "KLDivLoss")]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KlDiv {
    /// Whether the target is `ln t`; false by default.
    pub log_target: bool,
    /// The reduction.
    pub reduction: Reduction,
}

impl KlDiv {
    /// The loss.
    pub fn compute(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape("kl_div", "target", input, target)?;
        let target = constant_like(target, input)?;
        let values = if self.log_target {
            (target.exp()? * (&target - input)?)?
        } else {
            let entropy = keep(&target.gt(0f64)?, &(&target * target.log()?)?)?;
            (entropy - (&target * input)?)?
        };
        self.reduction.of(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        let target = normal(&[3, 4], 2).sqr().unwrap();
        let probabilities = KlDiv { log_target: false, reduction: Reduction::BatchMean };
        check(&[normal(&[3, 4], 1)], |t| probabilities.compute(&t[0], &target));
        let logarithms = KlDiv { log_target: true, ..Default::default() };
        check(&[normal(&[3, 4], 1)], |t| logarithms.compute(&t[0], &target));
    }

    #[test]
    fn what_is_impossible_costs_nothing() {
        let [input, target] = [[-1.0, -2.0], [0.0, 1.0]].map(|values| Tensor::new(&values, &Device::Cpu).unwrap());
        let loss = KlDiv { reduction: Reduction::None, ..Default::default() }.compute(&input, &target).unwrap();
        assert_eq!(loss.to_vec1::<f64>().unwrap(), [0.0, 2.0]);
    }
}
