//! Wasserstein losses with a gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028).

use candle_core::{Tensor, Var};

use super::pieces::check_shape;
use crate::ops::check_second_order;
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

/// How far the critic is from slope 1.
pub struct Penalty {
    /// The mean over the batch of `(|gradient| - 1)^2`: a scalar with a graph to the critic's parameters.
    pub penalty: Tensor,
    /// The gradient of the scores by the pictures between, without a graph.
    pub input_gradient: Tensor,
}

/// The penalty at `real * beta + fake * (1 - beta)`, beta `[batch, 1, 1, 1]` in [0, 1]. No gradient goes into the three.
///
/// The thread must keep the graphs of gradients, see [`check_second_order`](crate::ops::check_second_order); fails
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
    let mut gradients = critic(&between)?.sum_all()?.backward()?;
    let gradient = gradients.remove(&between).ok_or_else(|| Error::Run("the critic does not look at its input".into()))?;
    let squares = gradient.sqr()?.flatten_from(1)?.sum(1)?;
    let slopes = squares.detach().gt(0f64)?.to_dtype(squares.dtype())?;
    let norms = ((&squares + (1.0 - &slopes)?)?.sqrt()? * slopes)?;
    Ok(Penalty { penalty: (norms - 1.0)?.sqr()?.mean_all()?, input_gradient: gradient.detach() })
}
