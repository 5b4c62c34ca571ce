//! Learning-rate schedules: pure functions of the step, so that a run that is resumed needs nothing but its step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The learning rate over a run, as a setting.
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
    /// Over a run of so many steps, the first of which are a warm-up; a constant learning rate has none.
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
    /// It stays.
    #[default]
    Constant,
    /// It falls on a line to `floor` (a fraction of the full rate) at step `steps`, and stays there.
    Linear {
        /// The step, counted with the warm-up, from which on it stays.
        steps: u64,
        /// What is left.
        #[serde(default)]
        floor: f64,
    },
    /// It falls on half a cosine wave to `floor` at step `steps`, and stays there (Loshchilov and Hutter 2016, arXiv
    /// 1608.03983, without restarts).
    Cosine {
        /// The step, counted with the warm-up, from which on it stays.
        steps: u64,
        /// What is left.
        #[serde(default)]
        floor: f64,
    },
    /// It is multiplied by `factor` after every `every` steps, which are counted from the end of the warm-up.
    Step {
        /// The steps between two falls.
        every: u64,
        /// What is left of the rate after one.
        factor: f64,
    },
}

/// A warm-up and a shape.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Schedule {
    /// The steps in which the rate rises on a line; the last of them has the full rate.
    #[serde(default)]
    pub warmup: u64,
    /// What follows.
    #[serde(flatten)]
    pub shape: Shape,
}

impl Schedule {
    /// What the learning rate is multiplied by in a step; the first step is 0.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let passed = step - self.warmup;
        // From 0 at the end of the warm-up to 1 at the end of the fall.
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

    /// Fails on a number that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        match self.shape {
            Shape::Constant => Ok(()),
            Shape::Linear { steps, .. } | Shape::Cosine { steps, .. } if steps <= self.warmup => {
                Err(Error::Config(format!(
                    "the learning rate's schedule has {steps} steps, its warm-up {}; give it more steps",
                    self.warmup
                )))
            }
            Shape::Linear { floor, .. } | Shape::Cosine { floor, .. } if !(0.0..=1.0).contains(&floor) => {
                Err(Error::Config(format!(
                    "the floor of the learning rate's schedule is {floor}; give a fraction from 0 to 1"
                )))
            }
            Shape::Step { every: 0, .. } => {
                Err(Error::Config("the learning rate is to fall after every 0 steps; give at least 1".into()))
            }
            Shape::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => Err(Error::Config(format!(
                "the factor of the learning rate's schedule is {factor}; give a number above 0, at most 1"
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
