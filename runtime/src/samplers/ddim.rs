//! Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, equations 12 and 16).

use super::{SamplerProgress, SamplerTensor, check_timesteps};
use crate::{Error, Result, Schedule};

/// DDIM's options.
#[derive(Debug, Clone, PartialEq)]
pub struct DdimOptions {
    /// The timesteps to sample at, strictly increasing; see [`Schedule::spaced`].
    pub timesteps: Vec<usize>,
    /// How much fresh noise each step adds, from 0 to 1: with 0 none, so that the initial noise determines the picture;
    /// with 1 as much as ancestral sampling with its smaller variance.
    pub eta: f64,
}

/// Samples at the given timesteps, from the last to the first, whose step ends at a picture without noise.
///
/// `x` starts as standard normal noise; `noise(t)` returns fresh noise of the same size, and is called only if eta is
/// above 0. Calls `on_step` after each step. Fails if the timesteps are not strictly increasing or not within the
/// schedule, eta is not in [0, 1], `denoise` fails, or sizes differ.
pub async fn ddim<X: SamplerTensor>(
    schedule: &Schedule,
    DdimOptions { timesteps, eta }: &DdimOptions,
    x: X,
    mut denoise: impl AsyncFnMut(&X, usize) -> Result<X>,
    mut noise: impl FnMut(usize) -> Result<Vec<f32>>,
    mut on_step: impl FnMut(SamplerProgress<X>),
) -> Result<X> {
    check_timesteps("DDIM", schedule, timesteps)?;
    if !(0.0..=1.0).contains(eta) {
        return Err(Error::Sampling(format!("DDIM's eta is {eta}; give a number from 0 to 1")));
    }
    let mut x = x;
    for (index, &t) in timesteps.iter().enumerate().rev() {
        let here = schedule.alpha_bars()[t];
        let next = index.checked_sub(1).map_or(1.0, |before| schedule.alpha_bars()[timesteps[before]]);
        let sigma = eta * ((1.0 - next) / (1.0 - here) * (1.0 - here / next)).sqrt();
        let predicted = denoise(&x, t).await?;
        // The predicted picture is (x - sqrt(1 - here) predicted) / sqrt(here); sqrt(next) of it is kept.
        let keep = (next / here).sqrt();
        let towards = (1.0 - next - sigma * sigma).max(0.0).sqrt();
        let mean = [(keep, &x), (towards - keep * (1.0 - here).sqrt(), &predicted)];
        x = if sigma > 0.0 {
            let fresh = x.with_values(noise(t)?)?;
            X::combine(&[mean[0], mean[1], (sigma, &fresh)])?
        } else {
            X::combine(&mean)?
        };
        on_step(SamplerProgress { done: timesteps.len() - index, of: timesteps.len(), x: &x });
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::super::tests::ready;
    use super::*;
    use crate::Tensor;

    fn run(schedule: &Schedule, options: &DdimOptions, x: f32) -> Result<Vec<f32>> {
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
            let options = DdimOptions { timesteps: schedule.spaced(count).unwrap(), eta };
            let found = run(&schedule, &options, 1.7).unwrap();
            assert!((found[0] - 0.5).abs() < 1e-4, "{count} {eta}: {found:?}");
        }
    }

    #[test]
    fn invalid_options_are_rejected() {
        let schedule = Schedule::linear(10, 1e-3, 0.2).unwrap();
        let refused = |timesteps: &[usize], eta| {
            run(&schedule, &DdimOptions { timesteps: timesteps.to_vec(), eta }, 1.0).unwrap_err().to_string()
        };
        assert!(refused(&[], 0.0).contains("from 0 to 9"));
        assert!(refused(&[0, 10], 0.0).contains("from 0 to 9"));
        assert!(refused(&[3, 3], 0.0).contains("increasing"));
        assert!(refused(&[0], f64::NAN).contains("eta"));
    }
}
