//! The classifier's training: cross-entropy, AdamW, a learning rate that falls on half a cosine wave, averaged weights,
//! randomly shifted pictures.

mod config;
mod sets;
mod shift;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;

pub use config::LenetConfig;
pub use sets::{Sets, load_test, load_unseen, relabelled};
pub use shift::RandomShift;

use super::learner::Learner;
use crate::data::{Batches, DataLoader, Loading, Options, PictureBatch, Pictures, Shuffle, Transformed, stack};
use crate::losses::cross_entropy;
use crate::metrics::classification::{self, Classification};
use crate::networks::lenet::{Lenet, Sizes};
use crate::optim::{Adam, AdamConfig, Averaged, AveragedConfig, Schedule};
use crate::run::session::{Better, Metric, Snapshot, Trainer};
use crate::run::{Checkpoint, streams};
use crate::{Error, Params, Result};

type Training = Transformed<Pictures, RandomShift>;

/// The network, its optimiser and average, and where it is in the data.
pub struct LenetTrainer {
    device: Device,
    network: Lenet,
    learner: Learner,
    schedule: Schedule,
    loader: DataLoader<Training, PictureBatch>,
    loading: Loading<Training, PictureBatch>,
    validation: Pictures,
    step: u64,
}

impl LenetTrainer {
    /// A network with its initial weights, for a run of so many steps. The pictures are of the configuration's format.
    pub fn new(config: &LenetConfig, sets: Sets, steps: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let Sets { training, validation } = sets;
        let known = training.classes.len();
        let classes = config.classes.unwrap_or(known);
        if classes < known {
            return Err(Error::Config(format!(
                "classes is {classes}, but {} has {known}; give at least as many",
                training.name
            )));
        }
        let seed = config.seed;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let network = Lenet::new(params.root(), Sizes { channels: config.channels, classes })?;
        let adam = AdamConfig::decoupled(config.lr, config.weight_decay);
        let batches = Batches::new(Shuffle { len: training.len(), seed }, config.batch);
        let dataset = Arc::new(Transformed { dataset: training, transform: RandomShift(config.shift) });
        let options = Options { seed, workers: config.workers, ..Options::default() };
        let loader = DataLoader::new(dataset, batches, stack(device, None), options);
        Ok(Self {
            device: device.clone(),
            learner: Learner {
                adam: Adam::new(params.trained(), adam)?,
                averaged: Averaged::new(params.all(), AveragedConfig::new(config.average))?,
                params,
            },
            network,
            schedule: config.schedule(steps),
            loading: loader.start()?,
            loader,
            validation,
            step: 0,
        })
    }

    /// The network's sizes.
    pub fn sizes(&self) -> Sizes {
        self.network.sizes()
    }
}

impl Trainer for LenetTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let batch = self.loading.next().ok_or_else(|| Error::Run("the data has ended".into()))??;
        let PictureBatch { images, labels } = batch;
        self.learner.adam.set_lr_factor(self.schedule.factor(self.step));
        let logits = self.network.classify(&images)?;
        let loss = cross_entropy(&logits, &labels)?;
        self.learner.adam.step(&loss.backward()?)?;
        self.learner.averaged.update()?;
        self.step += 1;
        let right = logits.detach().argmax(1)?.eq(&labels)?.to_dtype(DType::F32)?.mean_all()?;
        let number = |tensor: Tensor| -> Result<f64> { Ok(f64::from(tensor.to_scalar::<f32>()?)) };
        Ok(vec![("loss", number(loss)?), ("accuracy", number(right)?)])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        self.learner.params.set_frozen(true);
        let evaluate = || classification::evaluate(&self.network, &self.validation, &self.device);
        let evaluation = self.learner.averaged.swapped(evaluate);
        self.learner.params.set_frozen(false);
        let Classification { loss, confusion } = evaluation?;
        Ok(vec![("loss".into(), loss), ("accuracy".into(), confusion.accuracy())])
    }

    fn metric(&self) -> Option<Metric> {
        Some(Metric { name: "accuracy", better: Better::Higher })
    }

    fn waited(&self) -> Duration {
        self.loading.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.learner.snapshot(self.sizes().architecture(), self.loading.place())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let architecture = self.sizes().architecture();
        self.loading = self.learner.restore(&architecture, checkpoint, |place| self.loader.resume(place))?;
        self.step = checkpoint.record.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::data::synthetic;
    use crate::run::checkpoint::Record;

    fn sets(count: usize, config: &LenetConfig) -> Sets {
        let drawn = |count, seed| synthetic::digits(count, seed, config.format());
        Sets { training: drawn(count, 0), validation: drawn(50, 1) }
    }

    fn trainer(config: &LenetConfig, count: usize) -> LenetTrainer {
        LenetTrainer::new(config, sets(count, config), 40, &Device::Cpu).unwrap()
    }

    fn bits(trainer: &LenetTrainer) -> Vec<u32> {
        let Snapshot { weights, state, .. } = trainer.snapshot().unwrap();
        let float = weights.values().chain(state.values()).filter(|tensor| tensor.dtype() == DType::F32);
        float.flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap()).map(f32::to_bits).collect()
    }

    #[test]
    fn learns_in_a_few_steps() {
        let config = LenetConfig { batch: 32, average: 0.9, ..LenetConfig::classic() };
        let mut trainer = trainer(&config, 640);
        let before = trainer.evaluate().unwrap();
        let first = trainer.step().unwrap()[0].1;
        let last = (0..39).map(|_| trainer.step().unwrap()[0].1).last().unwrap();
        let after = trainer.evaluate().unwrap();
        assert!(last < 0.6 * first, "{first} {last}");
        assert!(after[1].1 > before[1].1 + 0.3, "{before:?} {after:?}");
    }

    #[test]
    fn goes_on_with_the_same_bits_whatever_the_workers() {
        let config = LenetConfig { batch: 8, ..LenetConfig::classic() };
        let mut whole = trainer(&config, 50);
        // Into the second epoch, past the smaller last batch of the first.
        (0..9).for_each(|_| drop(whole.step().unwrap()));
        let Snapshot { architecture, weights, state, trainer: place } = whole.snapshot().unwrap();
        let copy = |tensors: BTreeMap<String, Tensor>| {
            tensors.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect()
        };
        let record = Record {
            step: 9,
            provenance: Default::default(),
            title: None,
            classes: vec![],
            columns: None,
            trainer: place,
            session: serde_json::Value::Null,
        };
        let checkpoint = Checkpoint { architecture, weights: copy(weights), state: copy(state), record };
        let mut again = trainer(&LenetConfig { workers: 0, ..config.clone() }, 50);
        again.restore(&checkpoint).unwrap();
        for _ in 0..9 {
            // An evaluation in between changes nothing.
            whole.evaluate().unwrap();
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        assert_eq!(bits(&whole), bits(&again));

        let error = trainer(&config, 40).restore(&checkpoint).unwrap_err().to_string();
        assert!(error.contains("40 items") && error.contains("50 items"), "{error}");
        let other = LenetConfig { classes: Some(12), ..config };
        assert!(trainer(&other, 50).restore(&checkpoint).unwrap_err().to_string().contains("other sizes"));
    }

    #[test]
    fn classes_may_be_more_than_the_data_has() {
        let config = LenetConfig { classes: Some(26), ..LenetConfig::classic() };
        assert_eq!(trainer(&config, 20).sizes().classes, 26);
        let config = LenetConfig { classes: Some(3), ..config };
        let error = LenetTrainer::new(&config, sets(20, &config), 40, &Device::Cpu).err().unwrap().to_string();
        assert!(error.contains("classes is 3") && error.contains("has 10"), "{error}");
    }
}
