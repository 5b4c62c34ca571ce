//! Tries all models before the work begins.

use std::path::PathBuf;
use std::sync::OnceLock;

use easel_console::tell;
use easel_runtime::stylizer::IoSpec;

use super::options::{StatisticsSource, TileSize};
use super::plan::StylizePlan;
use super::stylizer::Stylizer;
use super::tiling::ModelTraits;
use super::worker::Worker;
use crate::cli::EngineNames;
use crate::error::{Error, Result};
use crate::model::find_model;

/// A note on models of a fixed size.
pub(super) const RESIZED: &str =
    "note: the model takes pictures of one size only: others are resized to it and back, and lose detail";

/// What the models and the engine are called.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelNames {
    /// The models' titles.
    pub titles: Vec<String>,
    /// The engine, if it was started.
    pub engine: Option<EngineNames>,
}

/// A model of the plan, and what was found by running it. It is opened once by each worker.
pub(super) struct StyleModel {
    /// Its file.
    pub path: PathBuf,
    /// The I/O spec of a model without a card.
    pub io_spec: OnceLock<IoSpec>,
}

impl StyleModel {
    /// Finds the files of the plan's models.
    pub fn find_all(plan: &StylizePlan) -> Result<Vec<Self>> {
        let find = |path| Ok(Self { path, io_spec: OnceLock::new() });
        plan.styles.iter().map(|style| find_model(&style.model).and_then(find)).collect()
    }
}

/// What is known of the models after they were opened.
pub(super) struct ModelSummary {
    /// Their names.
    pub names: ModelNames,
    /// What memory and tiles depend on in each.
    pub traits: Vec<ModelTraits>,
    /// Whether the engine computes on a device with memory of its own.
    pub on_device: bool,
}

/// Opens all models once, prints hints, and leaves those open that are used first.
pub(super) fn open_all(plan: &StylizePlan, worker: &mut Worker) -> Result<ModelSummary> {
    let last_first = (0..plan.styles.len()).rev().map(Some);
    let wanted = if plan.is_separate() { last_first.collect() } else { vec![None] };
    let mut summary = ModelSummary { names: ModelNames::default(), traits: vec![], on_device: false };
    for style in wanted {
        worker.open(style)?;
        let (mut titles, mut traits) = (vec![], vec![]);
        for stylizer in worker.stylizers() {
            titles.push(stylizer.title.clone());
            traits.push(stylizer.traits());
            if plan.tiling.statistics == StatisticsSource::Exact {
                check_exact_statistics(stylizer)?;
            }
            summary.on_device = stylizer.engine.is_on_device();
            summary.names.engine = Some(EngineNames::of(&stylizer.engine));
            if stylizer.guessed_range
                && let Ok(Some(hint)) = stylizer.range_hint()
            {
                tell!("hint: {}: {hint}", stylizer.title);
            }
            if let (false, TileSize::Pixels(_)) = (stylizer.io_spec.fixed_size.is_any(), plan.tiling.tile) {
                tell!("note: --tile does not apply: {} takes pictures of one size only", stylizer.title);
            }
        }
        let first = traits[0].scale;
        if let Some(other) = traits.iter().position(|other| other.scale != first) {
            let scale = traits[other].scale;
            let reason =
                format!("it enlarges {scale} times and {} {first} times, so --blend cannot mix them", titles[0]);
            return Err(Error::ModelInterface { path: titles.swap_remove(other).into(), reason });
        }
        summary.names.titles.splice(0..0, titles);
        summary.traits.splice(0..0, traits);
    }
    Ok(summary)
}

fn check_exact_statistics(stylizer: &Stylizer) -> Result<()> {
    let reason = match (stylizer.io_spec.statistics, stylizer.has_norm_inputs()) {
        (true, true) => return Ok(()),
        (false, _) => "needs a model that takes statistics; export it without --plain-norm, or remove the option",
        (true, false) => "needs a model of real numbers, not of eight bits; remove the option",
    };
    let (path, option) = (stylizer.title.clone().into(), "--statistics exact");
    Err(Error::InapplicableOption { path, option, reason: reason.into() })
}
