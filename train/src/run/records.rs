//! The records of a run: numbers and pictures.

use std::time::{Duration, Instant};

use easel_pictures::save_picture;
use easel_runtime::Picture;
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid};

use super::RunFolder;
use super::stats::Stats;
use super::tensorboard::Events;
use super::trainer::Trainer;
use crate::{Error, Result};

/// The numbers of one step's record.
#[derive(Default)]
pub(super) struct Line<'a> {
    pub epoch: Option<f64>,
    pub stage: Vec<(&'static str, f64)>,
    pub means: Vec<(&'a str, f64)>,
    pub evaluation: Vec<(String, f64)>,
}

/// The outputs for numbers and pictures.
pub(super) struct Records {
    pub stats: Stats,
    events: Events,
    /// The time of all steps.
    pub in_steps: Duration,
    /// At the last record: the time, the step, the time of all steps and how much of it was waiting.
    last: (Instant, u64, Duration, Duration),
}

impl Records {
    pub fn open(folder: &RunFolder, trainer: &dyn Trainer, step: u64) -> Result<Self> {
        Ok(Self {
            stats: Stats::open(&folder.stats(), step)?,
            events: Events::create(folder.path(), step)?,
            in_steps: Duration::ZERO,
            last: (Instant::now(), step, Duration::ZERO, trainer.waited()),
        })
    }

    pub fn write(&mut self, step: u64, line: Line, seconds: f64, waited: Duration) -> Result<()> {
        let Line { epoch, stage, means, evaluation } = line;
        let (when, from, steps_before, waited_before) = self.last;
        let speed = (step - from) as f64 / when.elapsed().as_secs_f64().max(1e-9);
        let (spent, waiting) = (self.in_steps - steps_before, waited.saturating_sub(waited_before));
        let model = 1.0 - (waiting.as_secs_f64() / spent.as_secs_f64().max(1e-9)).min(1.0);
        self.last = (Instant::now(), step, self.in_steps, waited);

        let speeds = [("steps_per_second", speed), ("model_fraction", model)];
        let tagged = |group: &str, (name, value): (&str, f64)| (format!("{group}/{name}"), value);
        let scalars = means.iter().map(|mean| tagged("step", *mean));
        let scalars = scalars.chain(stage.iter().map(|part| tagged("stage", *part)));
        let scalars = scalars.chain(speeds.map(|speed| tagged("speed", speed)));
        let scalars = scalars.chain(evaluation.iter().map(|(name, value)| tagged("epoch", (name, *value))));
        self.events.scalars(step, &scalars.collect::<Vec<_>>())?;

        let mut numbers: Vec<(&str, f64)> = epoch.map(|epoch| ("epoch", epoch)).into_iter().collect();
        numbers.extend(stage);
        numbers.extend(means);
        numbers.extend(speeds);
        numbers.push(("seconds", seconds));
        numbers.extend(evaluation.iter().map(|(name, value)| (name.as_str(), *value)));
        self.stats.write(step, &numbers)
    }

    /// Writes sets of pictures as one sample grid, and each by itself for TensorBoard.
    pub fn samples(&mut self, folder: &RunFolder, step: u64, sets: &[(&str, Vec<Picture>)]) -> Result<()> {
        let grid = |pictures: &[Picture], shape| {
            grid(pictures, shape, GAP, BACKGROUND)
                .map_err(|error| Error::Run(format!("step {step}: no sample grid: {error}")))
        };
        let whole = match sets {
            [] => return Ok(()),
            [(_, pictures)] => grid(pictures, GridShape::square(pictures.len()))?,
            sets => {
                let columns = sets.iter().map(|(_, pictures)| pictures.len()).max().unwrap_or(0);
                let pictures: Vec<_> = sets.iter().flat_map(|(_, pictures)| pictures).cloned().collect();
                grid(&pictures, GridShape { columns, rows: sets.len() })?
            }
        };
        save_picture(&folder.sample(step)?, &whole)?;
        match sets {
            [(tag, _)] => self.events.picture(step, tag, &whole),
            sets => sets.iter().try_for_each(|(tag, pictures)| {
                let row = grid(pictures, GridShape { columns: pictures.len(), rows: 1 })?;
                self.events.picture(step, tag, &row)
            }),
        }
    }
}
