//! The loop of a run: steps, records, sample grids, checkpoints.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::{DType, Tensor};
use easel_runtime::Picture;
use easel_runtime::card::{Architecture, Provenance};
use easel_runtime::files::save_picture;
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid};
use serde::{Deserialize, Serialize};

use super::checkpoint::{Record, remove_partial};
use super::progress::Progress;
use super::stats::Stats;
use super::tensorboard::Events;
use super::{Checkpoint, RunFolder, interrupt};
use crate::{Error, Result};

/// Something that is trained step by step. All of its randomness comes from its seed, and what [`Trainer::snapshot`]
/// gives is enough for [`Trainer::restore`] to go on with the same bits.
pub trait Trainer {
    /// Does one step and gives its losses by name, the same names in the same order every time.
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>>;

    /// Pictures from noise that is the same throughout the run.
    fn samples(&mut self) -> Result<Vec<Picture>>;

    /// Everything there is to save.
    fn snapshot(&self) -> Result<Snapshot>;

    /// Takes up a checkpoint. Fails where it is not of this trainer's kind and sizes.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()>;
}

/// A trainer's part of a checkpoint.
pub struct Snapshot {
    /// The network that the weights belong to.
    pub architecture: Architecture,
    /// The weights to export, by name.
    pub weights: BTreeMap<String, Tensor>,
    /// Other tensors that the trainer needs to go on.
    pub state: BTreeMap<String, Tensor>,
    /// Random states and the place in the data.
    pub trainer: serde_json::Value,
}

/// What a run does when.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The number of steps in all.
    pub steps: u64,
    /// A sample grid every so many steps, and at the end; 0: at the end only.
    pub sample_every: u64,
    /// A checkpoint every so many steps, and at the end; 0: at the end only.
    pub checkpoint_every: u64,
    /// A line of mean losses every so many steps, and at the end; 0: at the end only.
    pub log_every: u64,
    /// The number of checkpoints that are kept.
    pub keep: usize,
    /// Where the weights come from; run and steps are filled in.
    pub provenance: Provenance,
    /// The names of the data's classes by label.
    pub classes: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// It was interrupted after this step, and a checkpoint was written.
    Interrupted(u64),
}

/// What the session itself has to remember between two parts of a run. Sums are kept by their bits: JSON's decimal
/// numbers need not come back exactly.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    seconds: f64,
    sums: Vec<u64>,
    steps: u64,
}

impl Counts {
    fn add(&mut self, losses: &[(&str, f64)]) {
        self.sums.resize(losses.len(), 0);
        for (sum, (_, loss)) in self.sums.iter_mut().zip(losses) {
            *sum = (f64::from_bits(*sum) + loss).to_bits();
        }
        self.steps += 1;
    }

    /// The means since the last call.
    fn take_means<'a>(&mut self, losses: &[(&'a str, f64)]) -> Vec<(&'a str, f64)> {
        let means = losses.iter().zip(&self.sums);
        let means = means.map(|((name, _), sum)| (*name, f64::from_bits(*sum) / self.steps as f64)).collect();
        self.sums.clear();
        self.steps = 0;
        means
    }
}

/// Trains to the plan's end in the run's folder, from the beginning or from a checkpoint of the run.
///
/// A loss that is no finite number ends the run with an error that names the step, the loss and the first tensor that
/// is not finite either. So does such a tensor by itself, looked for whenever losses are written and before every
/// checkpoint: a ReLU turns NaN into 0, so a loss may stay finite over broken weights.
pub fn run(trainer: &mut dyn Trainer, folder: &RunFolder, plan: &Plan, from: Option<&Checkpoint>) -> Result<Outcome> {
    let mut counts = Counts::default();
    let mut step = 0;
    if let Some(checkpoint) = from {
        trainer.restore(checkpoint)?;
        step = checkpoint.record.step;
        counts = serde_json::from_value(checkpoint.record.session.clone())
            .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))?;
    }
    interrupt::install()?;
    remove_partial(&folder.checkpoints());
    let mut stats = Stats::open(&folder.stats(), step)?;
    let mut events = Events::create(folder.path(), step)?;
    let mut progress = Progress::new(plan.steps, step);
    let mut shown: Vec<(&str, f64)> = Vec::new();
    let (started, before) = (Instant::now(), counts.seconds);
    let mut logged = (Instant::now(), step);

    while step < plan.steps {
        let losses = trainer.step().map_err(|error| Error::Run(format!("step {}: {error}", step + 1)))?;
        step += 1;
        let last = step == plan.steps;
        let stop = interrupt::requested();
        let save = last || stop || due(step, plan.checkpoint_every);
        let log = last || due(step, plan.log_every);
        let loss = losses.iter().find(|(_, loss)| !loss.is_finite());
        if loss.is_some() || save || log {
            check_finite(trainer, folder, step, loss).inspect_err(|_| progress.finish())?;
        }
        counts.add(&losses);
        counts.seconds = before + started.elapsed().as_secs_f64();
        smooth(&mut shown, &losses);
        if log {
            let speed = (step - logged.1) as f64 / logged.0.elapsed().as_secs_f64().max(1e-9);
            logged = (Instant::now(), step);
            let means = counts.take_means(&losses);
            let scalars = means.iter().map(|(name, mean)| (format!("loss/{name}"), *mean));
            events.scalars(step, &scalars.chain([("speed/steps_per_second".into(), speed)]).collect::<Vec<_>>())?;
            let rest = [("steps_per_second", speed), ("seconds", counts.seconds)];
            stats.write(step, &[means, rest.to_vec()].concat())?;
        }
        progress.update(step, &shown);
        if last || due(step, plan.sample_every) {
            let pictures = trainer.samples()?;
            let sheet = grid(&pictures, GridShape::square(pictures.len()), GAP, BACKGROUND)
                .map_err(|error| Error::Run(format!("step {step}: no sample grid: {error}")))?;
            save_picture(&folder.sample(step)?, &sheet)?;
            events.picture(step, "samples", &sheet)?;
        }
        if save {
            checkpoint(trainer, folder, plan, step, &counts)?.save(&folder.checkpoints(), plan.keep)?;
        }
        if stop && !last {
            progress.finish();
            return Ok(Outcome::Interrupted(step));
        }
    }
    progress.finish();
    Ok(Outcome::Finished)
}

fn due(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

/// Averages losses over about fifty steps, for showing.
fn smooth<'a>(shown: &mut Vec<(&'a str, f64)>, losses: &[(&'a str, f64)]) {
    if shown.len() != losses.len() {
        *shown = losses.to_vec();
    }
    shown.iter_mut().zip(losses).for_each(|((_, mean), (_, loss))| *mean += 0.02 * (loss - *mean));
}

fn checkpoint(
    trainer: &dyn Trainer,
    folder: &RunFolder,
    plan: &Plan,
    step: u64,
    counts: &Counts,
) -> Result<Checkpoint> {
    let Snapshot { architecture, weights, state, trainer } = trainer.snapshot()?;
    let provenance = Provenance { run: Some(folder.name()), steps: Some(step), ..plan.provenance.clone() };
    let session = serde_json::to_value(counts).expect("counts are plain numbers");
    let record = Record { step, provenance, classes: plan.classes.clone(), trainer, session };
    Ok(Checkpoint { architecture, weights, state, record })
}

fn check_finite(trainer: &dyn Trainer, folder: &RunFolder, step: u64, loss: Option<&(&str, f64)>) -> Result<()> {
    let Snapshot { weights, state, .. } = trainer.snapshot()?;
    let tensor = weights.iter().chain(&state).find(|(_, tensor)| !is_finite(tensor)).map(|(name, _)| name);
    let what = match (loss, tensor) {
        (None, None) => return Ok(()),
        (Some((name, loss)), None) => format!("the loss `{name}` is {loss}, not a finite number"),
        (Some((name, loss)), Some(tensor)) => {
            format!("the loss `{name}` is {loss}, not a finite number, and so is a part of the tensor `{tensor}`")
        }
        (None, Some(tensor)) => format!("the tensor `{tensor}` has parts that are no finite numbers"),
    };
    let kept = super::checkpoint::steps(&folder.checkpoints())?.first().map(|(step, _)| *step);
    let kept = kept.map_or(String::new(), |step| format!("; the checkpoint of step {step} is kept"));
    Err(Error::Run(format!("step {step}: {what}; lower the learning rate{kept}")))
}

fn is_finite(tensor: &Tensor) -> bool {
    // Whole numbers are; everything else is looked at in float32, which is what is trained.
    if tensor.dtype().is_int() {
        return true;
    }
    let values = || tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
    values().is_ok_and(|values| values.iter().all(|value| value.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Its loss stays finite while its weight breaks at a step.
    struct Breaking {
        step: u64,
        at: u64,
    }

    impl Trainer for Breaking {
        fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
            self.step += 1;
            Ok(vec![("loss", 1.0)])
        }

        fn samples(&mut self) -> Result<Vec<Picture>> {
            Ok(vec![Picture::filled(1, 1, 1, 0)])
        }

        fn snapshot(&self) -> Result<Snapshot> {
            let value = if self.step >= self.at { f32::NAN } else { 1.0 };
            Ok(Snapshot {
                architecture: Architecture { name: "none".into(), sizes: BTreeMap::new() },
                weights: [("layer.weight".to_string(), Tensor::new(&[0.0, value], &Device::Cpu)?)].into(),
                state: BTreeMap::new(),
                trainer: serde_json::Value::Null,
            })
        }

        fn restore(&mut self, _: &Checkpoint) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn broken_weights_are_not_saved() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), "test").unwrap();
        let plan = Plan {
            steps: 20,
            sample_every: 0,
            checkpoint_every: 5,
            log_every: 0,
            keep: 9,
            provenance: Provenance::default(),
            classes: vec![],
        };
        let error = run(&mut Breaking { step: 0, at: 12 }, &folder, &plan, None).unwrap_err().to_string();
        assert!(error.contains("step 15") && error.contains("layer.weight") && error.contains("step 10"), "{error}");
        let (latest, _) = Checkpoint::latest(&folder.checkpoints()).unwrap();
        assert_eq!(latest.record.step, 10);
        assert_eq!(run(&mut Breaking { step: 0, at: 99 }, &folder, &plan, None).unwrap(), Outcome::Finished);
    }
}
