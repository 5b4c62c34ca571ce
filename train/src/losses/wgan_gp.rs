//! Wasserstein losses with a gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028).

use candle_core::{Tensor, Var};

use super::pieces::check_shape;
use crate::ops::{check_second_order, without_weight_gradients};
use crate::{Error, Result};

/// The weight of the penalty in the paper.
pub const LAMBDA: f64 = 10.0;

/// The critic's loss without the penalty, `E D(fake) - E D(real)`.
pub fn critic_loss(real: &Tensor, fake: &Tensor) -> Result<Tensor> {
    Ok((fake.mean_all()? - real.mean_all()?)?)
}

/// The generator's loss, `-E D(fake)`.
pub fn generator_loss(fake: &Tensor) -> Result<Tensor> {
    Ok(fake.mean_all()?.neg()?)
}

/// The deviation of the critic's gradient norm from 1.
pub struct Penalty {
    /// The mean over the batch of `(|gradient| - 1)^2`: a scalar that can be differentiated by the critic's parameters.
    pub penalty: Tensor,
    /// The gradient of the scores by the interpolated pictures, detached.
    pub input_gradient: Tensor,
}

/// The penalty at `real * beta + fake * (1 - beta)`, beta `[batch, 1, 1, 1]` in [0, 1]. None of the three gets a gradient.
///
/// The thread must keep the graphs of gradients, see [`check_second_order`]; fails
/// where it does not, or the shapes differ. Where a gradient is exactly 0 its norm counts with a derivative of 0.
pub fn gradient_penalty(
    critic: impl Fn(&Tensor) -> Result<Tensor>,
    real: &Tensor,
    fake: &Tensor,
    beta: &Tensor,
) -> Result<Penalty> {
    check_second_order()?;
    check_shape("gradient penalty", "generated batch", real, fake)?;
    let (real, fake, beta) = (real.detach(), fake.detach(), beta.detach());
    let between = (real.broadcast_mul(&beta)? + fake.broadcast_mul(&(1.0 - &beta)?)?)?;
    let between = Var::from_tensor(&between)?;
    let scores = critic(&between)?.sum_all()?;
    let mut gradients = without_weight_gradients(|| scores.backward())?;
    let gradient = gradients
        .remove(&between)
        .ok_or_else(|| Error::Run("the critic's scores do not depend on its input".into()))?;
    let squares = gradient.sqr()?.flatten_from(1)?.sum(1)?;
    let slopes = squares.detach().gt(0f64)?.to_dtype(squares.dtype())?;
    let norms = ((&squares + (1.0 - &slopes)?)?.sqrt()? * slopes)?;
    Ok(Penalty { penalty: (norms - 1.0)?.sqr()?.mean_all()?, input_gradient: gradient.detach() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::ops::conv2d::conv2d;
    use crate::ops::finite_differences::{check, normal};
    use crate::value::Conv2dConfig;

    #[test]
    fn the_penalty_differentiates() {
        let [real, fake] = [1, 2].map(|seed| normal(&[2, 1, 3, 3], seed));
        let beta = normal(&[2, 1, 1, 1], 3);
        check(&[normal(&[2, 1, 2, 2], 4), normal(&[2], 5), normal(&[1, 2, 2, 2], 6)], |t| {
            let critic = |x: &Tensor| {
                let x = Value::tanh(&conv2d(x, &t[0], Some(&t[1]), Conv2dConfig::default())?)?;
                conv2d(&x, &t[2], None, Conv2dConfig::default())
            };
            Ok(gradient_penalty(critic, &real, &fake, &beta)?.penalty)
        });
    }

    #[test]
    fn a_slope_of_one_is_no_penalty_and_a_flat_critic_has_finite_gradients() {
        let penalty = |weight: f64| {
            crate::threads::on_own_threads(1, true, || {
                let weight = Var::new(&[weight], &candle_core::Device::Cpu).unwrap();
                let critic = |x: &Tensor| Ok(x.flatten_all()?.broadcast_mul(&weight)?);
                let x = normal(&[3, 1, 1, 1], 1);
                let penalty = gradient_penalty(critic, &x, &x, &x).unwrap().penalty;
                let gradients = penalty.backward().unwrap();
                let gradient = gradients.get(&weight).unwrap().to_vec1::<f64>().unwrap()[0];
                Ok((penalty.to_scalar::<f64>().unwrap(), gradient))
            })
            .unwrap()
        };
        assert_eq!(penalty(1.0), (0.0, 0.0));
        assert_eq!(penalty(-3.0), (4.0, -4.0));
        assert_eq!(penalty(0.0), (1.0, 0.0));
    }
}
