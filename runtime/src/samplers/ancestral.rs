//! Ancestral sampling (Ho et al. 2020, arXiv 2006.11239, algorithm 2), with sigma^2 = beta.

use super::{Progress, check_fits};
use crate::{Result, Schedule, Tensor};

/// Every time of the schedule, the last one first:
/// `x = (x - beta / sqrt(1 - alpha_bar) denoise(x, t)) / sqrt(alpha) + sqrt(beta) noise`, without noise at time 0.
///
/// `x` is noise; `noise(t)` gives as much again at every time but 0. Fails where `denoise` does, or sizes do not fit.
pub async fn ancestral(
    schedule: &Schedule,
    x: Tensor,
    mut denoise: impl AsyncFnMut(&Tensor, usize) -> Result<Tensor>,
    mut noise: impl FnMut(usize) -> Result<Vec<f32>>,
    mut watch: impl FnMut(Progress),
) -> Result<Tensor> {
    let mut x = x;
    let steps = schedule.steps();
    for t in (0..steps).rev() {
        let (beta, alpha, alpha_bar) = (schedule.betas()[t], schedule.alpha(t), schedule.alpha_bars()[t]);
        let found = denoise(&x, t).await?;
        let found = found.as_f32()?;
        let shape = x.shape().to_vec();
        let mut values = x.into_f32()?;
        check_fits("the predicted noise", &values, found)?;
        let (share, enlarge) = ((beta / (1.0 - alpha_bar).sqrt()) as f32, (1.0 / alpha.sqrt()) as f32);
        values.iter_mut().zip(found).for_each(|(x, found)| *x = (*x - share * found) * enlarge);
        if t > 0 {
            let fresh = noise(t)?;
            check_fits("the fresh noise", &values, &fresh)?;
            let sigma = beta.sqrt() as f32;
            values.iter_mut().zip(&fresh).for_each(|(x, fresh)| *x += sigma * fresh);
        }
        x = Tensor::new(shape, values)?;
        watch(Progress { done: steps - t, of: steps, x: &x });
    }
    Ok(x)
}
