//! DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2).

use super::{SamplerProgress, SamplerTensor, check_timesteps};
use crate::{Result, Schedule};

/// Samples at the given timesteps, from the last to the first, whose step ends at a picture without noise.
///
/// The solver integrates the predicted picture, `D = (x - sigma noise) / alpha` with
/// `alpha = sqrt(alpha_bar)` and `sigma = sqrt(1 - alpha_bar)`, over `lambda = ln(alpha / sigma)`
/// ([`Schedule::log_signal`]). A step of length h after one of length g uses the last two predictions,
/// `D + h / (2 g) (D - D_previous)`, which makes it second-order. The first step uses D alone, and so does the last, whose
/// length is infinite. No noise is added.
///
/// Calls `on_step` after each step. Fails if the timesteps are not strictly increasing or not within the schedule,
/// `denoise` fails, or sizes differ.
pub async fn dpm_solver<X: SamplerTensor>(
    schedule: &Schedule,
    timesteps: &[usize],
    x: X,
    mut denoise: impl AsyncFnMut(&X, usize) -> Result<X>,
    mut on_step: impl FnMut(SamplerProgress<X>),
) -> Result<X> {
    check_timesteps("DPM-Solver++", schedule, timesteps)?;
    let mut x = x;
    let mut before: Option<(X, f64)> = None;
    for (index, &t) in timesteps.iter().enumerate().rev() {
        let here = schedule.alpha_bars()[t];
        let predicted = denoise(&x, t).await?;
        let scale = 1.0 / here.sqrt();
        let picture = X::combine(&[(scale, &x), (-scale * (1.0 - here).sqrt(), &predicted)])?;
        if let Some(to) = index.checked_sub(1).map(|below| timesteps[below]) {
            let next = schedule.alpha_bars()[to];
            let length = schedule.log_signal(to) - schedule.log_signal(t);
            let keep = ((1.0 - next) / (1.0 - here)).sqrt();
            let towards = -next.sqrt() * libm::expm1(-length);
            x = match &before {
                Some((older, last)) => {
                    let beyond = length / (2.0 * last);
                    X::combine(&[(keep, &x), (towards * (1.0 + beyond), &picture), (-towards * beyond, older)])?
                }
                None => X::combine(&[(keep, &x), (towards, &picture)])?,
            };
            before = Some((picture, length));
        } else {
            x = picture;
        }
        on_step(SamplerProgress { done: timesteps.len() - index, of: timesteps.len(), x: &x });
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::super::tests::ready;
    use super::*;
    use crate::Tensor;

    /// For pictures of one pixel from a normal distribution with mean 0.5 and standard deviation 0.3, the prediction is known
    /// exactly, and the exact solution maps noise x to `0.5 + 0.3 x`. `start` accounts for the little signal at the last
    /// timestep.
    fn error(timesteps: &[usize], schedule: &Schedule) -> f32 {
        let denoise = async |x: &Tensor, t: usize| {
            let bar = schedule.alpha_bars()[t];
            let variance = 0.09 * bar + 1.0 - bar;
            let noise = |x: &f32| (f64::from(*x) - bar.sqrt() * 0.5) * (1.0 - bar).sqrt() / variance;
            Tensor::new(x.shape(), x.as_f32()?.iter().map(|x| noise(x) as f32).collect::<Vec<_>>())
        };
        let bar = schedule.alpha_bars()[timesteps[timesteps.len() - 1]];
        let start = (bar.sqrt() * 0.5 + (0.09 * bar + 1.0 - bar).sqrt() * 1.2) as f32;
        let x = Tensor::new([1, 1, 1, 1], vec![start]).unwrap();
        let found = ready(dpm_solver(schedule, timesteps, x, denoise, |_| {})).unwrap().into_f32().unwrap();
        (found[0] - (0.5 + 0.3 * 1.2)).abs()
    }

    #[test]
    fn the_error_falls_with_the_square_of_the_steps() {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        let of = |count| error(&schedule.trailing(count).unwrap(), &schedule);
        let (twenty, forty, eighty) = (of(20), of(40), of(80));
        assert!(twenty < 0.05 && forty < 0.25 * twenty && eighty < 0.25 * forty, "{twenty} {forty} {eighty}");
    }

    #[test]
    fn invalid_timesteps_are_rejected() {
        let schedule = Schedule::linear(10, 1e-3, 0.2).unwrap();
        for timesteps in [&[][..], &[3, 3], &[0, 10]] {
            let x = Tensor::new([1, 1, 1, 1], vec![0.0]).unwrap();
            let denoise = async |x: &Tensor, _| Ok(x.clone());
            let error = ready(dpm_solver(&schedule, timesteps, x, denoise, |_| {})).unwrap_err().to_string();
            assert!(error.contains("timesteps from 0 to 9"), "{error}");
        }
    }
}
