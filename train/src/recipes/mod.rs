//! The trainings, one folder each, and what a training is made of.
//!
//! A [`Recipe`] is the settings of a training that know how to build it. [`train`](crate::train) runs any of them;
//! everything that is not a recipe's own (folders, checkpoints, records, resuming, schedules) stands in
//! [`run`](crate::run) and knows no recipe.

pub mod ddpm;
pub mod gan;
pub mod learner;
pub mod lenet;
pub mod mlp;
pub mod player;
pub mod players;
pub mod progan;
mod samples;
pub mod style;
#[cfg(test)]
mod testing;
pub mod vae;

use candle_core::Device;

use crate::Result;
use crate::data::{Pictures, Source};
use crate::run::{DataFacts, Epochs, Trainer};
use crate::settings::{Settings, Shared};

/// A training: its settings, and how it is built from them.
pub trait Recipe: Settings + AsRef<Shared> + AsMut<Shared> + Send + 'static {
    /// The subcommand and the kind in a run folder's name.
    const NAME: &'static str;

    /// What it does, in a sentence without a full stop.
    const ABOUT: &'static str;

    /// What there is to know beyond that, in paragraphs.
    const DETAILS: &'static str;

    /// What the setting `data` takes.
    const DATA: &'static str;

    /// Command lines without the program's name, each with what it does.
    const EXAMPLES: &'static [(&'static str, &'static str)];

    /// Named settings to start from; the first are the defaults.
    const PRESETS: &'static [Preset<Self>];

    /// The settings that a resumed run keeps, beside those of the data.
    const FIXED: &'static [&'static str];

    /// Settings of which only one holds: setting one in a file or by a flag unsets the others.
    const EXCLUSIVE: &'static [&'static str] = &["steps", "epochs"];

    /// Whether it differentiates gradients.
    const SECOND_ORDER: bool = false;

    /// The files that settings name, beside the data.
    fn files(&mut self) -> Vec<&mut String> {
        vec![]
    }

    /// Fails on a value that makes no sense. [`Shared::check`] is called for it.
    fn check(&self) -> Result<()>;

    /// Reads the data and builds the networks. Settings that depend on the data are filled in.
    fn build(&mut self, data: &Source, device: &Device) -> Result<Training>;

    /// The settings of a preset.
    fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.iter().find(|preset| preset.name == name).map(|preset| (preset.settings)())
    }

    /// The settings of the first preset.
    fn defaults() -> Self {
        (Self::PRESETS[0].settings)()
    }
}

/// Named settings to start from.
pub struct Preset<R> {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a phrase.
    pub about: &'static str,
    /// The settings.
    pub settings: fn() -> R,
}

/// A training that is ready to begin or to be resumed.
pub struct Training {
    /// What is trained.
    pub trainer: Box<dyn Trainer>,
    /// Steps in total.
    pub steps: u64,
    /// The epochs, after each of which the trainer evaluates.
    pub epochs: Epochs,
    /// Whether there is a checkpoint after each epoch too.
    pub checkpoint_epochs: bool,
    /// Samples are drawn every so many steps; 0 draws them at the end.
    pub sample_every: u64,
    /// What it is trained on.
    pub data: DataFacts,
    /// The end of the run folder's name.
    pub run_name: String,
    /// A line for people: the data, and what is trained.
    pub summary: String,
    /// What the user should know before it begins.
    pub warnings: Vec<String>,
}

impl Training {
    /// Without epochs, and with samples at the end; the run is named after the data.
    pub fn new(trainer: impl Trainer + 'static, steps: u64, data: DataFacts, summary: String) -> Self {
        Self {
            trainer: Box::new(trainer),
            steps,
            epochs: Epochs::none(),
            checkpoint_epochs: false,
            sample_every: 0,
            run_name: data.name.clone(),
            data,
            summary,
            warnings: vec![],
        }
    }
}

/// What is said of labelled pictures.
fn facts(pictures: &Pictures) -> DataFacts {
    DataFacts { name: pictures.name.clone(), classes: pictures.classes.clone(), ..DataFacts::default() }
}
