//! Ancestral sampling (Ho et al. 2020, arXiv 2006.11239, algorithm 2), with sigma^2 = beta.

use super::{Linear, Progress};
use crate::{Result, Schedule};

/// Every time of the schedule, the last one first:
/// `x = (x - beta / sqrt(1 - alpha_bar) denoise(x, t)) / sqrt(alpha) + sqrt(beta) noise`, without noise at time 0.
///
/// `x` is noise; `noise(t)` gives as much again at every time but 0. Fails where `denoise` does, or sizes do not fit.
pub async fn ancestral<X: Linear>(
    schedule: &Schedule,
    x: X,
    mut denoise: impl AsyncFnMut(&X, usize) -> Result<X>,
    mut noise: impl FnMut(usize) -> Result<Vec<f32>>,
    mut watch: impl FnMut(Progress<X>),
) -> Result<X> {
    let mut x = x;
    let steps = schedule.steps();
    for t in (0..steps).rev() {
        let (beta, alpha, alpha_bar) = (schedule.betas()[t], schedule.alpha(t), schedule.alpha_bars()[t]);
        let found = denoise(&x, t).await?;
        let (share, enlarge) = (beta / (1.0 - alpha_bar).sqrt(), 1.0 / alpha.sqrt());
        let mean = [(enlarge, &x), (-enlarge * share, &found)];
        x = if t > 0 {
            let fresh = x.filled(noise(t)?)?;
            X::combine(&[mean[0], mean[1], (beta.sqrt(), &fresh)])?
        } else {
            X::combine(&mean)?
        };
        watch(Progress { done: steps - t, of: steps, x: &x });
    }
    Ok(x)
}
