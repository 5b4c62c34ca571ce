//! `train lenet`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, ValueEnum};
use easel_runtime::Device;
use easel_train::run::session::{Epochs, Plan};
use easel_train::run::{RunFolder, config, device};
use easel_train::trainers::lenet::{LenetConfig, LenetTrainer, Sets};
use serde::Serialize;

use crate::common::{self, EXCLUSIVE, Job, RunArgs};

/// Train a LeNet to tell the classes of pictures, made 32x32, and leave a run folder.
///
/// Loss and accuracy on the training and the validation pictures are printed after each epoch. Validation pictures are
/// the test set of MNIST's files (t10k), other drawn digits for `synthetic`, and otherwise a tenth that is held out.
///
/// The folder, OUT/NNNNN-lenet-DATA, holds the resolved settings (config.toml), losses and accuracies (stats.jsonl and
/// TensorBoard events), checkpoints (checkpoints/; best.json says which is the best), which export-onnx turns into a
/// model file and `train eval` judges. Its path is printed on stdout when all is done.
#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true),
    after_help = "Examples:
  train lenet --data mnist/                     MNIST's four files, gzipped or not, as they are published
  train lenet --data synthetic --preset quick   digits that the program draws
  train lenet --data photos/ --channels 3       a folder of class folders of pictures, in colour
  train lenet --resume runs/00003-lenet-mnist   go on where the run was interrupted"
)]
pub struct Args {
    /// Where the settings start from
    #[arg(long, value_enum, default_value = "classic", conflicts_with = "resume")]
    preset: Preset,
    /// Go on with a run, from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["seed", "batch", "channels", "classes"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    flags: Flags,
}

/// The settings that have a flag; `None` is not given.
#[derive(clap::Args, Serialize)]
struct Flags {
    /// The pictures: a folder with MNIST's files, a folder of class folders, a text file of `path label` lines, or
    /// `synthetic`
    #[arg(long, value_name = "DIR|FILE|synthetic")]
    data: Option<String>,
    /// In place of epochs: steps in all
    #[arg(long, value_name = "N", conflicts_with = "epochs", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// How often all training pictures are seen; 12 with the preset `classic`
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
    /// Threads that make batches, 1 unless told; they do not change what comes out
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Pictures in a step; 128 unless told
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// 1 (grey) or 3 (colour): what pictures are converted to; 1 unless told
    #[arg(long, value_name = "1|3")]
    channels: Option<usize>,
    /// The number of classes, where it is to be more than the data has
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// Adam's learning rate at its highest; 2e-3 unless told
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Decay of the averaged weights, which are evaluated and exported; 0.998 unless told, 0: the last weights alone
    #[arg(long, value_name = "X")]
    average: Option<f64>,
    /// Move training pictures by up to so many pixels at random; 2 unless told
    #[arg(long, value_name = "N")]
    shift: Option<u32>,
    /// The part held out for validation where the data has no test set of its own; 0.1 unless told
    #[arg(long, value_name = "X")]
    held_out: Option<f64>,
    /// A line of losses every so many steps, 100 unless told; 0: after each epoch only
    #[arg(long, value_name = "N")]
    log_every: Option<u64>,
    /// A checkpoint every so many steps, 500 unless told; 0: only after an epoch that is the best so far, and at the end
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// How many of the last checkpoints are kept, beside the best; 3 unless told
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// 12 epochs, some minutes on MNIST: above 99 %
    Classic,
    /// 2 epochs: a first look
    Quick,
}

/// Trains and gives the exit status.
pub fn train(args: Args) -> Result<ExitCode> {
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    let mut config = resolve(&args, resumed.as_ref())?;
    config.check()?;
    common::limit_threads(config.threads);

    let sets = Sets::load(&common::source(&mut config.data)?, &config)?;
    let training = &sets.training;
    training.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let (steps, epoch) = (config.total_steps(training.len()), config.epoch_steps(training.len()));
    (config.steps, config.epochs) = (Some(steps), None);
    let provenance = common::provenance(&training.name, config.seed);
    let (name, mut classes) = (training.name.clone(), training.classes.clone());
    let device = device::open(config.device)?;
    let counts = (training.len(), sets.validation.len());
    let mut trainer = LenetTrainer::new(&config, sets, steps, &device)?;
    // Classes that the data does not have are called by their numbers.
    classes.extend((classes.len()..trainer.sizes().classes).map(|label| label.to_string()));
    eprintln!(
        "{} pictures of {} classes from {name}, {} more for validation; {steps} steps, {epoch} an epoch, on the {}",
        counts.0,
        classes.len(),
        counts.1,
        device::describe(&device)
    );
    let plan = Plan {
        steps,
        sample_every: 0,
        checkpoint_every: config.checkpoint_every,
        log_every: config.log_every,
        epochs: Epochs::every(epoch),
        checkpoint_epochs: false,
        keep: config.keep,
        provenance,
        title: None,
        classes,
        columns: None,
    };
    let settings = config::to_text(&config)?;
    let out = (args.run.out.as_path(), name.as_str());
    Job { command: "lenet", settings, plan, resumed, out, dry_run: args.run.dry_run }.run(&mut trainer)
}

fn resolve(args: &Args, resumed: Option<&RunFolder>) -> Result<LenetConfig> {
    let base = match (resumed, args.preset) {
        (Some(folder), _) => config::from_text(&folder.config(), &folder.read_config()?)?,
        (None, Preset::Classic) => LenetConfig::classic(),
        (None, Preset::Quick) => LenetConfig::quick(),
    };
    Ok(config::resolve(&base, args.run.config.as_deref(), &args.flags, &EXCLUSIVE)?)
}
