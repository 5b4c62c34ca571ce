//! `train mlp`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, ValueEnum};
use easel_runtime::Device;
use easel_runtime::card::Columns;
use easel_train::data::table::Targets;
use easel_train::run::session::{Epochs, Plan};
use easel_train::run::{RunFolder, config, device};
use easel_train::trainers::mlp::{MlpConfig, MlpTrainer, Sets};
use serde::Serialize;

use crate::common::{self, EXCLUSIVE, Job, RunArgs};

/// Train a multi-layer perceptron to tell a table's last column from the others, and leave a run folder.
///
/// The table is a CSV file, gzipped or not, of numbers. The last column is what is to be told: numbers (a regression) or
/// names of classes. Columns are brought to mean 0 and variance 1 inside the network, so it takes them as they are.
///
/// A part of the rows is held out. On it the accuracy, or the root mean squared error in the column's own unit and R2,
/// are printed after each epoch.
///
/// The folder, OUT/NNNNN-mlp-TABLE, holds the resolved settings (config.toml), losses and measures (stats.jsonl and
/// TensorBoard events), checkpoints (checkpoints/; best.json says which is the best), which export-onnx turns into a
/// model file and `train eval` judges. Its path is printed on stdout when all is done.
#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true),
    after_help = "Examples:
  train mlp --data flowers.csv                      the last column is the target; the rest says what it is
  train mlp --data ratings.csv.gz --task classes    numbers of the last column that are names of classes
  train mlp --data synthetic --task regression      a table that the program draws
  train mlp --data houses.csv --hidden 128,128,64 --epochs 300 --dry-run
  train mlp --resume runs/00003-mlp-flowers         go on where the run was interrupted"
)]
pub struct Args {
    /// Where the settings start from
    #[arg(long, value_enum, default_value = "classic", conflicts_with = "resume")]
    preset: Preset,
    /// Go on with a run, from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["header", "task", "seed", "batch", "hidden", "held_out"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    flags: Flags,
}

/// The settings that have a flag; `None` is not given.
#[derive(clap::Args, Serialize)]
struct Flags {
    /// The table: a CSV file, or `synthetic`. Cells are parted by commas, semicolons or tabs
    #[arg(long, value_name = "FILE|synthetic")]
    data: Option<String>,
    /// Whether the first line has the columns' names; unless told it has where one of its cells is no number
    #[arg(long, value_name = "true|false")]
    header: Option<bool>,
    /// What the last column is; unless told classes where one of its cells is no number
    #[arg(long, value_enum)]
    task: Option<Task>,
    /// In place of epochs: steps in all
    #[arg(long, value_name = "N", conflicts_with = "epochs", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// How often all training rows are seen; 100 with the preset `classic`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// The seed of everything random; 0 unless told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE")]
    #[serde(serialize_with = "common::as_text")]
    device: Option<Device>,
    /// CPU threads of the model; 1 unless told
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Threads that make batches, none unless told; they do not change what comes out
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Rows in a step; 32 unless told
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The units of each hidden layer; 64,64 unless told
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// AdamW's learning rate at its highest; 3e-3 unless told
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// How strongly weights are pulled to 0; 0.3 unless told
    #[arg(long, value_name = "X")]
    weight_decay: Option<f64>,
    /// Decay of the averaged weights, which are evaluated and exported; 0.99 unless told, 0: the last weights alone
    #[arg(long, value_name = "X")]
    average: Option<f64>,
    /// The part of the rows that is held out for validation; 0.2 unless told
    #[arg(long, visible_alias = "validation", value_name = "X")]
    held_out: Option<f64>,
    /// A line of losses every so many steps, 0 unless told: after each epoch only
    #[arg(long, value_name = "N")]
    log_every: Option<u64>,
    /// A checkpoint every so many steps, 1000 unless told; 0: only after an epoch that is the best so far, and at the end
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// How many of the last checkpoints are kept, beside the best; 3 unless told
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// 100 epochs
    Classic,
    /// 20 epochs: a first look
    Quick,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    /// Numbers to come near to
    Regression,
    /// Names of classes, which may be numbers
    Classes,
}

/// Trains and gives the exit status.
pub fn train(args: Args) -> Result<ExitCode> {
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    let mut config = resolve(&args, resumed.as_ref())?;
    config.check()?;
    common::limit_threads(config.threads);

    let sets = Sets::load(&common::source(&mut config.data)?, &config)?;
    sets.warnings().iter().for_each(|line| eprintln!("warning: {line}"));
    let (training, held_out) = (&sets.training, sets.validation.rows());
    let (steps, epoch) = (config.total_steps(training.rows()), config.epoch_steps(training.rows()));
    (config.steps, config.epochs) = (Some(steps), None);
    let classes = match &training.targets {
        Targets::Numbers(_) => vec![],
        Targets::Classes { names, .. } => names.clone(),
    };
    let device = device::open(config.device)?;
    eprintln!(
        "{} rows of {} columns from {}, {held_out} more for validation, to tell `{}`, {}; {steps} steps, {epoch} an epoch, \
         on the {}",
        training.rows(),
        training.columns.len(),
        training.name,
        training.target,
        if classes.is_empty() { "a number".into() } else { format!("one of {} classes", classes.len()) },
        device::describe(&device)
    );
    let name = training.name.clone();
    let plan = Plan {
        steps,
        sample_every: 0,
        checkpoint_every: config.checkpoint_every,
        log_every: config.log_every,
        epochs: Epochs::every(epoch),
        checkpoint_epochs: false,
        keep: config.keep,
        provenance: common::provenance(&name, config.seed),
        title: None,
        classes,
        columns: Some(Columns { features: training.columns.clone(), target: training.target.clone() }),
    };
    let mut trainer = MlpTrainer::new(&config, sets, steps, &device)?;
    let settings = config::to_text(&config)?;
    let out = (args.run.out.as_path(), name.as_str());
    Job { command: "mlp", settings, plan, resumed, out, dry_run: args.run.dry_run }.run(&mut trainer)
}

fn resolve(args: &Args, resumed: Option<&RunFolder>) -> Result<MlpConfig> {
    let base = match (resumed, args.preset) {
        (Some(folder), _) => config::from_text(&folder.config(), &folder.read_config()?)?,
        (None, Preset::Classic) => MlpConfig::classic(),
        (None, Preset::Quick) => MlpConfig::quick(),
    };
    Ok(config::resolve(&base, args.run.config.as_deref(), &args.flags, &EXCLUSIVE)?)
}
