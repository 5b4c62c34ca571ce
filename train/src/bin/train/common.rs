//! What all trainings share: settings, and the way from a trainer to a run folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use easel_runtime::Device;
use easel_runtime::card::Provenance;
use easel_train::data::Source;
use easel_train::run::estimate::{Estimate, PhaseEstimate, estimate};
use easel_train::run::progress::duration;
use easel_train::run::session::{self, Outcome, Plan, Trainer};
use easel_train::run::{Checkpoint, RunFolder, interrupt};

/// What every training is told, beside its settings. Each has `--resume` itself.
#[derive(clap::Args)]
pub struct RunArgs {
    /// The folder that the run's own folder is made in
    #[arg(long, value_name = "DIR", default_value = "runs", conflicts_with = "resume")]
    pub out: PathBuf,
    /// A file of settings: they go over the preset's, flags go over them
    #[arg(long, value_name = "F.toml", conflicts_with = "resume")]
    pub config: Option<PathBuf>,
    /// Check everything, print the resolved settings and what the run would take by a few steps' measure; write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Of these a layer of the configuration that sets one removes the other.
pub const EXCLUSIVE: [&str; 2] = ["steps", "epochs"];

/// A device as it is written in a file of settings.
pub fn as_text<S: serde::Serializer>(device: &Option<Device>, serializer: S) -> Result<S::Ok, S::Error> {
    match device {
        Some(device) => serializer.collect_str(device),
        None => serializer.serialize_none(),
    }
}

/// See [`easel_train::threads::limit`].
pub fn limit_threads(threads: usize) {
    // SAFETY: no other thread runs yet.
    unsafe { easel_train::threads::limit(threads) };
}

/// The source that the settings name; its path becomes one that holds from anywhere.
pub fn source(data: &mut Option<String>) -> Result<Source> {
    let text = data.clone().context("no data: name it with --data or in the file of settings")?;
    let source: Source = text.parse()?;
    if let Source::Path(path) = &source {
        let absolute = path.canonicalize().unwrap_or_else(|_| Path::to_path_buf(path));
        *data = Some(absolute.to_str().map_or(text, String::from));
    }
    Ok(source)
}

/// Where a run's weights come from, as far as it is known before the run: the data's name and the seed.
pub fn provenance(data: &str, seed: u64) -> Provenance {
    Provenance {
        data: Some(data.to_string()),
        seed: Some(seed),
        program: format!("easel {}", env!("CARGO_PKG_VERSION")),
        ..Provenance::default()
    }
}

/// A run that is about to begin or to go on.
pub struct Job<'a> {
    /// The subcommand.
    pub command: &'static str,
    /// The resolved settings as text.
    pub settings: String,
    /// What to do when.
    pub plan: Plan,
    /// The run that is to go on.
    pub resumed: Option<RunFolder>,
    /// The folder of a new run's folder, and the data's name.
    pub out: (&'a Path, &'a str),
    /// Only say what would be done.
    pub dry_run: bool,
}

impl Job<'_> {
    /// Trains and gives the exit status.
    pub fn run(self, trainer: &mut dyn Trainer) -> Result<ExitCode> {
        let Self { command, settings, plan, resumed, out: (out, data), dry_run } = self;
        let steps = plan.steps;
        let checkpoint = resumed.as_ref().map(|folder| Checkpoint::latest(&folder.checkpoints())).transpose()?;
        let checkpoint = checkpoint.map(|(checkpoint, unreadable)| {
            unreadable.iter().for_each(|why| eprintln!("warning: {why}; an older checkpoint is taken"));
            checkpoint
        });
        if let Some(checkpoint) = checkpoint.as_ref().filter(|checkpoint| checkpoint.record.step >= steps) {
            let done = checkpoint.record.step;
            eprintln!("the run has done {done} of {steps} steps; to go on further give --steps N");
            return Ok(ExitCode::SUCCESS);
        }
        if dry_run {
            let estimate = estimate(trainer, &plan, checkpoint.as_ref())?;
            print!("{settings}");
            eprintln!("{}", describe(&estimate, &plan, trainer.metric().is_some(), checkpoint.as_ref()));
            eprintln!("dry run: nothing was written");
            return Ok(ExitCode::SUCCESS);
        }
        let folder = match resumed {
            Some(folder) => folder,
            None => RunFolder::create(out, &format!("{command}-{data}"))?,
        };
        folder.write_config(&settings)?;
        let from = checkpoint.as_ref().map_or(String::new(), |c| format!(" from step {}", c.record.step));
        eprintln!("{}{from}", folder.path().display());
        match session::run(trainer, &folder, &plan, checkpoint.as_ref())? {
            Outcome::Finished => {
                println!("{}", folder.path().display());
                Ok(ExitCode::SUCCESS)
            }
            Outcome::Interrupted(step) => {
                let path = folder.path().display();
                eprintln!("stopped after step {step} of {steps}; go on with: train {command} --resume {path}");
                Ok(ExitCode::from(interrupt::STATUS as u8))
            }
        }
    }
}

fn describe(estimate: &Estimate, plan: &Plan, best: bool, from: Option<&Checkpoint>) -> String {
    let left = plan.steps - from.map_or(0, |checkpoint| checkpoint.record.step);
    let milliseconds = |time: std::time::Duration| format!("{:.3} ms", 1e3 * time.as_secs_f64());
    let phase = |phase: &PhaseEstimate| {
        let evaluation = match phase.evaluations {
            0 => String::new(),
            times => format!(", {} each of {times} evaluations", milliseconds(phase.evaluation)),
        };
        format!("{} a step{evaluation}", milliseconds(phase.step))
    };
    let (phases, each) = match &estimate.phases[..] {
        [one] => (String::new(), format!(" ({})", phase(one))),
        several => {
            let line = |of: &PhaseEstimate| format!("{}: {} steps, {}\n", of.name, of.steps, phase(of));
            (several.iter().map(line).collect(), String::new())
        }
    };
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    format!(
        "{phases}{left} steps would take about {}{each}, {} of memory, and {} of disk for each of {} checkpoints",
        duration(estimate.total.as_secs_f64()),
        estimate.memory.map_or("an unknown amount".into(), megabytes),
        megabytes(estimate.checkpoint),
        plan.keep + usize::from(best),
    )
}
