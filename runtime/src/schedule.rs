//! How much noise a picture has at which time.

use crate::{Error, Result};

/// A noise schedule: at time t a picture is `sqrt(alpha_bar[t]) x + sqrt(1 - alpha_bar[t]) noise` (Ho et al. 2020, arXiv
/// 2006.11239).
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
}

impl Schedule {
    /// Betas on a line from `start` to `end`, both included. Fails where there is no step, or a beta is not in (0, 1).
    pub fn linear(steps: usize, start: f64, end: f64) -> Result<Self> {
        let slope = (end - start) / steps.saturating_sub(1).max(1) as f64;
        Self::new((0..steps).map(|t| start + slope * t as f64).collect())
    }

    /// Any betas. Fails where there is none, or one is not in (0, 1).
    pub fn new(betas: Vec<f64>) -> Result<Self> {
        if betas.is_empty() {
            return Err(Error::Sampling("a noise schedule needs a step at least".into()));
        }
        if let Some(beta) = betas.iter().find(|beta| !(**beta > 0.0 && **beta < 1.0)) {
            return Err(Error::Sampling(format!("a noise schedule's beta is {beta}; it must be between 0 and 1")));
        }
        let alpha_bars = betas.iter().scan(1.0, |product, beta| {
            *product *= 1.0 - beta;
            Some(*product)
        });
        Ok(Self { alpha_bars: alpha_bars.collect(), betas })
    }

    /// The number of times.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// The variance of the noise that each time adds.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// `1 - beta`.
    pub fn alpha(&self, t: usize) -> f64 {
        1.0 - self.betas[t]
    }

    /// The products of all alphas up to each time: the share of the picture in the variance.
    pub fn alpha_bars(&self) -> &[f64] {
        &self.alpha_bars
    }

    /// `count` times as far apart as whole steps allow, from 0 on: 0, 100, .., 900 for 10 of 1000. Fails where there are
    /// not so many.
    pub fn spaced(&self, count: usize) -> Result<Vec<usize>> {
        if count == 0 || count > self.steps() {
            return Err(Error::Sampling(format!(
                "{count} sampling steps of a schedule of {}; give a number from 1 to {}",
                self.steps(),
                self.steps()
            )));
        }
        Ok((0..count).map(|index| index * self.steps() / count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_bars_are_products() {
        let schedule = Schedule::linear(3, 0.1, 0.3).unwrap();
        let expected = [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7];
        assert!(schedule.alpha_bars().iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12));
        assert_eq!(Schedule::linear(1, 0.1, 0.3).unwrap().betas(), [0.1]);
    }

    #[test]
    fn spaced_times_are_of_the_schedule() {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        assert_eq!(schedule.spaced(10).unwrap(), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(schedule.spaced(1000).unwrap().len(), 1000);
        assert_eq!(schedule.spaced(3).unwrap(), [0, 333, 666]);
        assert!(schedule.spaced(1001).unwrap_err().to_string().contains("from 1 to 1000"));
        assert!(schedule.spaced(0).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Schedule::linear(0, 0.1, 0.2).is_err());
        assert!(Schedule::linear(10, 0.0, 0.2).is_err());
        assert!(Schedule::linear(10, 0.1, f64::NAN).is_err());
    }
}
