//! A classifier (LeCun et al. 1998): cross-entropy, AdamW, an EMA of the weights, randomly shifted pictures.

mod config;
mod sets;
mod shift;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device};
use easel_runtime::Random;

pub use config::LenetConfig;
pub use sets::{Sets, load_test, load_unseen, relabelled};
pub use shift::RandomShift;

use super::learner::{Learner, number, shuffled};
use super::{Known, Preset, Recipe, Training};
use crate::data::{self, PictureBatch, Pictures, Source, Transformed, stack};
use crate::losses::cross_entropy;
use crate::metrics::classification::{self, Classification};
use crate::networks::lenet::{Lenet, Sizes};
use crate::optim::AdamConfig;
use crate::run::{Better, Checkpoint, Epochs, Metric, Snapshot, Trainer, streams};
use crate::settings::Shared;
use crate::{Error, Params, Result};

impl Recipe for LenetConfig {
    const NAME: &'static str = "lenet";
    const ABOUT: &'static str = "Train a LeNet to classify pictures, resized to 32x32";
    const DETAILS: &'static str = "Loss and accuracy on the training and the validation pictures are printed after each \
        epoch. The validation pictures are those of a folder `val`, else `test`, beside `train`, MNIST's test set (t10k), \
        other drawn digits for `synthetic`, and otherwise a part that is held out. The checkpoint of the best epoch is kept; best.json names it.";
    const DATA: &'static str = data::PICTURES;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data mnist/", "MNIST's four files, gzipped or not, as they are published"),
        ("--data synthetic --preset quick", "digits that the program draws"),
        ("--data photos/ --channels 3", "a folder of class folders of pictures, in colour"),
        ("--resume runs/00003-lenet-mnist", "resume an interrupted run"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset { name: "classic", about: "above 99 % on MNIST, in some minutes", settings: Self::classic },
        Preset { name: "quick", about: "a first try", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &["seed", "batch", "channels", "classes", "validation_split"];

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let sets = Sets::load(source, self)?;
        let Known { mut facts, count, notes, warnings } = sets.known();
        let (name, held_out) = (facts.name.clone(), sets.validation.len());
        let epoch = self.epochs.epoch_steps(count, 1);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let trainer = LenetTrainer::new(self, sets, steps, device)?;
        // Classes beyond those of the data are named by their numbers.
        let classes = &mut facts.classes;
        classes.extend((classes.len()..trainer.network.sizes().classes).map(|label| label.to_string()));
        let summary = format!(
            "{count} pictures of {} classes from {name}, {held_out} more for validation; {steps} steps, {epoch} an epoch",
            classes.len()
        );
        Ok(Training { epochs: Epochs::every(epoch), notes, warnings, ..Training::new(trainer, steps, facts, summary) })
    }
}

type TrainingSet = Transformed<Pictures, RandomShift>;

struct LenetTrainer {
    device: Device,
    network: Lenet,
    learner: Learner<TrainingSet, PictureBatch>,
    validation: Pictures,
}

impl LenetTrainer {
    /// A network with its initial weights. The pictures have the configuration's format.
    fn new(config: &LenetConfig, sets: Sets, steps: u64, device: &Device) -> Result<Self> {
        let Sets { training, validation } = sets;
        let known = training.classes.len();
        let classes = config.classes.unwrap_or(known);
        if classes < known {
            let expected = format!("at least {known}, which {} has", training.name);
            return Err(Error::Setting { name: "classes", value: classes.to_string(), expected });
        }
        let Shared { seed, lr, ema_decay, .. } = config.shared;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let network = Lenet::new(params.root(), Sizes { channels: config.channels, classes })?;
        let dataset = Arc::new(Transformed { dataset: training, transform: RandomShift(config.shift) });
        let loader = shuffled(dataset, config.epochs.batch, &config.shared, stack(device, None));
        let adam = AdamConfig::decoupled(lr, config.weight_decay);
        let learner = Learner::new(params, adam, ema_decay, config.shared.schedule(steps), loader)?;
        Ok(Self { device: device.clone(), network, learner, validation })
    }
}

impl Trainer for LenetTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let PictureBatch { images, labels } = self.learner.feed.next_batch()?;
        let logits = self.network.classify(&images)?;
        let loss = cross_entropy(&logits, &labels)?;
        self.learner.learn(&loss)?;
        let right = logits.detach().argmax(1)?.eq(&labels)?.to_dtype(DType::F32)?.mean_all()?;
        Ok(vec![("loss", number(&loss)?), ("accuracy", number(&right)?)])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        let evaluate = |_: &Params| classification::evaluate(&self.network, &self.validation, &self.device);
        let Classification { loss, confusion } = self.learner.player.with_ema(evaluate)?;
        Ok(vec![("loss".into(), loss), ("accuracy".into(), confusion.accuracy())])
    }

    fn metric(&self) -> Option<Metric> {
        Some(Metric { name: "accuracy", better: Better::Higher })
    }

    fn waited(&self) -> Duration {
        self.learner.feed.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.learner.snapshot(self.network.sizes().architecture())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restore(&self.network.sizes().architecture(), checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_bits as bits, checkpoint};
    use super::*;
    use crate::data::synthetic;

    fn config(batch: usize) -> LenetConfig {
        let classic = LenetConfig::classic();
        LenetConfig { epochs: crate::settings::Epochs { batch, epochs: None }, ..classic }
    }

    fn sets(count: usize, config: &LenetConfig) -> Sets {
        let drawn = |count, seed| synthetic::digits(count, seed, config.format());
        Sets { training: drawn(count, 0), validation: drawn(50, 1) }
    }

    fn trainer(config: &LenetConfig, count: usize) -> LenetTrainer {
        LenetTrainer::new(config, sets(count, config), 40, &Device::Cpu).unwrap()
    }

    #[test]
    fn learns_in_a_few_steps() {
        let mut config = config(32);
        config.shared.ema_decay = 0.9;
        let mut trainer = trainer(&config, 640);
        let before = trainer.evaluate().unwrap();
        let first = trainer.step().unwrap()[0].1;
        let last = (0..39).map(|_| trainer.step().unwrap()[0].1).last().unwrap();
        let after = trainer.evaluate().unwrap();
        assert!(last < 0.6 * first, "{first} {last}");
        assert!(after[1].1 > before[1].1 + 0.3, "{before:?} {after:?}");
    }

    #[test]
    fn resumes_with_the_same_bits_whatever_the_workers() {
        let config = config(8);
        let mut whole = trainer(&config, 50);
        // Into the second epoch, past the smaller last batch of the first.
        (0..9).for_each(|_| drop(whole.step().unwrap()));
        let saved = checkpoint(&whole, 9);
        let mut without_workers = config.clone();
        without_workers.shared.workers = 0;
        let mut again = trainer(&without_workers, 50);
        again.restore(&saved).unwrap();
        for _ in 0..9 {
            // An evaluation in between changes nothing.
            whole.evaluate().unwrap();
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        assert_eq!(bits(&whole), bits(&again));

        let error = trainer(&config, 40).restore(&saved).unwrap_err().to_string();
        assert!(error.contains("40 items") && error.contains("50 items"), "{error}");
        let other = LenetConfig { classes: Some(12), ..config };
        assert!(trainer(&other, 50).restore(&saved).unwrap_err().to_string().contains("other sizes"));
    }

    #[test]
    fn classes_may_be_more_than_the_data_has() {
        let config = LenetConfig { classes: Some(26), ..config(8) };
        assert_eq!(trainer(&config, 20).network.sizes().classes, 26);
        let config = LenetConfig { classes: Some(3), ..config };
        let error = LenetTrainer::new(&config, sets(20, &config), 40, &Device::Cpu).err().unwrap();
        assert!(matches!(error, Error::Setting { name: "classes", .. }), "{error}");
    }
}
