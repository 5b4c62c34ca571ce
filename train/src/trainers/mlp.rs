//! The training of a network for tables: cross-entropy or the squared error, AdamW, a learning rate that falls on half a
//! cosine wave, averaged weights.

mod config;
mod sets;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card;

pub use config::MlpConfig;
pub use sets::{Sets, load};

use super::learner::Learner;
use crate::data::table::Targets;
use crate::data::{Batches, DataLoader, Loading, Options, RowBatch, Shuffle, Table, stack_rows};
use crate::losses::{Reduction, cross_entropy, mse};
use crate::metrics::{Classification, Regression, TableEvaluation, evaluate_table};
use crate::networks::mlp::{Mlp, Moments, Sizes};
use crate::optim::{Adam, AdamConfig, Averaged, AveragedConfig, Schedule};
use crate::run::session::{Better, Metric, Snapshot, Trainer};
use crate::run::{Checkpoint, streams};
use crate::{Error, Params, Result};

/// The network, its optimiser and average, and where it is in the data.
pub struct MlpTrainer {
    device: Device,
    network: Mlp,
    /// What the target's numbers are brought to mean 0 and variance 1 by; none of classes.
    target: Option<Moments>,
    learner: Learner,
    schedule: Schedule,
    loader: DataLoader<Table, RowBatch>,
    loading: Loading<Table, RowBatch>,
    validation: Table,
    step: u64,
}

impl MlpTrainer {
    /// A network with its initial weights, for a run of so many steps.
    pub fn new(config: &MlpConfig, sets: Sets, steps: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let seed = config.seed;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let task = match &sets.training.targets {
            Targets::Numbers(_) => card::Task::Regression,
            Targets::Classes { names, .. } => card::Task::Classification { class_count: names.len() },
        };
        let sizes = Sizes { columns: sets.training.columns.len(), hidden: config.hidden.clone(), task };
        let network = Mlp::new(params.root(), sizes)?;
        network.standardise(&sets.features(), sets.target())?;
        let Sets { training, validation } = sets;
        let adam = AdamConfig::decoupled(config.lr, config.weight_decay);
        let batches = Batches::new(Shuffle { len: training.rows(), seed }, config.batch);
        let options = Options { seed, workers: config.workers, ..Options::default() };
        let loader = DataLoader::new(Arc::new(training), batches, stack_rows(device), options);
        Ok(Self {
            device: device.clone(),
            learner: Learner {
                adam: Adam::new(params.trained(), adam)?,
                averaged: Averaged::new(params.all(), AveragedConfig::new(config.average))?,
                params,
            },
            target: network.target()?,
            network,
            schedule: config.schedule(steps),
            loading: loader.start()?,
            loader,
            validation,
            step: 0,
        })
    }

    /// The network's sizes.
    pub fn sizes(&self) -> &Sizes {
        self.network.sizes()
    }

    /// The loss, and of classes the part that is answered rightly.
    fn losses(&self, RowBatch { features, targets }: RowBatch) -> Result<Vec<(&'static str, Tensor)>> {
        let outputs = self.network.forward(&features)?;
        Ok(match self.target {
            Some(Moments { mean, std }) => {
                let targets = ((targets - mean)? / std)?.unsqueeze(1)?;
                vec![("loss", mse(&outputs, &targets, Reduction::Mean)?)]
            }
            None => {
                let labels = targets.to_dtype(DType::U32)?;
                let right = outputs.detach().argmax(1)?.eq(&labels)?.to_dtype(DType::F32)?.mean_all()?;
                vec![("loss", cross_entropy(&outputs, &labels)?), ("accuracy", right)]
            }
        })
    }
}

impl Trainer for MlpTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let batch = self.loading.next().ok_or_else(|| Error::Run("the data has ended".into()))??;
        self.learner.adam.set_lr_factor(self.schedule.factor(self.step));
        let losses = self.losses(batch)?;
        self.learner.adam.step(&losses[0].1.backward()?)?;
        self.learner.averaged.update()?;
        self.step += 1;
        losses.into_iter().map(|(name, value)| Ok((name, f64::from(value.to_scalar::<f32>()?)))).collect()
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        self.learner.params.set_frozen(true);
        let evaluation =
            self.learner.averaged.swapped(|| evaluate_table(&self.network, &self.validation, &self.device));
        self.learner.params.set_frozen(false);
        let values = match evaluation? {
            TableEvaluation::Classification(Classification { loss, confusion }) => {
                vec![("loss", Some(loss)), ("accuracy", Some(confusion.accuracy()))]
            }
            TableEvaluation::Regression(Regression { rmse, r2, .. }) => vec![("rmse", Some(rmse)), ("r2", r2)],
        };
        Ok(values.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect())
    }

    fn metric(&self) -> Option<Metric> {
        Some(match self.target {
            Some(_) => Metric { name: "rmse", better: Better::Lower },
            None => Metric { name: "accuracy", better: Better::Higher },
        })
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
        self.target = self.network.target()?;
        self.step = checkpoint.record.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;
    use crate::data::table::Task;
    use crate::data::table::synthetic;

    fn trained(config: &MlpConfig, task: Task) -> Vec<(String, f64)> {
        let sets = Sets::load(&Source::Synthetic, &MlpConfig { task: Some(task), ..config.clone() }).unwrap();
        let steps = config.total_steps(sets.training.rows());
        let mut trainer = MlpTrainer::new(config, sets, steps, &Device::Cpu).unwrap();
        for _ in 0..steps {
            trainer.step().unwrap();
        }
        trainer.evaluate().unwrap()
    }

    #[test]
    fn learns_what_no_line_can_tell() {
        let linear = MlpConfig { hidden: vec![], ..MlpConfig::classic() };
        let [layers, line] = [MlpConfig::classic(), linear].map(|config| trained(&config, Task::Classes)[1].1);
        assert!(layers > 0.97 && line < 0.7, "{layers} {line}");
    }

    #[test]
    fn learns_a_curve() {
        let linear = MlpConfig { hidden: vec![], epochs: Some(30), ..MlpConfig::classic() };
        let [layers, line] = [MlpConfig::classic(), linear].map(|config| trained(&config, Task::Regression));
        // The noise, which nothing tells, has a deviation of 1, the target one of 5.
        let (rmse, r2) = (layers[0].1, layers[1].1);
        assert!(rmse < 1.5 && r2 > 0.89 && line[1].1 < 0.8, "{rmse} {r2} {line:?}");
    }

    #[test]
    fn a_table_of_other_columns_is_named() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let sizes = Sizes { columns: 3, hidden: vec![], task: card::Task::Regression };
        let network = Mlp::new(params.root(), sizes).unwrap();
        let error = evaluate_table(&network, &synthetic::friedman(5, 0), &Device::Cpu).unwrap_err();
        assert!(matches!(&error, Error::Data(text) if text.contains("10 columns")), "{error:?}");
    }
}
