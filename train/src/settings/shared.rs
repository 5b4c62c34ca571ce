//! The settings that recipes have in common.

use easel_runtime::Device;

use super::check;
use crate::optim::{LrSchedule, Schedule};
use crate::{Error, Result};

/// The most steps of a run, and the most epochs.
const MOST_STEPS: u64 = 1_000_000_000_000;

/// The warm-up steps of a learning rate that decays, if a run is long enough.
const WARMUP: u64 = 100;

crate::settings! {
    /// The settings of every recipe.
    pub struct Shared {
        /// The training data
        #[was("content")]
        #[arg(value_name = "DATA")]
        pub data: Option<String>,
        /// Training steps in total
        #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        pub steps: Option<u64>,
        /// Seed of all random numbers
        #[arg(value_name = "N")]
        pub seed: u64,
        /// Where to compute: auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
        #[arg(value_name = "DEVICE")]
        #[serde(with = "crate::settings::text")]
        pub device: Device,
        /// CPU threads of the network
        #[arg(value_name = "N")]
        pub threads: usize,
        /// Threads that prepare batches; 0 prepares them between the steps. The result is the same
        #[arg(value_name = "N")]
        pub workers: usize,
        /// Adam's learning rate, at its peak
        #[arg(value_name = "X")]
        pub lr: f64,
        /// The learning rate over the run
        #[was("lr-shape")]
        #[arg(value_enum)]
        pub lr_schedule: LrSchedule,
        /// Decay of the EMA of the weights, which is what is evaluated, sampled and exported; 0 takes the last weights
        #[was("average")]
        #[arg(value_name = "X")]
        pub ema_decay: f64,
        /// Log the losses every N steps; 0 logs them after each epoch and at the end
        #[arg(value_name = "N")]
        pub log_every: u64,
        /// Write a checkpoint every N steps; 0 writes one at the end, beside those after epochs
        #[arg(value_name = "N")]
        pub checkpoint_every: u64,
        /// How many of the latest checkpoints to keep
        #[arg(value_name = "N")]
        pub keep: usize,
    }
}

impl Default for Shared {
    /// The defaults of most recipes. Each sets its own length and learning rate.
    fn default() -> Self {
        Self {
            data: None,
            steps: None,
            seed: 0,
            device: Device::Auto,
            threads: 2,
            workers: 1,
            lr: 1e-3,
            lr_schedule: LrSchedule::Constant,
            ema_decay: 0.999,
            log_every: 50,
            checkpoint_every: 500,
            keep: 3,
        }
    }
}

impl Shared {
    /// Fails on an invalid value.
    pub fn check(&self) -> Result<()> {
        check::within("steps", self.steps.unwrap_or(1), 1..=MOST_STEPS)?;
        check::within("threads", self.threads, 1..=1 << 10)?;
        check::within("workers", self.workers, 0..=1 << 8)?;
        check::above_zero("lr", self.lr)?;
        check::decay("ema_decay", self.ema_decay)?;
        check::within("keep", self.keep, 1..=usize::MAX)
    }

    /// The learning rate over a run of this many steps.
    pub fn schedule(&self, steps: u64) -> Schedule {
        self.lr_schedule.over(steps, WARMUP.min(steps / 10))
    }
}

crate::settings! {
    /// The batch size and the number of epochs.
    pub struct Epochs {
        /// Items in a batch
        #[arg(value_name = "N")]
        pub batch: usize,
        /// In place of steps: passes over the training data
        #[arg(value_name = "N", conflicts_with = "steps", value_parser = clap::value_parser!(u64).range(1..))]
        pub epochs: Option<u64>,
    }
}

impl Epochs {
    /// The largest batch size.
    const MOST_BATCH: usize = 1 << 20;

    /// Fails on an invalid value, and where neither steps nor epochs are given.
    pub fn check(&self, steps: Option<u64>) -> Result<()> {
        check::within("batch", self.batch, 1..=Self::MOST_BATCH)?;
        check::within("epochs", self.epochs.unwrap_or(1), 1..=MOST_STEPS)?;
        match (steps, self.epochs) {
            (None, None) => Err(Error::Config("neither steps nor epochs are set; set one of them".into())),
            _ => Ok(()),
        }
    }

    /// The steps of an epoch over this many items with `batches` batches in a step.
    pub fn epoch_steps(&self, items: usize, batches: usize) -> u64 {
        items.div_ceil(self.batch.saturating_mul(batches)).max(1) as u64
    }

    /// Replaces epochs of this many steps by the total number of steps. If both are set, the run ends with the first to be
    /// reached.
    pub fn resolve(&mut self, shared: &mut Shared, epoch_steps: u64) -> u64 {
        let epochs = self.epochs.take().map(|epochs| epochs.saturating_mul(epoch_steps));
        *shared.steps.insert(epochs.into_iter().chain(shared.steps).min().unwrap_or_default())
    }
}

crate::settings! {
    /// Samples while training.
    pub struct Sampling {
        /// Draw samples every N steps; 0 draws them at the end. Every ten epochs if it is not set
        #[arg(value_name = "N")]
        pub sample_every: Option<u64>,
    }
}

impl Sampling {
    /// The steps between two sets of samples: ten epochs where nothing is set.
    pub fn every(&self, epoch_steps: u64) -> u64 {
        self.sample_every.unwrap_or(epoch_steps.saturating_mul(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_become_steps() {
        let epochs = |epochs| Epochs { batch: 128, epochs };
        assert_eq!((epochs(None).epoch_steps(60_000, 1), epochs(None).epoch_steps(60_000, 2)), (469, 235));
        let resolved = |steps, number| {
            let (mut shared, mut epochs) = (Shared { steps, ..Shared::default() }, epochs(number));
            assert_eq!(epochs.resolve(&mut shared, 469), shared.steps.unwrap());
            assert_eq!(epochs.epochs, None);
            shared.steps.unwrap()
        };
        assert_eq!((resolved(None, Some(2)), resolved(Some(7), None), resolved(Some(7), Some(2))), (938, 7, 7));
        assert_eq!(resolved(None, Some(u64::MAX)), u64::MAX);
        assert!(Epochs { epochs: None, batch: 1 }.check(None).is_err());
    }
}
