//! What a denoiser is trained to predict.

use easel_runtime::card::{Architecture, BetaSchedule, Prediction};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{LARGEST, MULTIPLE, Sizes};
use crate::{Error, Result};

/// The key in an architecture.
const KEY: &str = "task";

/// What a denoiser is trained to predict. A checkpoint records it beside the sizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default = "DenoisingTask::classic")]
pub struct DenoisingTask {
    /// The beta schedule.
    pub schedule: BetaSchedule,
    /// What the network predicts.
    pub prediction: Prediction,
    /// The label of a dropped condition, where the network was trained with condition dropout: the last one.
    pub null_label: Option<usize>,
    /// Height and width of the pictures.
    pub side: usize,
}

impl DenoisingTask {
    /// The published one, for 32x32 pictures: 1000 timesteps, betas from 1e-4 to 0.02 (Ho et al. 2020, arXiv 2006.11239,
    /// section 4).
    pub fn classic() -> Self {
        let schedule = BetaSchedule::Linear { steps: 1000, start: 1e-4, end: 0.02 };
        Self { schedule, prediction: Prediction::Noise, null_label: None, side: 32 }
    }

    /// The architecture of a network of these sizes with this task.
    pub fn architecture(&self, sizes: &Sizes) -> Architecture {
        let mut architecture = sizes.architecture();
        let task = serde_json::to_value(self).expect("a task is plain numbers and names");
        architecture.sizes.insert(KEY.into(), task);
        architecture
    }

    /// From a checkpoint or a card; [`DenoisingTask::classic`] where it records none. Fails where it cannot be read.
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
        if steps != sizes.timesteps {
            return bad(format!("a beta schedule of {steps} timesteps for a network of {}", sizes.timesteps));
        }
        if !(MULTIPLE..=LARGEST).contains(&self.side) || !self.side.is_multiple_of(MULTIPLE) {
            return bad(format!(
                "{0}x{0} pictures; give a side that is a multiple of {MULTIPLE} up to {LARGEST}",
                self.side
            ));
        }
        if self.null_label.is_some_and(|null| null + 1 != sizes.labels) || self.classes(sizes) == 0 {
            return bad(format!(
                "the null label is {:?} of {} labels; it has to be the last",
                self.null_label, sizes.labels
            ));
        }
        Ok(())
    }

    /// The number of classes of a network of these sizes.
    pub fn classes(&self, sizes: &Sizes) -> usize {
        sizes.labels - usize::from(self.null_label.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_does_not_fit_its_network_is_refused() {
        let (sizes, task) = (
            Sizes { labels: 11, ..Sizes::default() },
            DenoisingTask { null_label: Some(10), ..DenoisingTask::classic() },
        );
        task.check(&sizes).unwrap();
        assert_eq!(DenoisingTask::read(&task.architecture(&sizes)).unwrap(), task);
        let schedule = |steps| BetaSchedule::Linear { steps, start: 1e-4, end: 0.02 };
        for wrong in [
            DenoisingTask { schedule: schedule(10), ..task },
            DenoisingTask { schedule: BetaSchedule::Linear { steps: 1000, start: 0.9, end: 0.9 }, ..task },
            DenoisingTask { null_label: Some(77), ..task },
            DenoisingTask { side: 0, ..task },
            DenoisingTask { side: 17, ..task },
            DenoisingTask { side: 1 << 32, ..task },
        ] {
            let error = wrong.check(&sizes).unwrap_err().to_string();
            assert!(error.starts_with("the denoiser's task: "), "{error}");
        }
    }
}
