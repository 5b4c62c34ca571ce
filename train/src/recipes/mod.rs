//! The recipes, one folder each, and the trait that they implement.
//!
//! A [`Recipe`] holds the settings of a training and builds it from them. [`train`](crate::train) runs any recipe; what
//! all of them share (folders, checkpoints, records, resuming, schedules) is in [`run`](crate::run), which does not depend
//! on recipes.

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

/// The settings of a training, and how it is built from them.
pub trait Recipe: Settings + AsRef<Shared> + AsMut<Shared> + Send + 'static {
    /// The subcommand and the kind in a run folder's name.
    const NAME: &'static str;

    /// A one-line description without a full stop.
    const ABOUT: &'static str;

    /// Further description, in paragraphs.
    const DETAILS: &'static str;

    /// The values of the setting `data`.
    const DATA: &'static str;

    /// Command lines without the program's name, each with what it does.
    const EXAMPLES: &'static [(&'static str, &'static str)];

    /// Named settings to start from; the first are the defaults.
    const PRESETS: &'static [Preset<Self>];

    /// The settings that cannot change when a run is resumed, besides those of the data.
    const FIXED: &'static [&'static str];

    /// Mutually exclusive settings: setting one in a file or by a flag unsets the others.
    const EXCLUSIVE: &'static [&'static str] = &["steps", "epochs"];

    /// Whether it needs second derivatives.
    const SECOND_ORDER: bool = false;

    /// The files that settings name, besides the data.
    fn files(&mut self) -> Vec<&mut String> {
        vec![]
    }

    /// Fails on an invalid value. [`Shared::check`] is called separately.
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
    /// A short description.
    pub about: &'static str,
    /// The settings.
    pub settings: fn() -> R,
}

/// A training that is ready to start or to resume.
pub struct Training {
    /// The trainer.
    pub trainer: Box<dyn Trainer>,
    /// Steps in total.
    pub steps: u64,
    /// The epochs, after each of which the trainer evaluates.
    pub epochs: Epochs,
    /// Whether a checkpoint is also written after each epoch.
    pub checkpoint_epochs: bool,
    /// The steps between samples; 0 draws them only at the end.
    pub sample_every: u64,
    /// The training data.
    pub data: DataFacts,
    /// The suffix of the run folder's name.
    pub run_name: String,
    /// A line of text: the data, and what is trained.
    pub summary: String,
    /// Lines of text about the data, to show before it starts.
    pub notes: Vec<String>,
    /// Warnings to show before it starts.
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
            notes: vec![],
            warnings: vec![],
        }
    }
}

/// What is known of pictures before they are trained on.
struct Known {
    /// For checkpoints and cards.
    facts: DataFacts,
    /// Their number.
    count: usize,
    /// Lines to show before the training.
    notes: Vec<String>,
    /// Warnings to show before the training.
    warnings: Vec<String>,
}

impl Known {
    fn of(pictures: &Pictures) -> Self {
        let facts = DataFacts {
            name: pictures.name.clone(),
            classes: pictures.classes.clone(),
            unclassified: pictures.about.unclassified,
            fingerprint: pictures.about.fingerprint.clone(),
            ..DataFacts::default()
        };
        Self { facts, count: pictures.len(), notes: pictures.notes(), warnings: pictures.warnings() }
    }
}
