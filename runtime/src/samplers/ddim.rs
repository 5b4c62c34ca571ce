//! Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, equations 12 and 16).

use super::{Linear, Progress, check_times};
use crate::{Error, Result, Schedule};

/// DDIM's options.
#[derive(Debug, Clone, PartialEq)]
pub struct Ddim {
    /// The times to stop at, rising; see [`Schedule::spaced`].
    pub times: Vec<usize>,
    /// How much fresh noise each step adds: 0 none, so that the first noise says all; 1 as much as ancestral sampling
    /// with its smaller variance.
    pub eta: f64,
}

/// From each of the times to the one before it, the last one first; the lowest goes to a picture without noise.
///
/// `x` is noise; `noise(t)` gives as much again, and is asked only where eta is above 0. Fails where the times do not
/// rise or are not the schedule's, eta is no number from 0 to 1, `denoise` fails, or sizes do not fit.
pub async fn ddim<X: Linear>(
    schedule: &Schedule,
    Ddim { times, eta }: &Ddim,
    x: X,
    mut denoise: impl AsyncFnMut(&X, usize) -> Result<X>,
    mut noise: impl FnMut(usize) -> Result<Vec<f32>>,
    mut watch: impl FnMut(Progress<X>),
) -> Result<X> {
    check_times("DDIM", schedule, times)?;
    if !(0.0..=1.0).contains(eta) {
        return Err(Error::Sampling(format!("DDIM's eta is {eta}; give a number from 0 to 1")));
    }
    let mut x = x;
    for (index, &t) in times.iter().enumerate().rev() {
        let here = schedule.alpha_bars()[t];
        let next = index.checked_sub(1).map_or(1.0, |before| schedule.alpha_bars()[times[before]]);
        let sigma = eta * ((1.0 - next) / (1.0 - here) * (1.0 - here / next)).sqrt();
        let found = denoise(&x, t).await?;
        // The picture in x is (x - sqrt(1 - here) found) / sqrt(here), and sqrt(next) of it is kept.
        let keep = (next / here).sqrt();
        let towards = (1.0 - next - sigma * sigma).max(0.0).sqrt();
        let mean = [(keep, &x), (towards - keep * (1.0 - here).sqrt(), &found)];
        x = if sigma > 0.0 {
            let fresh = x.filled(noise(t)?)?;
            X::combine(&[mean[0], mean[1], (sigma, &fresh)])?
        } else {
            X::combine(&mean)?
        };
        watch(Progress { done: times.len() - index, of: times.len(), x: &x });
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::super::tests::ready;
    use super::*;
    use crate::Tensor;

    fn run(schedule: &Schedule, options: &Ddim, x: f32) -> Result<Vec<f32>> {
        // The exact noise of a picture that is 0.5 everywhere.
        let denoise = async |x: &Tensor, t: usize| {
            let bar = schedule.alpha_bars()[t];
            let noise = |x: &f32| (f64::from(*x) - bar.sqrt() * 0.5) / (1.0 - bar).sqrt();
            Tensor::new(x.shape(), x.as_f32()?.iter().map(|x| noise(x) as f32).collect::<Vec<_>>())
        };
        let x = Tensor::new([1, 1, 1, 1], vec![x])?;
        ready(ddim(schedule, options, x, denoise, |_| Ok(vec![0.3]), |_| {}))?.into_f32()
    }

    #[test]
    fn exact_predictions_lead_to_the_picture() {
        let schedule = Schedule::linear(100, 1e-3, 0.2).unwrap();
        for (count, eta) in [(1, 0.0), (10, 0.0), (100, 0.0), (10, 1.0)] {
            let options = Ddim { times: schedule.spaced(count).unwrap(), eta };
            let found = run(&schedule, &options, 1.7).unwrap();
            assert!((found[0] - 0.5).abs() < 1e-4, "{count} {eta}: {found:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let schedule = Schedule::linear(10, 1e-3, 0.2).unwrap();
        let refused =
            |times: &[usize], eta| run(&schedule, &Ddim { times: times.to_vec(), eta }, 1.0).unwrap_err().to_string();
        assert!(refused(&[], 0.0).contains("from 0 to 9"));
        assert!(refused(&[0, 10], 0.0).contains("from 0 to 9"));
        assert!(refused(&[3, 3], 0.0).contains("repetition"));
        assert!(refused(&[0], f64::NAN).contains("eta"));
    }
}
