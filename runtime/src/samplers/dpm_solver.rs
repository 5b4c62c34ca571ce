//! DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2).

use super::{Linear, Progress, check_times};
use crate::{Result, Schedule};

/// From each of the rising `times` to the one before it, the last one first; the lowest goes to a picture without noise.
///
/// The solver follows the picture that a prediction stands for, `D = (x - sigma noise) / alpha` with
/// `alpha = sqrt(alpha_bar)` and `sigma = sqrt(1 - alpha_bar)`, over `lambda = ln(alpha / sigma)`
/// ([`Schedule::log_signal`]). With the last two pictures a step of length h after one of length g takes
/// `D + h / (2 g) (D - D_before)`, which makes it of second order; the first step and the last, whose end is infinitely
/// far, take D. Fresh noise is never added.
///
/// Fails where the times do not rise or are not the schedule's, `denoise` does, or sizes do not fit.
pub async fn dpm_solver<X: Linear>(
    schedule: &Schedule,
    times: &[usize],
    x: X,
    mut denoise: impl AsyncFnMut(&X, usize) -> Result<X>,
    mut watch: impl FnMut(Progress<X>),
) -> Result<X> {
    check_times("DPM-Solver++", schedule, times)?;
    let mut x = x;
    let mut before: Option<(X, f64)> = None;
    for (index, &t) in times.iter().enumerate().rev() {
        let here = schedule.alpha_bars()[t];
        let found = denoise(&x, t).await?;
        let enlarge = 1.0 / here.sqrt();
        let picture = X::combine(&[(enlarge, &x), (-enlarge * (1.0 - here).sqrt(), &found)])?;
        if let Some(to) = index.checked_sub(1).map(|below| times[below]) {
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
        watch(Progress { done: times.len() - index, of: times.len(), x: &x });
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::super::tests::ready;
    use super::*;
    use crate::Tensor;

    /// Pictures of one pixel that are normal with mean 0.5 and deviation 0.3 have an exact prediction, and following it
    /// exactly maps noise x to `0.5 + 0.3 x`, but for the little that the noise at the highest time knows of the picture.
    fn error(times: &[usize], schedule: &Schedule) -> f32 {
        let denoise = async |x: &Tensor, t: usize| {
            let bar = schedule.alpha_bars()[t];
            let variance = 0.09 * bar + 1.0 - bar;
            let noise = |x: &f32| (f64::from(*x) - bar.sqrt() * 0.5) * (1.0 - bar).sqrt() / variance;
            Tensor::new(x.shape(), x.as_f32()?.iter().map(|x| noise(x) as f32).collect::<Vec<_>>())
        };
        let bar = schedule.alpha_bars()[times[times.len() - 1]];
        let start = (bar.sqrt() * 0.5 + (0.09 * bar + 1.0 - bar).sqrt() * 1.2) as f32;
        let x = Tensor::new([1, 1, 1, 1], vec![start]).unwrap();
        let found = ready(dpm_solver(schedule, times, x, denoise, |_| {})).unwrap().into_f32().unwrap();
        (found[0] - (0.5 + 0.3 * 1.2)).abs()
    }

    #[test]
    fn more_steps_come_nearer_by_their_square() {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        let of = |count| error(&schedule.trailing(count).unwrap(), &schedule);
        let (twenty, forty, eighty) = (of(20), of(40), of(80));
        assert!(twenty < 0.05 && forty < 0.25 * twenty && eighty < 0.25 * forty, "{twenty} {forty} {eighty}");
    }

    #[test]
    fn nonsense_is_refused() {
        let schedule = Schedule::linear(10, 1e-3, 0.2).unwrap();
        for times in [&[][..], &[3, 3], &[0, 10]] {
            let x = Tensor::new([1, 1, 1, 1], vec![0.0]).unwrap();
            let denoise = async |x: &Tensor, _| Ok(x.clone());
            let error = ready(dpm_solver(&schedule, times, x, denoise, |_| {})).unwrap_err().to_string();
            assert!(error.contains("rising times from 0 to 9"), "{error}");
        }
    }
}
