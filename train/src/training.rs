//! Training in one call.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use easel_runtime::card::Provenance;

use crate::data::Source;
use crate::recipes::{Recipe, Training};
use crate::run::estimate::{Estimate, estimate};
use crate::run::{Checkpoint, Event, Hooks, Outcome, Plan, RunFolder, Trainer, checkpoint, device, session};
use crate::settings::{self, Layers, to_text};
use crate::{Error, Result, threads};

/// The run folder of a training, and its callbacks.
pub struct TrainOptions {
    place: RunPlace,
    hooks: Hooks,
}

enum RunPlace {
    /// A new run in a folder of runs.
    New(PathBuf),
    /// A run that is resumed.
    Resumed(PathBuf),
}

impl TrainOptions {
    /// A new run, with a numbered folder in `runs`.
    pub fn new(runs: impl Into<PathBuf>) -> Self {
        Self { place: RunPlace::New(runs.into()), hooks: Hooks::default() }
    }

    /// Resumes a run from its newest checkpoint. Its settings are those of [`settings_of`], of which some may be changed.
    pub fn resume(run: impl Into<PathBuf>) -> Self {
        Self { place: RunPlace::Resumed(run.into()), hooks: Hooks::default() }
    }

    /// Calls a function for every event.
    pub fn on_event(mut self, callback: impl FnMut(&Event<'_>) + Send + 'static) -> Self {
        self.hooks.callback = Some(Box::new(callback));
        self
    }

    /// Ends the run with a checkpoint after the current step once the flag is set.
    pub fn interrupted_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.hooks.interrupt = flag;
        self
    }
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// The number of steps done.
    pub step: u64,
    /// Steps in total.
    pub steps: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Trains a network, and leaves a run folder whose checkpoints can be exported.
///
/// It computes on threads of its own ([`threads::on_own_threads`]). Everything is checked before anything is written: a
/// training with invalid settings or data creates no folder, and a failed [`TrainOptions::resume`] does not change the run.
///
/// ```
/// use easel_train::recipes::gan::GanConfig;
/// use easel_train::{TrainOptions, train};
///
/// # fn main() -> easel_train::Result<()> {
/// let mut config = GanConfig::quick();
/// config.shared.data = Some("synthetic".into());
/// config.shared.steps = Some(10);
/// # let runs = tempfile::tempdir()?;
/// # let runs = runs.path();
/// let run = train(config, TrainOptions::new(runs))?;
/// assert_eq!(run.step, 10);
/// assert!(run.folder.join("checkpoints/000010/weights.safetensors").is_file());
/// # Ok(())
/// # }
/// ```
pub fn train<R: Recipe>(config: R, options: TrainOptions) -> Result<Run> {
    let TrainOptions { place, mut hooks } = options;
    check(&config)?;
    let threads = config.as_ref().threads;
    threads::on_own_threads(threads, R::SECOND_ORDER, move || {
        let mut prepared = Prepared::new(config, &place, &mut hooks)?;
        let Prepared { plan, checkpoint, folder, .. } = &mut prepared;
        let (steps, done) = (plan.steps, checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.record.step));
        if let Some(folder) = folder.as_ref().filter(|_| done >= steps) {
            return Ok(Run { folder: folder.path().into(), step: done, steps, outcome: Outcome::AlreadyFinished });
        }
        let folder = match (folder.take(), &place) {
            (None, RunPlace::New(runs)) => RunFolder::create(runs, &format!("{}-{}", R::NAME, prepared.run_name))?,
            (folder, _) => folder.expect("a resumed run has a folder"),
        };
        // What can still fail comes before the settings: a refused run keeps those that it has.
        checkpoint::prepare(&folder.checkpoints(), done)?;
        folder.remove_leftovers();
        folder.write_config(&to_text(&prepared.config)?)?;
        let trainer = prepared.trainer.as_mut();
        let ended = session::run(trainer, &folder, &prepared.plan, prepared.checkpoint.as_ref(), &mut hooks);
        trainer.warnings().iter().for_each(|warning| hooks.emit(&Event::Warning(warning)));
        let (outcome, step) = ended?;
        Ok(Run { folder: folder.path().into(), step, steps, outcome })
    })
}

/// Checks a training and estimates its time and memory from a few steps of each phase. Nothing is written. Gives the
/// resolved settings, the plan, the number of steps done and the estimate.
pub fn dry_run<R: Recipe>(config: R, options: TrainOptions) -> Result<(R, Plan, u64, Estimate)> {
    let TrainOptions { place, mut hooks } = options;
    check(&config)?;
    threads::on_own_threads(config.as_ref().threads, R::SECOND_ORDER, move || {
        let mut prepared = Prepared::new(config, &place, &mut hooks)?;
        let done = prepared.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.record.step);
        let estimate = estimate(prepared.trainer.as_mut(), &prepared.plan, done)?;
        Ok((prepared.config, prepared.plan, done, estimate))
    })
}

/// Fails on settings that make no sense, before any thread is started with them.
fn check<R: Recipe>(config: &R) -> Result<()> {
    config.as_ref().check()?;
    config.check()
}

/// The settings of a run.
pub fn settings_of<R: Recipe>(run: &Path) -> Result<R> {
    layers_of::<R>(run)?.resolve()
}

/// The settings of a run, to be overridden by others. Settings that a run of an earlier version does not have are those of
/// the first preset.
pub fn layers_of<R: Recipe>(run: &Path) -> Result<Layers> {
    let mut layers = Layers::new(&R::defaults(), R::EXCLUSIVE)?;
    layers.file::<R>(&RunFolder::config_of(run)?)?;
    Ok(layers)
}

/// A training that has not written anything yet.
struct Prepared<R> {
    config: R,
    trainer: Box<dyn Trainer>,
    plan: Plan,
    run_name: String,
    folder: Option<RunFolder>,
    checkpoint: Option<Checkpoint>,
}

impl<R: Recipe> Prepared<R> {
    fn new(mut config: R, place: &RunPlace, hooks: &mut Hooks) -> Result<Self> {
        let folder = match place {
            RunPlace::New(_) => None,
            RunPlace::Resumed(run) => {
                check_fixed(&settings_of::<R>(run)?, &config)?;
                Some(RunFolder::open(run)?)
            }
        };
        let data = config.as_ref().data.clone();
        let data = data.ok_or_else(|| Error::Config("no data; set it with --data or in the settings file".into()))?;
        let mut source: Source = data.parse()?;
        if let Source::Path(_) = source {
            config.as_mut().data.iter_mut().for_each(make_absolute);
        }
        config.files().into_iter().for_each(make_absolute);

        let device = device::open(config.as_ref().device)?;
        let checkpoint = folder.as_ref().map(|folder| newest(folder, hooks)).transpose()?;
        if let (Source::Path(path), Some(checkpoint)) = (&source, &checkpoint) {
            if !path.exists() {
                let what = "the run's data is not there; if it was moved or renamed, give its new place with --data";
                return Err(Error::unreadable(path, what));
            }
            if checkpoint.record.fingerprint.is_none() {
                source = Source::Former(path.clone());
            }
        }
        let training = config.build(&source, &device)?;
        let Training { mut trainer, steps, epochs, checkpoint_epochs, sample_every, mut data, run_name, .. } = training;
        training.warnings.iter().for_each(|warning| hooks.emit(&Event::Warning(warning)));
        training.notes.iter().for_each(|note| hooks.emit(&Event::Ready(note)));
        hooks.emit(&Event::Ready(&format!("{}, on the {}", training.summary, device::describe(&device))));
        if let Some(checkpoint) = &checkpoint {
            session::resume(trainer.as_mut(), checkpoint, &data)?;
            // A class that was named after the data's folder keeps its name.
            data.classes.clone_from(&checkpoint.record.classes);
        }
        let shared = config.as_ref();
        let provenance = Provenance {
            data: Some(data.name.clone()),
            border: data.border,
            style: data.style.clone(),
            seed: Some(shared.seed),
            program: format!("easel {}", env!("CARGO_PKG_VERSION")),
            ..Provenance::default()
        };
        let plan = Plan {
            steps,
            sample_every,
            checkpoint_every: shared.checkpoint_every,
            log_every: shared.log_every,
            epochs,
            checkpoint_epochs,
            keep: shared.keep,
            provenance,
            data,
        };
        Ok(Self { config, trainer, plan, run_name, folder, checkpoint })
    }
}

/// The newest readable checkpoint of a run.
fn newest(folder: &RunFolder, hooks: &mut Hooks) -> Result<Checkpoint> {
    let (checkpoint, unreadable) = Checkpoint::latest(&folder.checkpoints())?;
    let warning = |why: &String| format!("{why}; an older checkpoint is taken");
    unreadable.iter().for_each(|why| hooks.emit(&Event::Warning(&warning(why))));
    Ok(checkpoint)
}

/// Fails where a setting that a resumed run must keep has changed.
fn check_fixed<R: Recipe>(before: &R, now: &R) -> Result<()> {
    let [before, now] = [settings::table_of(before)?, settings::table_of(now)?];
    for name in R::FIXED {
        if before.get(*name) != now.get(*name) {
            let text = |value: Option<&toml::Value>| value.map_or("not set".into(), toml::Value::to_string);
            let [before, now] = [text(before.get(*name)), text(now.get(*name))];
            return Err(Error::FixedSetting { name, before, now });
        }
    }
    Ok(())
}

/// A run is resumed from anywhere.
fn make_absolute(path: &mut String) {
    if let Some(absolute) = Path::new(path).canonicalize().ok().as_deref().and_then(Path::to_str) {
        *path = absolute.to_string();
    }
}
