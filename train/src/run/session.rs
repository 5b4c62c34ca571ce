//! The loop of a run: steps, records, sample grids, checkpoints.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::time::{Duration, Instant};

use candle_core::{DType, Tensor};
use easel_runtime::Picture;
use easel_runtime::card::{Architecture, Columns, Provenance};
use easel_runtime::files::write_atomically;

use super::card::card;
use super::checkpoint::{Record, prepare};
use super::counts::{Best, Counts};
use super::progress::Progress;
use super::records::{Line, Records};
use super::{Checkpoint, RunFolder, interrupt};
use crate::{Error, Result};

pub use super::counts::{Better, Metric};
pub use super::plan::{Epochs, Plan, Span};

/// Something that is trained step by step. All of its randomness comes from its seed, and what [`Trainer::snapshot`]
/// gives is enough for [`Trainer::restore`] to go on with the same bits.
pub trait Trainer {
    /// Does one step and gives its losses by name, the same names in the same order every time.
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>>;

    /// How many of a step's values, from the first, are shown while it runs; the records have all of them.
    fn shown(&self) -> usize {
        usize::MAX
    }

    /// Where a training that changes on its way has come to with the step that it did last, by name.
    fn stage(&self) -> Vec<(&'static str, f64)> {
        vec![]
    }

    /// The phases of a run whose steps differ in cost, in order; none where all are alike. The checkpoint at the end of
    /// one, where there is one, is kept for good.
    fn phases(&self) -> Vec<Phase> {
        vec![]
    }

    /// Goes to a step without training, to measure what it takes. Only a trainer with phases can.
    fn jump(&mut self, _step: u64) -> Result<()> {
        Ok(())
    }

    /// Pictures from noise that is the same throughout the run, in named sets; nothing where there is nothing to show.
    /// One set is laid out as a square, several are a row each.
    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        Ok(vec![])
    }

    /// Measures the network on data that it is not trained on, by name. It changes nothing that a later step depends
    /// on. None by default.
    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        Ok(vec![])
    }

    /// What the names of an evaluation's values are led by in the records.
    fn evaluated(&self) -> &'static str {
        "validation"
    }

    /// The value of an evaluation by which a checkpoint is the best of its run.
    fn metric(&self) -> Option<Metric> {
        None
    }

    /// How much of the time of all steps so far went by without the model, waiting for data.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    /// Makes the weights that a snapshot hands out to export ready, where that is too dear to be done for each: called
    /// before a checkpoint is written. It changes nothing that a later step depends on.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

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

/// A part of a run whose steps cost alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// What it is called.
    pub name: String,
    /// Its steps, counted from 0.
    pub steps: Range<u64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// It was interrupted after this step, and a checkpoint was written.
    Interrupted(u64),
}

/// Trains to the plan's end in the run's folder, from the beginning or from a checkpoint of the run.
///
/// A loss that is no finite number ends the run with an error that names the step, the loss and the first tensor that
/// is not finite either. So does such a tensor by itself, looked for whenever losses are written and before every
/// checkpoint: a ReLU turns NaN into 0, so a loss may stay finite over broken weights.
///
/// Whatever cannot be written ends the run with the cause; the checkpoints that there are stay.
pub fn run(trainer: &mut dyn Trainer, folder: &RunFolder, plan: &Plan, from: Option<&Checkpoint>) -> Result<Outcome> {
    let mut counts = Counts::default();
    let mut step = 0;
    if plan.steps == 0 {
        return Err(Error::Config("there is no step to do; give steps or epochs of at least 1".into()));
    }
    if let Some(checkpoint) = from {
        same_data(&checkpoint.record, plan)?;
        trainer.restore(checkpoint)?;
        step = checkpoint.record.step;
        counts = serde_json::from_value(checkpoint.record.session.clone())
            .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))?;
    }
    interrupt::install()?;
    prepare(&folder.checkpoints(), step)?;
    write_best(folder, trainer, counts.best)?;
    let mut records = Records::open(folder, trainer, step)?;
    let mut progress = Progress::new(plan.steps, step).with_phases(trainer.phases());
    let result = steps(trainer, folder, plan, step, &mut counts, &mut records, &mut progress);
    progress.finish();
    result
}

/// Fails where the data knows other classes or columns, or the same in another order: labels and weights would no longer
/// mean the same.
fn same_data(record: &Record, plan: &Plan) -> Result<()> {
    let differ = |what: &str, before: &[String], now: &[String]| {
        Err(Error::Checkpoint(format!(
            "the run was trained on the {what} {}, and the data has {}; give the data that it was trained on",
            before.join(", "),
            now.join(", ")
        )))
    };
    if record.classes != plan.classes {
        return differ("classes", &record.classes, &plan.classes);
    }
    let all = |columns: &Option<Columns>| -> Vec<String> {
        columns.iter().flat_map(|Columns { features, target }| features.iter().chain([target])).cloned().collect()
    };
    if record.columns != plan.columns {
        return differ("columns", &all(&record.columns), &all(&plan.columns));
    }
    Ok(())
}

fn steps(
    trainer: &mut dyn Trainer,
    folder: &RunFolder,
    plan: &Plan,
    mut step: u64,
    counts: &mut Counts,
    records: &mut Records,
    progress: &mut Progress,
) -> Result<Outcome> {
    let mut shown: Vec<(&str, f64)> = Vec::new();
    let (started, before) = (Instant::now(), counts.seconds);
    while step < plan.steps {
        let begun = Instant::now();
        let losses = match trainer.step() {
            Ok(losses) => losses,
            Err(error) => return Err(Error::Run(format!("step {}: {error}{}", step + 1, kept(folder)?))),
        };
        records.in_steps += begun.elapsed();
        step += 1;
        let last = step == plan.steps;
        let stop = interrupt::requested();
        let epoch = plan.epochs.end_at(step);
        let evaluate = epoch || (last && plan.epochs.any());
        let log = last || evaluate || due(step, plan.log_every);
        let mut save = last || stop || due(step, plan.checkpoint_every) || (epoch && plan.checkpoint_epochs);
        let loss = losses.iter().find(|(_, loss)| !loss.is_finite());
        if loss.is_some() || save || log {
            check_finite(trainer, folder, step, loss)?;
        }
        counts.logged.add(&losses);
        counts.evaluated.add(&losses);
        counts.seconds = before + started.elapsed().as_secs_f64();
        smooth(&mut shown, &losses[..losses.len().min(trainer.shown())]);
        if log {
            let mut line = Line {
                epoch: plan.epoch_of(step),
                stage: trainer.stage(),
                means: counts.logged.take(&losses),
                ..Line::default()
            };
            if evaluate {
                let trained = counts.evaluated.take(&losses);
                let measured = trainer.evaluate().map_err(|error| Error::Run(format!("step {step}: {error}")))?;
                let metric = trainer.metric().and_then(|metric| {
                    let (_, value) = measured.iter().find(|(name, _)| name == metric.name)?;
                    metric.improves(*value, counts.best).then_some(*value)
                });
                if let Some(value) = metric {
                    counts.best = Some(Best::new(step, value));
                    save = true;
                }
                let best = if metric.is_some() { "; the best so far" } else { "" };
                let group = trainer.evaluated();
                let parts = [("train", listed(&trained)), (group, listed(&measured))];
                let parts = parts.iter().filter(|(_, values)| !values.is_empty());
                let parts: Vec<_> =
                    parts.map(|(group, values)| format!("{group} {values}").trim().to_string()).collect();
                progress.say(&format!("{}: {}{best}", plan.describe(step), parts.join("; ")));
                line.evaluation = prefixed("train", trained).chain(prefixed(group, measured)).collect();
            }
            records.write(step, line, counts.seconds, trainer.waited())?;
        }
        progress.update(step, &trainer.stage(), &shown);
        if last || due(step, plan.sample_every) {
            records.samples(folder, step, &trainer.samples()?)?;
        }
        if save {
            records.stats.sync()?;
            trainer.settle().map_err(|error| Error::Run(format!("step {step}: {error}")))?;
            let best = counts.best;
            let checkpoint = checkpoint(trainer, folder, plan, step, counts)?;
            let ends = trainer.phases().into_iter().map(|phase| phase.steps.end);
            let for_good: Vec<u64> = ends.chain(best.map(|best| best.step)).collect();
            checkpoint.save(&folder.checkpoints(), plan.keep, &for_good)?;
            write_best(folder, trainer, best)?;
            let card = card(folder.path(), &checkpoint, plan, counts, &shown);
            write_atomically(&folder.card(), card.as_bytes())?;
        }
        if stop && !last {
            return Ok(Outcome::Interrupted(step));
        }
    }
    Ok(Outcome::Finished)
}

/// Keeps `best.json` true, also where a run goes on from before its best checkpoint.
fn write_best(folder: &RunFolder, trainer: &dyn Trainer, best: Option<Best>) -> Result<()> {
    let path = folder.best();
    match (best, trainer.metric()) {
        (Some(best), Some(metric)) => {
            let text = serde_json::json!({ "metric": metric.name, "step": best.step, "value": best.value() });
            Ok(write_atomically(&path, format!("{text}\n").as_bytes())?)
        }
        _ => match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Run(format!("{}: cannot remove: {error}", path.display())))
            }
            _ => Ok(()),
        },
    }
}

fn prefixed<'a, N: Display + 'a>(
    prefix: &'a str,
    values: Vec<(N, f64)>,
) -> impl Iterator<Item = (String, f64)> + use<'a, N> {
    let between = if prefix.is_empty() { "" } else { "_" };
    values.into_iter().map(move |(name, value)| (format!("{prefix}{between}{name}"), value))
}

/// Values for people; what is called an accuracy is a percentage, and a baseline stands behind its value.
fn listed<N: AsRef<str>>(values: &[(N, f64)]) -> String {
    let text = |(name, value): &(N, f64)| match name.as_ref() {
        "accuracy" => format!(", accuracy {:.2} %", 100.0 * value),
        name if name.ends_with("_baseline") => format!(" (baseline {value:.4})"),
        name => format!(", {name} {value:.4}"),
    };
    values.iter().map(text).collect::<String>().trim_start_matches(", ").to_string()
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
    let (title, classes, columns) = (plan.title.clone(), plan.classes.clone(), plan.columns.clone());
    let record = Record { step, provenance, title, classes, columns, trainer, session };
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
    Err(Error::Run(format!("step {step}: {what}; lower the learning rate{}", kept(folder)?)))
}

/// Which checkpoint is left when a run breaks, for the end of the message.
fn kept(folder: &RunFolder) -> Result<String> {
    let newest = super::checkpoint::steps(&folder.checkpoints())?.first().map(|(step, _)| *step);
    Ok(newest.map_or(String::new(), |step| format!("; the checkpoint of step {step} is kept")))
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

        fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
            Ok(vec![("samples", vec![Picture::filled(1, 1, 1, 0)])])
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
            epochs: Epochs::none(),
            checkpoint_epochs: false,
            keep: 9,
            provenance: Provenance::default(),
            title: None,
            classes: vec![],
            columns: None,
        };
        let error = run(&mut Breaking { step: 0, at: 12 }, &folder, &plan, None).unwrap_err().to_string();
        assert!(error.contains("step 15") && error.contains("layer.weight") && error.contains("step 10"), "{error}");
        let (latest, _) = Checkpoint::latest(&folder.checkpoints()).unwrap();
        assert_eq!(latest.record.step, 10);
        let card = std::fs::read_to_string(folder.card()).unwrap();
        assert!(card.contains("| steps | 10 of 20 |") && card.contains("| losses, smoothed | loss 1.0000 |"), "{card}");
        assert_eq!(run(&mut Breaking { step: 0, at: 99 }, &folder, &plan, None).unwrap(), Outcome::Finished);
    }
}
