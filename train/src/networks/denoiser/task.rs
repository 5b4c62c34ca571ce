//! What a denoiser's predictions mean.

use easel_runtime::card::{Architecture, BetaSchedule, Prediction};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{LARGEST, MULTIPLE, Sizes};
use crate::{Error, Result};

/// The key in an architecture.
const KEY: &str = "task";

/// What a denoiser was trained for. It stands beside the sizes in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default = "Task::classic")]
pub struct Task {
    /// How much noise there is at which time.
    pub schedule: BetaSchedule,
    /// What is predicted.
    pub prediction: Prediction,
    /// The label that stands for any class, where there is one: the last.
    pub null_label: Option<usize>,
    /// The height and width of the pictures that it makes.
    pub side: usize,
}

impl Task {
    /// The published one, for pictures of 32x32: noise of 1000 times, betas from 1e-4 to 0.02 (Ho et al. 2020, arXiv
    /// 2006.11239, section 4).
    pub fn classic() -> Self {
        let schedule = BetaSchedule::Linear { steps: 1000, start: 1e-4, end: 0.02 };
        Self { schedule, prediction: Prediction::Noise, null_label: None, side: 32 }
    }

    /// The architecture of a network of these sizes that has this task.
    pub fn architecture(&self, sizes: &Sizes) -> Architecture {
        let mut architecture = sizes.architecture();
        let task = serde_json::to_value(self).expect("a task is plain numbers and names");
        architecture.sizes.insert(KEY.into(), task);
        architecture
    }

    /// From a checkpoint or a card; without one it is [`Task::classic`]. Fails where it cannot be read.
    pub fn read(from: &Architecture) -> Result<Self> {
        let read = |task: &Json| {
            serde_json::from_value(task.clone())
                .map_err(|error| Error::Checkpoint(format!("the denoiser's task cannot be read: {error}")))
        };
        from.sizes.get(KEY).map_or_else(|| Ok(Self::classic()), read)
    }

    /// Fails where a network of these sizes cannot have this task.
    pub fn check(&self, sizes: &Sizes) -> Result<()> {
        let bad = |what: String| Err(Error::Checkpoint(format!("the denoiser's task: {what}")));
        let (BetaSchedule::Linear { steps, .. } | BetaSchedule::Cosine { steps, .. }) = self.schedule;
        if let Err(error) = self.schedule.schedule() {
            return bad(error.to_string());
        }
        if steps != sizes.times {
            return bad(format!("a schedule of {steps} times for a network that knows {}", sizes.times));
        }
        if !(MULTIPLE..=LARGEST).contains(&self.side) || !self.side.is_multiple_of(MULTIPLE) {
            return bad(format!("pictures of {0}x{0}; sides are multiples of {MULTIPLE} up to {LARGEST}", self.side));
        }
        if self.null_label.is_some_and(|null| null + 1 != sizes.labels) || self.classes(sizes) == 0 {
            return bad(format!("{:?} as the label of any class, of {} labels", self.null_label, sizes.labels));
        }
        Ok(())
    }

    /// The classes that a network of these sizes knows.
    pub fn classes(&self, sizes: &Sizes) -> usize {
        sizes.labels - usize::from(self.null_label.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_does_not_fit_its_network_is_refused() {
        let (sizes, task) =
            (Sizes { labels: 11, ..Sizes::default() }, Task { null_label: Some(10), ..Task::classic() });
        task.check(&sizes).unwrap();
        assert_eq!(Task::read(&task.architecture(&sizes)).unwrap(), task);
        let schedule = |steps| BetaSchedule::Linear { steps, start: 1e-4, end: 0.02 };
        for wrong in [
            Task { schedule: schedule(10), ..task },
            Task { schedule: BetaSchedule::Linear { steps: 1000, start: 0.9, end: 0.9 }, ..task },
            Task { null_label: Some(77), ..task },
            Task { side: 0, ..task },
            Task { side: 17, ..task },
            Task { side: 1 << 32, ..task },
        ] {
            let error = wrong.check(&sizes).unwrap_err().to_string();
            assert!(error.starts_with("the denoiser's task: "), "{error}");
        }
    }
}
