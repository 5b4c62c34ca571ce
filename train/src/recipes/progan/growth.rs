//! When the networks grow (section 3 of arXiv 1710.10196), as a function of a run's steps.

use super::ProganConfig;
use crate::Result;
use crate::networks::progan::Stage;
use crate::run::{Epochs, Phase, Span};

/// The share of a new block in its first step.
const FIRST_ALPHA: f64 = 0.01;

/// The growth over a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// By resolution from 4x4 up.
    resolutions: Vec<Resolution>,
    steps: u64,
}

/// The training at one resolution.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Resolution {
    /// Steps of the generator; the last resolution may continue after them.
    steps: u64,
    /// Steps of an epoch.
    epoch: u64,
    /// Pictures in a step.
    batch: usize,
    /// The increase of alpha per step.
    rise: f64,
}

/// A step's point in the growth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthPoint {
    /// The resolution and the share of its own block.
    pub stage: Stage,
    /// Pictures in a step.
    pub batch: usize,
    /// The steps at this resolution before this one.
    pub position: u64,
}

impl Growth {
    /// The growth for a data set of this many pictures. The configuration must be valid.
    ///
    /// With `epochs` an epoch is one pass of the critic over the data, its last batch filled up; with `pictures` it is
    /// an equal part of the resolution's steps, which are rounded up to that.
    pub fn new(config: &ProganConfig, pictures: usize) -> Result<Self> {
        let resolution = |step: usize| {
            let batch = *by_resolution(&config.batches, step);
            let seen = batch as u64 * config.critic_steps as u64;
            let (steps, epoch, shown) = match (&config.epochs, &config.pictures) {
                (Some(epochs), _) => {
                    let (epochs, epoch) = (*by_resolution(epochs, step), (pictures as u64).div_ceil(seen).max(1));
                    (epochs.saturating_mul(epoch), epoch, epochs.saturating_mul(pictures as u64))
                }
                (None, budget) => {
                    let shown = budget.as_ref().map_or(1, |budget| *by_resolution(budget, step));
                    let steps = shown.div_ceil(seen).max(1);
                    let epoch = steps.div_ceil(config.evaluations);
                    (epoch * steps.div_ceil(epoch), epoch, shown)
                }
            };
            Resolution { steps, epoch, batch, rise: seen as f64 / (config.fade * shown as f64) }
        };
        let resolutions: Vec<_> = (0..=config.sizes().last_step()?).map(resolution).collect();
        let planned = resolutions.iter().fold(0u64, |sum, one| sum.saturating_add(one.steps));
        Ok(Self { resolutions, steps: config.shared.steps.unwrap_or(planned) })
    }

    /// The number of steps in all.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The point of a step, counted from 0.
    pub fn at(&self, step: u64) -> GrowthPoint {
        let (mut position, last) = (step, self.resolutions.len() - 1);
        let mut number = 0;
        while number < last && position >= self.resolutions[number].steps {
            position -= self.resolutions[number].steps;
            number += 1;
        }
        let Resolution { batch, rise, .. } = self.resolutions[number];
        let alpha = match number {
            0 => 1.0,
            // Without a fade the rise is infinite.
            _ if rise.is_infinite() => 1.0,
            _ => (FIRST_ALPHA + position as f64 * rise).min(1.0),
        };
        GrowthPoint { stage: Stage { step: number, alpha }, batch, position }
    }

    /// The run's epochs.
    pub fn epochs(&self) -> Epochs {
        Epochs::of(self.resolutions.iter().map(|one| Span { steps: one.steps, epoch: one.epoch }))
    }

    /// The steps at each resolution that the run reaches.
    pub fn phases(&self) -> Vec<Phase> {
        let mut start = 0u64;
        let mut phases = Vec::new();
        for (number, resolution) in self.resolutions.iter().enumerate() {
            let planned = start.saturating_add(resolution.steps);
            let end = if number + 1 == self.resolutions.len() { self.steps } else { planned.min(self.steps) };
            if start < end {
                let side = Stage::grown(number).resolution();
                phases.push(Phase { name: format!("{side}x{side}"), steps: start..end });
            }
            start = planned;
        }
        phases
    }
}

fn by_resolution<T>(list: &[T], step: usize) -> &T {
    list.get(step).or(list.last()).expect("a list that was checked is not empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ProganConfig {
        ProganConfig { resolution: 16, batches: vec![8, 4], epochs: Some(vec![2, 3]), ..ProganConfig::classic() }
    }

    #[test]
    fn epochs_are_passes_over_the_data() {
        let growth = Growth::new(&config(), 21).unwrap();
        // 3, 6 and 6 steps an epoch.
        assert_eq!(growth.steps(), 2 * 3 + 3 * 6 + 3 * 6);
        let ends: Vec<_> = (1..=42).filter(|&step| growth.epochs().end_at(step)).collect();
        assert_eq!(ends, [3, 6, 12, 18, 24, 30, 36, 42]);
        let names: Vec<_> = growth.phases().into_iter().map(|phase| (phase.name, phase.steps)).collect();
        assert_eq!(names, [("4x4".into(), 0..6), ("8x8".into(), 6..24), ("16x16".into(), 24..42)]);
        let place = growth.at(25);
        assert_eq!((place.stage.step, place.stage.resolution(), place.batch, place.position), (2, 16, 4, 1));
    }

    #[test]
    fn alpha_rises_by_the_classic_rule() {
        let classic = Growth::new(&ProganConfig::classic(), 5_000).unwrap();
        // 8x8 in batches of 128: 40 steps an epoch, 8 of them, from step 320 on.
        let alpha = |step| classic.at(step).stage.alpha;
        assert_eq!((alpha(0), alpha(319), alpha(320)), (1.0, 1.0, 0.01));
        let rise = 128.0 / (8.0 * 0.5 * 5_000.0);
        assert!((alpha(321) - (0.01 + rise)).abs() < 1e-12);
        assert!((alpha(400) - (0.01 + 80.0 * rise)).abs() < 1e-12);
        assert_eq!((alpha(320 + 155), alpha(639)), (1.0, 1.0));
        let batches: Vec<_> = classic.phases().iter().map(|phase| classic.at(phase.steps.start).batch).collect();
        assert_eq!(batches, [128, 128, 64, 16, 8, 4]);
        let at_once = ProganConfig { fade: 0.0, ..config() };
        assert_eq!(Growth::new(&at_once, 21).unwrap().at(6).stage, Stage::grown(1));
    }

    #[test]
    fn a_budget_does_not_depend_on_the_data() {
        let config =
            ProganConfig { epochs: None, pictures: Some(vec![40, 50]), evaluations: 3, critic_steps: 2, ..config() };
        let growth = Growth::new(&config, 1).unwrap();
        assert_eq!(growth, Growth::new(&config, 60_000).unwrap());
        assert_eq!(growth.phases().iter().map(|phase| phase.steps.end).collect::<Vec<_>>(), [3, 12, 21]);
        let ends: Vec<_> = (1..=21).filter(|&step| growth.epochs().end_at(step)).collect();
        assert_eq!(ends, [1, 2, 3, 6, 9, 12, 15, 18, 21]);
    }

    #[test]
    fn steps_cut_short_and_go_on() {
        let with = |steps| {
            let mut config = config();
            config.shared.steps = Some(steps);
            Growth::new(&config, 21).unwrap()
        };
        assert_eq!(with(10).phases().last().unwrap().steps, 6..10);
        assert_eq!(with(10).at(9), with(100).at(9));
        assert_eq!(with(100).phases().last().unwrap().steps, 24..100);
        assert_eq!(with(100).at(99).stage, Stage::grown(2));
        assert!(with(100).epochs().end_at(48));
        // One picture: every step is an epoch.
        let one = Growth::new(&config(), 1).unwrap();
        assert_eq!((one.steps(), one.epochs().done(5)), (8, 5.0));
    }
}
