//! Binary cross-entropy from logits.

use candle_core::Tensor;

use crate::Result;

/// The mean over all elements of `softplus(x) - x * target`, which is `-target ln s(x) - (1 - target) ln(1 - s(x))`
/// for the logistic function s.
///
/// `softplus(x) = m + ln(exp(-m) + exp(x - m))` with `m = max(x, 0)`: no exponent is positive, so no logit overflows.
/// As m's contributions to the derivative cancel, it is taken as a constant, and the gradient is `s(x) - target`
/// everywhere, 0 included.
pub fn bce_with_logits(logits: &Tensor, target: f64) -> Result<Tensor> {
    let m = logits.detach().relu()?;
    let softplus = ((m.neg()?.exp()? + logits.sub(&m)?.exp()?)?.log()? + m)?;
    Ok((softplus - (logits * target)?)?.mean_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
