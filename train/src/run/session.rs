//! The loop of a run: steps, records, samples, checkpoints.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::time::Instant;

use candle_core::{DType, Tensor};
use easel_files::write_atomically;
use easel_runtime::card::{Columns, Provenance};

use super::card::card;
use super::checkpoint::{Record, newest, prepare};
use super::counts::{Best, Counts};
use super::event::{Event, Hooks};
use super::plan::{DataFacts, Plan};
use super::records::{Line, Records};
use super::trainer::{Snapshot, Trainer};
use super::{Checkpoint, RunFolder};
use crate::{Error, Result};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// All steps were done before.
    AlreadyFinished,
    /// It was interrupted, and a checkpoint was written.
    Interrupted,
}

/// Trains to the end of the plan in the run's folder, from the beginning or from a checkpoint that the trainer has restored
/// (see [`resume`]). Gives the outcome and the last step.
///
/// A loss that is NaN or infinite ends the run with [`Error::Diverged`]. So does a NaN or infinite tensor, which is checked
/// whenever losses are logged and before every checkpoint: a ReLU turns NaN into 0, so the loss may be finite although the
/// weights are not.
///
/// A write error ends the run; earlier checkpoints stay.
pub fn run(
    trainer: &mut dyn Trainer,
    folder: &RunFolder,
    plan: &Plan,
    from: Option<&Checkpoint>,
    hooks: &mut Hooks,
) -> Result<(Outcome, u64)> {
    let step = from.map_or(0, |checkpoint| checkpoint.record.step);
    let counts = from.map(counts_of).transpose()?.unwrap_or_default();
    prepare(&folder.checkpoints(), step)?;
    write_best(folder, trainer, counts.best)?;
    let records = Records::open(folder, trainer, step)?;
    hooks.emit(&Event::Started { folder: folder.path(), step, steps: plan.steps, phases: &trainer.phases() });
    Session { trainer, folder, plan, hooks, records, counts }.steps(step)
}

/// Restores a trainer from a checkpoint. Fails where it is of another network or of other data; nothing is written.
pub fn resume(trainer: &mut dyn Trainer, checkpoint: &Checkpoint, data: &DataFacts) -> Result<()> {
    counts_of(checkpoint)?;
    same_data(&checkpoint.record, data)?;
    trainer.restore(checkpoint)
}

fn counts_of(checkpoint: &Checkpoint) -> Result<Counts> {
    serde_json::from_value(checkpoint.record.session.clone())
        .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))
}

/// Fails where the data has other classes or columns, or the same in another order, which would change the meaning of
/// labels and weights, and where its pictures are others. The name of its folder does not matter, nor where that lies.
fn same_data(record: &Record, data: &DataFacts) -> Result<()> {
    let columns = |columns: &Option<Columns>| -> Vec<String> {
        columns.iter().flat_map(|Columns { features, target }| features.iter().chain([target])).cloned().collect()
    };
    let classes = match (&record.fingerprint, &data.fingerprint) {
        (Some(before), Some(now)) if before == now => None,
        (Some(before), Some(now)) if before.classes == now.classes => {
            return Err(Error::OtherPictures { classes: now.listed() });
        }
        (Some(before), Some(now)) => Some(("classes", before.listed(), now.listed())),
        _ if data.unclassified && record.classes.len() == 1 => None,
        _ => Some(("classes", record.classes.clone(), data.classes.clone())),
    };
    let pairs = [("columns", columns(&record.columns), columns(&data.columns))];
    match classes.into_iter().chain(pairs).find(|(_, before, now)| before != now) {
        Some((what, before, now)) => Err(Error::DataMismatch { what, before, now }),
        None => Ok(()),
    }
}

/// A running session.
struct Session<'a> {
    trainer: &'a mut dyn Trainer,
    folder: &'a RunFolder,
    plan: &'a Plan,
    hooks: &'a mut Hooks,
    records: Records,
    counts: Counts,
}

impl Session<'_> {
    fn steps(&mut self, mut step: u64) -> Result<(Outcome, u64)> {
        let plan = self.plan;
        // Smoothed losses, for display.
        let mut shown: Vec<(&str, f64)> = Vec::new();
        let (started, before) = (Instant::now(), self.counts.seconds);
        while step < plan.steps {
            let begun = Instant::now();
            let losses = self.trainer.step().map_err(|error| self.failed(step + 1, error))?;
            self.records.in_steps += begun.elapsed();
            step += 1;
            let last = step == plan.steps;
            let stop = self.hooks.interrupt.load(Ordering::SeqCst);
            let epoch = plan.epochs.end_at(step);
            let evaluate = epoch || (last && plan.epochs.any());
            let log = last || evaluate || due(step, plan.log_every);
            let mut save = last || stop || due(step, plan.checkpoint_every) || (epoch && plan.checkpoint_epochs);
            let loss = losses.iter().find(|(_, loss)| !loss.is_finite());
            if loss.is_some() || save || log {
                self.check_finite(step, loss)?;
            }
            self.counts.logged.add(&losses);
            self.counts.evaluated.add(&losses);
            self.counts.seconds = before + started.elapsed().as_secs_f64();
            smooth(&mut shown, &losses[..losses.len().min(self.trainer.shown())]);
            if log {
                save |= self.log(step, evaluate, &losses)?;
            }
            let stage = self.trainer.stage();
            self.hooks.emit(&Event::Step { step, stage: &stage, losses: &shown });
            if last || due(step, plan.sample_every) {
                let samples = self.trainer.samples()?;
                self.records.samples(self.folder, step, &samples)?;
            }
            if save {
                self.save(step, &shown)?;
            }
            if stop && !last {
                return Ok((Outcome::Interrupted, step));
            }
        }
        Ok((Outcome::Finished, step))
    }

    /// Writes a record, after an evaluation if one is due. Gives whether it was the best so far.
    fn log(&mut self, step: u64, evaluate: bool, losses: &[(&'static str, f64)]) -> Result<bool> {
        let (mut improved, mut evaluation) = (false, vec![]);
        let (means, stage) = (self.counts.logged.take(losses), self.trainer.stage());
        if evaluate {
            let trained = self.counts.evaluated.take(losses);
            let values = self.trainer.evaluate().map_err(|error| self.failed(step, error))?;
            let value = self.trainer.metric().and_then(|metric| {
                let (_, value) = values.iter().find(|(name, _)| name == metric.name)?;
                metric.improves(*value, self.counts.best).then_some(*value)
            });
            if let Some(value) = value {
                self.counts.best = Some(Best::new(step, value));
                improved = true;
            }
            let best = if improved { "; the best so far" } else { "" };
            let group = self.trainer.evaluated();
            let parts = [("train", listed(&trained)), (group, listed(&values))];
            let parts = parts.iter().filter(|(_, values)| !values.is_empty());
            let parts: Vec<_> = parts.map(|(group, values)| format!("{group} {values}").trim().to_string()).collect();
            let line = format!("{}: {}{best}", self.plan.describe(step), parts.join("; "));
            self.hooks.emit(&Event::Evaluated { step, values: &values, line: &line });
            evaluation = prefixed("train", trained).chain(prefixed(group, values)).collect();
        }
        let line = Line { epoch: self.plan.epoch_of(step), stage, means, evaluation };
        self.records.write(step, line, self.counts.seconds, self.trainer.waited())?;
        Ok(improved)
    }

    fn save(&mut self, step: u64, shown: &[(&str, f64)]) -> Result<()> {
        let (folder, plan, counts) = (self.folder, self.plan, &self.counts);
        self.records.stats.sync()?;
        self.trainer.recalibrate().map_err(|cause| Error::Step { step, cause: Box::new(cause), kept: None })?;
        let checkpoint = checkpoint(self.trainer, folder, plan, step, counts)?;
        let ends = self.trainer.phases().into_iter().map(|phase| phase.steps.end);
        let for_good: Vec<u64> = ends.chain(counts.best.map(|best| best.step)).collect();
        let path = checkpoint.save(&folder.checkpoints(), plan.keep, &for_good)?;
        write_best(folder, self.trainer, counts.best)?;
        let card = card(folder.path(), &checkpoint, plan, counts, shown);
        write_atomically(&folder.card(), card.as_bytes())?;
        self.hooks.emit(&Event::Saved { step, path: &path });
        Ok(())
    }

    fn failed(&self, step: u64, cause: Error) -> Error {
        Error::Step { step, cause: Box::new(cause), kept: newest(&self.folder.checkpoints()) }
    }

    fn check_finite(&self, step: u64, loss: Option<&(&str, f64)>) -> Result<()> {
        let Snapshot { weights, state, .. } = self.trainer.snapshot()?;
        let tensor = weights.iter().chain(&state).find(|(_, tensor)| !is_finite(tensor)).map(|(name, _)| name);
        let loss = loss.map(|(name, loss)| format!("the loss `{name}` is {loss}"));
        let tensor = tensor.map(|tensor| format!("the tensor `{tensor}` has values that are NaN or infinite"));
        let what: Vec<_> = loss.into_iter().chain(tensor).collect();
        match what.is_empty() {
            true => Ok(()),
            false => {
                let kept = newest(&self.folder.checkpoints());
                Err(Error::Diverged { step, what: what.join(" and "), kept })
            }
        }
    }
}

/// Updates `best.json`, also where a run resumes from before its best checkpoint.
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

/// Values as text: an accuracy as a percentage, and a baseline after its value.
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

/// The moving average of losses over about fifty steps, for display.
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
    let DataFacts { title, classes, fingerprint, columns, .. } = plan.data.clone();
    let record = Record { step, provenance, title, classes, fingerprint, columns, trainer, session };
    Ok(Checkpoint { architecture, weights, state, record })
}

fn is_finite(tensor: &Tensor) -> bool {
    // Integers are finite; everything else is checked in float32, the type of the weights.
    if tensor.dtype().is_int() {
        return true;
    }
    let values = || tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
    values().is_ok_and(|values| values.iter().all(|value| value.is_finite()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Epochs;
    use super::*;
    use candle_core::Device;
    use easel_runtime::Picture;
    use easel_runtime::card::Architecture;

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
            data: DataFacts::default(),
        };
        let train = |at| run(&mut Breaking { step: 0, at }, &folder, &plan, None, &mut Hooks::default());
        match train(12).unwrap_err() {
            Error::Diverged { step: 15, what, kept: Some(10) } => assert!(what.contains("layer.weight"), "{what}"),
            other => panic!("{other:?}"),
        }
        let (latest, _) = Checkpoint::latest(&folder.checkpoints()).unwrap();
        assert_eq!(latest.record.step, 10);
        let card = std::fs::read_to_string(folder.card()).unwrap();
        assert!(card.contains("| steps | 10 of 20 |") && card.contains("| losses, smoothed | loss 1.0000 |"), "{card}");
        assert_eq!(train(99).unwrap(), (Outcome::Finished, 20));
    }
}
