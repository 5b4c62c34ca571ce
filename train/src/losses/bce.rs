//! Binary cross-entropy from probabilities.
//!
//! PyTorch's `BCELoss`. Its golden cases are `loss/bce_[mnsw]*`.

use candle_core::{DType, Tensor};

use super::Reduction;
use super::pieces::{check_shape, constant_like, place, weights_like};
use crate::{Error, Result};

const NAME: &str = "bce";

/// The smallest `x (1 - x)` in the derivative, as in PyTorch.
const SMALLEST: f64 = 1e-12;

/// `-w (target ln x + (1 - target) ln(1 - x))` with logarithms of at least -100, for x in [0, 1] and targets of its
/// shape. The derivative is `w (x - target) / max(x (1 - x), 1e-12)`.
///
/// [`BceWithLogits`](super::BceWithLogits) is the better choice where there are logits.
#[doc(alias = "BCELoss")]
#[derive(Debug, Clone, Default)]
pub struct Bce {
    /// The weights w, of a shape that can be broadcast to the input's; 1 by default.
    pub weight: Option<Tensor>,
    /// The reduction.
    pub reduction: Reduction,
}

impl Bce {
    /// The loss. Fails where an input is not a probability.
    pub fn compute(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_shape(NAME, "target", input, target)?;
        check_probabilities(input)?;
        let target = constant_like(target, input)?;
        let rest = (1.0 - &target)?;
        let fixed = input.detach();
        let inside = (&fixed * (1.0 - &fixed)?)?.ge(SMALLEST)?;

        // Away from the ends the loss itself; at the ends its value with the bounded derivative.
        let safe = inside.where_cond(input, &input.ones_like()?.affine(0.5, 0.0)?)?;
        let smooth = ((&target * safe.log()?)? + (&rest * (1.0 - &safe)?.log()?)?)?.neg()?;
        let value = ((&target * bounded_log(&fixed)?)? + (&rest * bounded_log(&(1.0 - &fixed)?)?)?)?.neg()?;
        let slope = ((&fixed - &target)? / SMALLEST)?;
        let end = (value + ((input - &fixed)? * slope)?)?;
        let mut values = inside.where_cond(&smooth, &end)?;
        if let Some(weight) = &self.weight {
            values = (values * weights_like(NAME, "weight", weight, input)?)?;
        }
        self.reduction.of(values)
    }
}

/// Fails where an element is outside of [0, 1] or NaN.
fn check_probabilities(input: &Tensor) -> Result<()> {
    let input = input.detach();
    let wrong = (input.ge(0f64)? * input.le(1f64)?)?.eq(0u8)?.flatten_all()?.to_vec1::<u8>()?;
    let Some(bad) = wrong.iter().position(|wrong| *wrong == 1) else { return Ok(()) };
    let value = input.flatten_all()?.get(bad)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    Err(Error::Data(format!(
        "{NAME}: the input at {:?} is {value}, not a probability from 0 to 1; use BceWithLogits for logits",
        place(bad, input.dims())
    )))
}

/// `max(ln x, -100)`.
fn bounded_log(x: &Tensor) -> Result<Tensor> {
    Ok(x.log()?.maximum(-100f64)?)
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::slope;
    use super::*;
    use crate::ops::finite_differences::{check, normal};
    use candle_core::Device;

    #[test]
    fn derivatives() {
        let target = normal(&[3, 4], 2).sqr().unwrap();
        let loss = Bce { weight: Some(normal(&[4], 3)), ..Default::default() };
        check(&[normal(&[3, 4], 1)], |t| loss.compute(&crate::ops::activation::sigmoid(&t[0])?, &target));
    }

    #[test]
    fn the_ends_are_bounded() {
        let bce = |x: &Tensor, target: f64| Bce::default().compute(x, &Tensor::new(&[target], &Device::Cpu)?);
        for (at, target, value, derivative) in
            [(0.0, 1.0, 100.0, -1e12), (1.0, 0.0, 100.0, 1e12), (1.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)]
        {
            let x = Tensor::new(&[at], &Device::Cpu).unwrap();
            assert_eq!(bce(&x, target).unwrap().to_scalar::<f64>().unwrap(), value);
            assert_eq!(slope(at, |x| bce(x, target)), derivative);
        }
    }
}
