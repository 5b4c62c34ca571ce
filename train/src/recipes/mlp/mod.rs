//! A network for tables: cross-entropy or the squared error, AdamW, an EMA of the weights.

mod config;
mod sets;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{self, Columns};

pub use config::MlpConfig;
pub use sets::{Sets, load};

use super::learner::{Learner, number, shuffled};
use super::{Preset, Recipe, Training};
use crate::data::about::class_counts;
use crate::data::table::Targets;
use crate::data::{RowBatch, Source, Table, stack_rows};
use crate::losses::{Reduction, cross_entropy, mse};
use crate::metrics::{Classification, Regression, TableEvaluation, evaluate_table};
use crate::networks::mlp::{Mlp, Moments, Sizes};
use crate::optim::AdamConfig;
use crate::run::{Better, Checkpoint, DataFacts, Epochs, Metric, Snapshot, Trainer, streams};
use crate::settings::Shared;
use crate::{Params, Result};

impl Recipe for MlpConfig {
    const NAME: &'static str = "mlp";
    const ABOUT: &'static str = "Train a multi-layer perceptron to predict the last column of a table from the others";
    const DETAILS: &'static str = "The table is a CSV file of numbers, gzipped or not. Its last column is the target: numbers \
        (a regression) or names of classes. Columns are standardised inside the network, so it takes them as they are.\n\nA \
        part of the rows is held out. After each epoch the accuracy on it is printed, or the root mean squared error in the \
        column's own unit and R2. The checkpoint of the best epoch is kept; best.json names it.";
    const DATA: &'static str = "a CSV file whose cells are separated by commas, semicolons or tabs, or `synthetic`";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data flowers.csv", "predict the last column from the others"),
        ("--data ratings.csv.gz --task classes", "a last column of numbers that are names of classes"),
        ("--data synthetic --task regression", "a table that the program draws"),
        ("--data houses.csv --hidden 128,128,64 --epochs 300 --dry-run", "an estimate for a larger network"),
        ("--resume runs/00003-mlp-flowers", "resume an interrupted run"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset { name: "classic", about: "two hidden layers, 100 epochs", settings: Self::classic },
        Preset { name: "quick", about: "20 epochs: a first try", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &["header", "task", "seed", "batch", "hidden", "validation_split"];

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let sets = Sets::load(source, self)?;
        let warnings = sets.warnings();
        let Table { name, columns, target, targets, .. } = &sets.training;
        let (rows, name) = (sets.training.rows(), name.clone());
        let epoch = self.epochs.epoch_steps(rows, 1);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let classes = match targets {
            Targets::Numbers(_) => vec![],
            Targets::Classes { names, .. } => names.clone(),
        };
        let summary = format!(
            "{rows} rows of {} columns from {name}, {} more for validation, to predict `{target}`, {}; {steps} steps, \
             {epoch} an epoch",
            columns.len(),
            sets.validation.rows(),
            if classes.is_empty() { "a number".into() } else { format!("one of {} classes", classes.len()) },
        );
        let notes = match targets {
            Targets::Numbers(_) => vec![],
            Targets::Classes { names, labels } => vec![format!("classes: {}", class_counts(names, labels))],
        };
        let columns = Some(Columns { features: columns.clone(), target: target.clone() });
        let data = DataFacts { name, classes, columns, ..DataFacts::default() };
        let trainer = MlpTrainer::new(self, sets, steps, device)?;
        Ok(Training { epochs: Epochs::every(epoch), notes, warnings, ..Training::new(trainer, steps, data, summary) })
    }
}

struct MlpTrainer {
    device: Device,
    network: Mlp,
    /// The moments by which a regression's target is standardised.
    target: Option<Moments>,
    learner: Learner<Table, RowBatch>,
    validation: Table,
}

impl MlpTrainer {
    /// A network with its initial weights.
    fn new(config: &MlpConfig, sets: Sets, steps: u64, device: &Device) -> Result<Self> {
        let Shared { seed, lr, ema_decay, .. } = config.shared;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let task = match &sets.training.targets {
            Targets::Numbers(_) => card::TabularTask::Regression,
            Targets::Classes { names, .. } => card::TabularTask::Classification { class_count: names.len() },
        };
        let sizes = Sizes { columns: sets.training.columns.len(), hidden: config.hidden.clone(), task };
        let network = Mlp::new(params.root(), sizes)?;
        network.standardise(&sets.features(), sets.target())?;
        let Sets { training, validation } = sets;
        let loader = shuffled(Arc::new(training), config.epochs.batch, &config.shared, stack_rows(device));
        let adam = AdamConfig::decoupled(lr, config.weight_decay);
        let learner = Learner::new(params, adam, ema_decay, config.shared.schedule(steps), loader)?;
        Ok(Self { device: device.clone(), target: network.target()?, network, learner, validation })
    }

    /// The loss, and the accuracy of a classification.
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
        let batch = self.learner.feed.next_batch()?;
        let losses = self.losses(batch)?;
        self.learner.learn(&losses[0].1)?;
        losses.iter().map(|(name, value)| Ok((*name, number(value)?))).collect()
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        let evaluate = |_: &Params| evaluate_table(&self.network, &self.validation, &self.device);
        let values = match self.learner.player.with_ema(evaluate)? {
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
        self.learner.feed.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.learner.snapshot(self.network.sizes().architecture())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restore(&self.network.sizes().architecture(), checkpoint)?;
        self.target = self.network.target()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::TableTask;
    use crate::data::table::synthetic;

    fn trained(config: &MlpConfig, task: TableTask) -> Vec<(String, f64)> {
        let sets = Sets::load(&Source::Synthetic, &MlpConfig { task: Some(task), ..config.clone() }).unwrap();
        let mut config = config.clone();
        let epoch = config.epochs.epoch_steps(sets.training.rows(), 1);
        let steps = config.epochs.resolve(&mut config.shared, epoch);
        let mut trainer = MlpTrainer::new(&config, sets, steps, &Device::Cpu).unwrap();
        for _ in 0..steps {
            trainer.step().unwrap();
        }
        trainer.evaluate().unwrap()
    }

    #[test]
    fn learns_what_no_line_can_tell() {
        let linear = MlpConfig { hidden: vec![], ..MlpConfig::classic() };
        let [layers, line] = [MlpConfig::classic(), linear].map(|config| trained(&config, TableTask::Classes)[1].1);
        assert!(layers > 0.97 && line < 0.7, "{layers} {line}");
    }

    #[test]
    fn learns_a_curve() {
        let linear = MlpConfig { hidden: vec![], ..MlpConfig::quick() };
        let [layers, line] = [MlpConfig::classic(), linear].map(|config| trained(&config, TableTask::Regression));
        // The noise, which cannot be predicted, has a standard deviation of 1, the target one of 5.
        let (rmse, r2) = (layers[0].1, layers[1].1);
        assert!(rmse < 1.5 && r2 > 0.89 && line[1].1 < 0.8, "{rmse} {r2} {line:?}");
    }

    #[test]
    fn a_table_of_other_columns_is_named() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let sizes = Sizes { columns: 3, hidden: vec![], task: card::TabularTask::Regression };
        let network = Mlp::new(params.root(), sizes).unwrap();
        let error = evaluate_table(&network, &synthetic::friedman(5, 0), &Device::Cpu).unwrap_err();
        assert!(matches!(&error, crate::Error::Data(text) if text.contains("10 columns")), "{error:?}");
    }
}
