//! Binary cross-entropy from logits: PyTorch's `BCEWithLogitsLoss`. Its golden cases are `loss/bce_logits_*`.

use candle_core::Tensor;

use super::Reduction;
use super::pieces::{check_shape, constant_like, softplus, weights_like};
use crate::Result;

const NAME: &str = "bce_with_logits";

/// The mean over all elements of `softplus(x) - x * target`, which is `-target ln s(x) - (1 - target) ln(1 - s(x))`
/// for the logistic function s. No logit overflows, and the gradient is `s(x) - target` everywhere.
pub fn bce_with_logits(logits: &Tensor, target: f64) -> Result<Tensor> {
    Ok((softplus(logits)? - (logits * target)?)?.mean_all()?)
}

/// `-w (p target ln s(x) + (1 - target) ln(1 - s(x)))` for the logistic function s, where every element of x has a
/// target in [0, 1] of its own.
#[doc(alias = "BCEWithLogitsLoss")]
#[derive(Debug, Clone, Default)]
pub struct BceWithLogits {
    /// The weights w, of a shape that can be broadcast to the logits'; 1 by default.
    pub weight: Option<Tensor>,
    /// The weights p of the positive part, of such a shape; 1 by default.
    pub pos_weight: Option<Tensor>,
    /// The reduction.
    pub reduction: Reduction,
}

impl BceWithLogits {
    /// The loss.
    pub fn compute(&self, logits: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape(NAME, "target", logits, target)?;
        let target = constant_like(target, logits)?;
        let mut values = match &self.pos_weight {
            None => (softplus(logits)? - (logits * &target)?)?,
            Some(positive) => {
                let positive = weights_like(NAME, "pos_weight", positive, logits)?;
                let slope = ((&target * (positive - 1.0)?)? + 1.0)?;
                ((logits * (1.0 - &target)?)? + (softplus(&logits.neg()?)? * slope)?)?
            }
        };
        if let Some(weight) = &self.weight {
            values = (values * weights_like(NAME, "weight", weight, logits)?)?;
        }
        self.reduction.of(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::{Device, Var};

    fn loss_and_gradient(logit: f64, target: f64) -> (f64, f64) {
        let x = Var::new(&[logit], &Device::Cpu).unwrap();
        let loss = bce_with_logits(&x, target).unwrap();
        let gradient = loss.backward().unwrap().get(&x).unwrap().to_vec1::<f64>().unwrap()[0];
        (loss.to_scalar().unwrap(), gradient)
    }

    #[test]
    fn large_logits_do_not_overflow() {
        assert_eq!(loss_and_gradient(1e4, 0.0), (1e4, 1.0));
        assert_eq!(loss_and_gradient(-1e4, 0.0), (0.0, 0.0));
        assert_eq!(loss_and_gradient(-1e4, 1.0), (1e4, -1.0));
    }

    #[test]
    fn gradient_is_sigmoid_minus_target() {
        for logit in [-3.0, -0.5, 0.0, 0.25, 7.0] {
            for target in [0.0, 0.3, 1.0] {
                let (_, gradient) = loss_and_gradient(logit, target);
                let expected = 1.0 / (1.0 + (-logit).exp()) - target;
                assert!((gradient - expected).abs() < 1e-12, "{logit} {target}: {gradient} {expected}");
            }
        }
    }

    #[test]
    fn derivatives() {
        let target = crate::ops::activation::sigmoid(&normal(&[3, 4], 2)).unwrap();
        let plain = BceWithLogits { weight: Some(normal(&[3, 1], 3)), ..Default::default() };
        let weighted = BceWithLogits { pos_weight: Some(normal(&[4], 3)), ..plain.clone() };
        for loss in [plain, weighted] {
            check(&[normal(&[3, 4], 1)], |t| loss.compute(&t[0], &target));
        }
    }

    #[test]
    fn one_target_for_all_is_the_same() {
        let logits = normal(&[3, 4], 1);
        let target = logits.ones_like().unwrap().affine(0.3, 0.0).unwrap();
        let [all, one] = [BceWithLogits::default().compute(&logits, &target), bce_with_logits(&logits, 0.3)]
            .map(|loss| loss.unwrap().to_scalar::<f64>().unwrap());
        assert!((all - one).abs() < 1e-14);
    }
}
