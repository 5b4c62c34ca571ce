//! A recipe of one's own: logistic regression on pictures. It gets run folders, checkpoints, resuming and the EMA.
//!
//! ```text
//! cargo run --release -p easel-train --example own_recipe -- RUNS
//! ```

use std::sync::Arc;

use candle_core::{DType, Device};
use easel_runtime::Random;
use easel_runtime::card::Architecture;
use easel_train::data::{self, PictureBatch, PictureFormat, Pictures, Source, stack};
use easel_train::losses::cross_entropy;
use easel_train::nn::{Linear, LinearOptions};
use easel_train::optim::AdamConfig;
use easel_train::recipes::learner::{Learner, number, shuffled};
use easel_train::recipes::{Preset, Recipe, Training};
use easel_train::run::{Checkpoint, DataFacts, Snapshot, Trainer};
use easel_train::settings::{Epochs, Shared, finite_from_zero};
use easel_train::{Params, Result, TrainOptions, settings, train};

settings! {
    /// The settings of logistic regression.
    pub struct LogisticConfig {
        /// AdamW's decoupled weight decay
        pub weight_decay: f64,
        ..epochs: Epochs,
        ..shared: Shared,
    }
}

impl LogisticConfig {
    fn classic() -> Self {
        let epochs = Epochs { batch: 64, epochs: Some(1) };
        Self { weight_decay: 0.01, epochs, shared: Shared { threads: 1, ..Shared::default() } }
    }
}

impl Recipe for LogisticConfig {
    const NAME: &'static str = "logistic";
    const ABOUT: &'static str = "Train logistic regression on pictures";
    const DETAILS: &'static str = "";
    const DATA: &'static str = data::PICTURES;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];
    const PRESETS: &'static [Preset<Self>] =
        &[Preset { name: "classic", about: "one epoch", settings: LogisticConfig::classic }];
    const FIXED: &'static [&'static str] = &["seed", "batch"];

    fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        finite_from_zero("weight_decay", self.weight_decay)
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let pictures = data::load(source, PictureFormat { channels: 1, height: 28, width: 28 })?;
        let data = DataFacts { name: pictures.name.clone(), classes: pictures.classes.clone(), ..Default::default() };
        let summary = format!("{} pictures", pictures.len());
        let epoch = self.epochs.epoch_steps(pictures.len(), 1);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let params = Params::new(DType::F32, device, Random::new(self.shared.seed, 0));
        let layer = Linear::new(params.root(), 28 * 28, data.classes.len(), LinearOptions::default())?;
        let loader = shuffled(Arc::new(pictures), self.epochs.batch, &self.shared, stack(device, None));
        let adam = AdamConfig::decoupled(self.shared.lr, self.weight_decay);
        let learner = Learner::new(params, adam, self.shared.ema_decay, self.shared.schedule(steps), loader)?;
        Ok(Training::new(Logistic { layer, learner }, steps, data, summary))
    }
}

struct Logistic {
    layer: Linear,
    learner: Learner<Pictures, PictureBatch>,
}

impl Logistic {
    fn architecture() -> Architecture {
        Architecture { name: "logistic".into(), sizes: Default::default() }
    }
}

impl Trainer for Logistic {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let PictureBatch { images, labels } = self.learner.feed.next_batch()?;
        let loss = cross_entropy(&self.layer.forward(&images.flatten_from(1)?)?, &labels)?;
        self.learner.learn(&loss)?;
        Ok(vec![("loss", number(&loss)?)])
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.learner.snapshot(Self::architecture())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restore(&Self::architecture(), checkpoint)
    }
}

fn main() -> Result<()> {
    let runs = std::env::args().nth(1).unwrap_or_else(|| "runs".into());
    let mut config = LogisticConfig::classic();
    config.shared.data = Some("synthetic".into());
    let run = train(config, TrainOptions::new(runs))?;
    println!("{}", run.folder.display());
    Ok(())
}
