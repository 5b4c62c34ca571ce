//! Beta schedules of diffusion models.

use crate::{Error, Result};

/// A beta schedule: at timestep t a noisy picture is `sqrt(alpha_bar[t]) picture + sqrt(1 - alpha_bar[t]) noise` (Ho et al.
/// 2020, arXiv 2006.11239).
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
}

impl Schedule {
    /// The cosine schedule: `alpha_bar(t) = f(t + 1) / f(0)`, `f(t) = cos^2((t / steps + offset) / (1 + offset) * pi / 2)`,
    /// with betas of at most 0.999 (Nichol and Dhariwal 2021, arXiv 2102.09672, equation 17, where the offset is 0.008).
    /// Fails if there are no timesteps, or the offset is negative or not finite.
    pub fn cosine(steps: usize, offset: f64) -> Result<Self> {
        if !(offset >= 0.0 && offset.is_finite()) {
            return Err(Error::Sampling(format!("a cosine schedule's offset is {offset}; it must be 0 or more")));
        }
        let angle = |t: usize| (t as f64 / steps as f64 + offset) / (1.0 + offset) * std::f64::consts::FRAC_PI_2;
        let f = |t: usize| libm::pow(libm::cos(angle(t)), 2.0);
        Self::new((0..steps).map(|t| (1.0 - f(t + 1) / f(t)).min(0.999)).collect())
    }

    /// The linear schedule, with betas from `start` to `end`. Fails if there are no timesteps, or a beta is not in (0, 1).
    pub fn linear(steps: usize, start: f64, end: f64) -> Result<Self> {
        let slope = (end - start) / steps.saturating_sub(1).max(1) as f64;
        Self::new((0..steps).map(|t| start + slope * t as f64).collect())
    }

    /// A schedule with the given betas. Fails if there are none, one is not in (0, 1), or an alpha_bar is not in
    /// [1e-12, 1).
    pub fn new(betas: Vec<f64>) -> Result<Self> {
        if betas.is_empty() {
            return Err(Error::Sampling("a beta schedule needs at least one timestep".into()));
        }
        if let Some(beta) = betas.iter().find(|beta| !(**beta > 0.0 && **beta < 1.0)) {
            return Err(Error::Sampling(format!("a beta of the schedule is {beta}; it must be between 0 and 1")));
        }
        let alpha_bars = betas.iter().scan(1.0, |product, beta| {
            *product *= 1.0 - beta;
            Some(*product)
        });
        let alpha_bars: Vec<f64> = alpha_bars.collect();
        // Samplers divide by both alpha_bar and 1 - alpha_bar.
        if let Some(bar) = alpha_bars.iter().find(|bar| !(1e-12..1.0).contains(*bar)) {
            return Err(Error::Sampling(format!(
                "an alpha_bar of the beta schedule is {bar}; it must be from 1e-12 to below 1"
            )));
        }
        Ok(Self { alpha_bars, betas })
    }

    /// The number of timesteps.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// The variance of the noise that each timestep adds.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// `1 - beta`.
    pub fn alpha(&self, t: usize) -> f64 {
        1.0 - self.betas[t]
    }

    /// The cumulative product of the alphas at each timestep: the picture's share of the variance.
    pub fn alpha_bars(&self) -> &[f64] {
        &self.alpha_bars
    }

    /// `lambda = ln(sqrt(alpha_bar) / sqrt(1 - alpha_bar))`, half the log signal-to-noise ratio at timestep t. It
    /// decreases with t.
    pub fn log_signal(&self, t: usize) -> f64 {
        let bar = self.alpha_bars[t];
        0.5 * libm::log(bar / (1.0 - bar))
    }

    /// `count` evenly spaced timesteps from 0 on: 0, 100, .., 900 for 10 of 1000. A single one is the last timestep. Fails
    /// if there are not as many.
    pub fn spaced(&self, count: usize) -> Result<Vec<usize>> {
        self.check_count(count)?;
        if count == 1 {
            return Ok(vec![self.steps() - 1]);
        }
        Ok((0..count).map(|index| index * self.steps() / count).collect())
    }

    /// `count` evenly spaced timesteps up to the last, where there is most noise: 99, 199, .., 999 for 10 of 1000 (Lin et
    /// al. 2023, arXiv 2305.08891, section 3.3). Fails if there are not as many.
    pub fn trailing(&self, count: usize) -> Result<Vec<usize>> {
        self.check_count(count)?;
        let steps = self.steps();
        Ok((1..=count).map(|index| (2 * index * steps + count) / (2 * count) - 1).collect())
    }

    fn check_count(&self, count: usize) -> Result<()> {
        let steps = self.steps();
        if (1..=steps).contains(&count) {
            return Ok(());
        }
        Err(Error::Sampling(format!(
            "{count} sampling steps for a schedule of {steps} timesteps; give a number from 1 to {steps}"
        )))
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
    fn spaced_timesteps_start_at_the_first() {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        assert_eq!(schedule.spaced(10).unwrap(), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(schedule.spaced(1000).unwrap().len(), 1000);
        assert_eq!(schedule.spaced(3).unwrap(), [0, 333, 666]);
        assert_eq!(schedule.spaced(1).unwrap(), [999]);
        assert!(schedule.spaced(1001).unwrap_err().to_string().contains("from 1 to 1000"));
        assert!(schedule.spaced(0).is_err());
    }

    #[test]
    fn trailing_timesteps_end_at_the_last() {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        assert_eq!(schedule.trailing(10).unwrap(), [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]);
        assert_eq!(schedule.trailing(3).unwrap(), [332, 666, 999]);
        assert_eq!(schedule.trailing(1).unwrap(), [999]);
        assert_eq!(schedule.trailing(1000).unwrap(), (0..1000).collect::<Vec<_>>());
        assert!(schedule.trailing(0).is_err() && schedule.trailing(1001).is_err());
    }

    #[test]
    fn the_cosine_schedule_ends_in_noise() {
        let schedule = Schedule::cosine(1000, 0.008).unwrap();
        let bars = schedule.alpha_bars();
        assert!(bars[0] > 0.9999 && bars[999] < 1e-8, "{} {}", bars[0], bars[999]);
        assert!((bars[499] - 0.4938).abs() < 1e-3, "{}", bars[499]);
        assert!(Schedule::cosine(10, f64::NAN).is_err());
    }

    #[test]
    fn invalid_schedules_are_rejected() {
        assert!(Schedule::linear(0, 0.1, 0.2).is_err());
        assert!(Schedule::linear(10, 0.0, 0.2).is_err());
        assert!(Schedule::linear(10, 0.1, f64::NAN).is_err());
        let error = |betas: Vec<f64>| Schedule::new(betas).unwrap_err().to_string();
        assert!(error(vec![0.9; 1000]).contains("alpha_bar"));
        assert!(error(vec![1e-300; 3]).contains("is 1;"));
    }
}
