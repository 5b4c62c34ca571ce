//! Learning-rate schedules: pure functions of the step, so that a resumed run needs only its step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The shape of the learning rate over a run, as a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum LrSchedule {
    /// The same in every step
    Constant,
    /// Linear decay to 0 at the end of the run
    Linear,
    /// Cosine decay to 0 at the end of the run
    Cosine,
}

impl LrSchedule {
    /// The schedule of a run of this many steps, including a warm-up, which a constant learning rate does not have.
    pub fn over(self, steps: u64, warmup: u64) -> Schedule {
        let shape = match self {
            Self::Constant => return Schedule::default(),
            Self::Linear => Shape::Linear { steps, floor: 0.0 },
            Self::Cosine => Shape::Cosine { steps, floor: 0.0 },
        };
        Schedule { warmup, shape }
    }
}

/// The learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum Shape {
    /// Constant.
    #[default]
    Constant,
    /// Linear decay to `floor`, a fraction of the full rate, at step `steps`, and constant from then on.
    Linear {
        /// The step of the end of the decay, including the warm-up.
        steps: u64,
        /// The final fraction of the full rate.
        #[serde(default)]
        floor: f64,
    },
    /// Cosine decay to `floor` at step `steps`, and constant from then on (Loshchilov and Hutter 2016, arXiv 1608.03983,
    /// without restarts).
    Cosine {
        /// The step of the end of the decay, including the warm-up.
        steps: u64,
        /// The final fraction of the full rate.
        #[serde(default)]
        floor: f64,
    },
    /// Step decay: it is multiplied by `factor` every `every` steps, counted from the end of the warm-up.
    Step {
        /// The steps between two decays.
        every: u64,
        /// The factor of each decay.
        factor: f64,
    },
}

/// A learning-rate schedule: a warm-up and a shape.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Schedule {
    /// The steps of linear warm-up; the last of them has the full rate.
    #[serde(default)]
    pub warmup: u64,
    /// The shape after the warm-up.
    #[serde(flatten)]
    pub shape: Shape,
}

impl Schedule {
    /// The factor of the learning rate in a step, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let passed = step - self.warmup;
        // From 0 at the end of the warm-up to 1 at the end of the decay.
        let progress = |steps: u64| match steps.saturating_sub(self.warmup) {
            0 => 1.0,
            length => (passed as f64 / length as f64).min(1.0),
        };
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Linear { steps, floor } => floor + (1.0 - floor) * (1.0 - progress(steps)),
            Shape::Cosine { steps, floor } => floor + (1.0 - floor) * 0.5 * (1.0 + (PI * progress(steps)).cos()),
            Shape::Step { every, factor } => factor.powf((passed / every) as f64),
        }
    }

    /// Fails on an invalid number and names it.
    pub fn check(&self) -> Result<()> {
        match self.shape {
            Shape::Constant => Ok(()),
            Shape::Linear { steps, .. } | Shape::Cosine { steps, .. } if steps <= self.warmup => {
                Err(Error::Config(format!(
                    "the learning-rate schedule has {steps} steps, its warm-up {}; give it more steps",
                    self.warmup
                )))
            }
            Shape::Linear { floor, .. } | Shape::Cosine { floor, .. } if !(0.0..=1.0).contains(&floor) => {
                Err(Error::Config(format!(
                    "the floor of the learning-rate schedule is {floor}; give a fraction from 0 to 1"
                )))
            }
            Shape::Step { every: 0, .. } => {
                Err(Error::Config("the learning-rate schedule decays every 0 steps; give at least 1".into()))
            }
            Shape::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => Err(Error::Config(format!(
                "the factor of the learning-rate schedule is {factor}; give a number above 0 and up to 1"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: Schedule, steps: &[u64]) -> Vec<f64> {
        schedule.check().unwrap();
        steps.iter().map(|step| schedule.factor(*step)).collect()
    }

    #[test]
    fn warm_up_rises_to_the_full_rate() {
        let schedule = Schedule { warmup: 4, shape: Shape::Constant };
        assert_eq!(factors(schedule, &[0, 1, 2, 3, 4, 100]), [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        assert_eq!(factors(Schedule::default(), &[0, 7]), [1.0, 1.0]);
    }

    #[test]
    fn shapes_fall_as_they_say() {
        let cosine = Schedule { warmup: 10, shape: Shape::Cosine { steps: 110, floor: 0.2 } };
        for (found, expected) in factors(cosine, &[10, 60, 110, 500]).iter().zip([1.0, 0.6, 0.2, 0.2]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let linear = Schedule { warmup: 0, shape: Shape::Linear { steps: 4, floor: 0.0 } };
        assert_eq!(factors(linear, &[0, 1, 2, 4, 5]), [1.0, 0.75, 0.5, 0.0, 0.0]);
        let step = Schedule { warmup: 2, shape: Shape::Step { every: 3, factor: 0.5 } };
        assert_eq!(factors(step, &[2, 4, 5, 7, 8]), [1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn is_read_from_a_configuration() {
        let read = |text: &str| toml::from_str::<Schedule>(text);
        let cosine = Schedule { warmup: 5, shape: Shape::Cosine { steps: 100, floor: 0.0 } };
        assert_eq!(read("warmup = 5\nshape = \"cosine\"\nsteps = 100").unwrap(), cosine);
        assert_eq!(read(&toml::to_string(&cosine).unwrap()).unwrap(), cosine);
        assert!(read("shape = \"zigzag\"").is_err());
    }

    #[test]
    fn nonsense_is_named() {
        let error = |warmup, shape| Schedule { warmup, shape }.check().unwrap_err().to_string();
        assert!(error(10, Shape::Linear { steps: 10, floor: 0.0 }).contains("10 steps"));
        assert!(error(0, Shape::Cosine { steps: 10, floor: f64::NAN }).contains("floor"));
        assert!(error(0, Shape::Step { every: 0, factor: 0.5 }).contains("every 0"));
        assert!(error(0, Shape::Step { every: 1, factor: 0.0 }).contains("factor"));
    }
}
