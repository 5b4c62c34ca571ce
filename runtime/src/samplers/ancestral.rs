//! Ancestral sampling (Ho et al. 2020, arXiv 2006.11239, algorithm 2), with sigma^2 = beta.

use super::{SamplerProgress, SamplerTensor};
use crate::{Result, Schedule};

/// Samples at every timestep of the schedule, from the last to 0:
/// `x = (x - beta / sqrt(1 - alpha_bar) denoise(x, t)) / sqrt(alpha) + sqrt(beta) noise`, without noise at timestep 0.
///
/// `x` starts as standard normal noise; `noise(t)` returns fresh noise of the same size, for every timestep but 0. Calls
/// `on_step` after each step. Fails if `denoise` fails, or sizes differ.
pub async fn ancestral<X: SamplerTensor>(
    schedule: &Schedule,
    x: X,
    mut denoise: impl AsyncFnMut(&X, usize) -> Result<X>,
    mut noise: impl FnMut(usize) -> Result<Vec<f32>>,
    mut on_step: impl FnMut(SamplerProgress<X>),
) -> Result<X> {
    let mut x = x;
    let steps = schedule.steps();
    for t in (0..steps).rev() {
        let (beta, alpha, alpha_bar) = (schedule.betas()[t], schedule.alpha(t), schedule.alpha_bars()[t]);
        let predicted = denoise(&x, t).await?;
        let (share, scale) = (beta / (1.0 - alpha_bar).sqrt(), 1.0 / alpha.sqrt());
        let mean = [(scale, &x), (-scale * share, &predicted)];
        x = if t > 0 {
            let fresh = x.with_values(noise(t)?)?;
            X::combine(&[mean[0], mean[1], (beta.sqrt(), &fresh)])?
        } else {
            X::combine(&mean)?
        };
        on_step(SamplerProgress { done: steps - t, of: steps, x: &x });
    }
    Ok(x)
}
