//! `train gan`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, ValueEnum};
use easel_runtime::Device;
use easel_train::data;
use easel_train::losses::gan::GeneratorLoss;
use easel_train::run::session::{Epochs, Plan};
use easel_train::run::{RunFolder, config, device};
use easel_train::trainers::gan::{FORMAT, GanConfig, GanTrainer};
use serde::Serialize;

use crate::common::{self, EXCLUSIVE, Job, RunArgs};

/// Train the vanilla GAN on pictures, made 28x28 and grey, and leave a run folder.
///
/// The folder, OUT/NNNNN-gan-DATA, holds the resolved settings (config.toml), the losses (stats.jsonl and TensorBoard
/// events), sample grids (samples/) and checkpoints (checkpoints/), which export-onnx turns into a model file. Its path
/// is printed on stdout when all is done.
#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true),
    after_help = "Examples:
  train gan --data mnist/                     MNIST's four files, gzipped or not, as they are published
  train gan --data synthetic --preset quick   digits that the program draws; about a minute
  train gan --data photos/ --epochs 20        a folder of class folders of pictures
  train gan --data list.txt --out my-runs     lines of `path label`
  train gan --resume runs/00003-gan-mnist     go on where the run was interrupted
  train gan --resume runs/00003-gan-mnist --steps 30000"
)]
pub struct Args {
    /// Where the settings start from
    #[arg(long, value_enum, default_value = "classic", conflicts_with = "resume")]
    preset: Preset,
    /// Go on with a run, from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["seed", "batch", "critic_steps"])]
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
    /// Steps in all; 15,000 with the preset `classic`
    #[arg(long, value_name = "N", conflicts_with = "epochs", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// In place of steps: how often the whole data is seen
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// The seed of everything random; 0 unless told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE")]
    #[serde(serialize_with = "common::as_text")]
    device: Option<Device>,
    /// CPU threads; 1 unless told: more seldom help with matrices as small as these
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Pictures in a step; 128 unless told
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Steps of the discriminator for each of the generator; 1 unless told
    #[arg(long, value_name = "K")]
    critic_steps: Option<usize>,
    /// What the generator minimises; non-saturating unless told
    #[arg(long, value_enum)]
    loss: Option<Loss>,
    /// Adam's learning rate; 2e-4 unless told
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Adam's decay of the mean of the gradients; 0.5 unless told
    #[arg(long, value_name = "X")]
    beta1: Option<f64>,
    /// Adam's decay of the mean of their squares; 0.99 unless told
    #[arg(long, value_name = "X")]
    beta2: Option<f64>,
    /// Decay of the averaged generator, which is sampled and exported; 0.999 unless told, 0: the last weights alone
    #[arg(long, value_name = "X")]
    average: Option<f64>,
    /// A sample grid every so many steps, 500 unless told; 0: at the end only
    #[arg(long, value_name = "N")]
    sample_every: Option<u64>,
    /// A checkpoint every so many steps, 1,000 unless told; 0: at the end only
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// How many checkpoints are kept; 3 unless told
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// 15,000 steps: digits that a person would name, in some minutes
    Classic,
    /// A first look in about a minute
    Quick,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Loss {
    /// -ln D(G(z))
    NonSaturating,
    /// ln(1 - D(G(z)))
    Minimax,
}

impl From<Loss> for GeneratorLoss {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::NonSaturating => Self::NonSaturating,
            Loss::Minimax => Self::Minimax,
        }
    }
}

/// Trains and gives the exit status.
pub fn train(args: Args) -> Result<ExitCode> {
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    let mut config = resolve(&args, resumed.as_ref())?;
    config.check()?;
    common::limit_threads(config.threads);

    let pictures = data::load(&common::source(&mut config.data)?, FORMAT)?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let steps = config.total_steps(pictures.len());
    (config.steps, config.epochs) = (Some(steps), None);
    let device = device::open(config.device)?;
    let mut trainer = GanTrainer::new(config.clone(), &pictures, &device)?;
    eprintln!(
        "{} pictures of {} classes from {}; {steps} steps on the {}",
        pictures.len(),
        pictures.classes.len(),
        pictures.name,
        device::describe(&device)
    );
    let plan = Plan {
        steps,
        sample_every: config.sample_every,
        checkpoint_every: config.checkpoint_every,
        log_every: config.log_every,
        epochs: Epochs::none(),
        checkpoint_epochs: false,
        keep: config.keep,
        provenance: common::provenance(&pictures.name, config.seed),
        title: None,
        classes: pictures.classes.clone(),
        columns: None,
    };
    let settings = config::to_text(&config)?;
    let out = (args.run.out.as_path(), pictures.name.as_str());
    Job { command: "gan", settings, plan, resumed, out, dry_run: args.run.dry_run }.run(&mut trainer)
}

fn resolve(args: &Args, resumed: Option<&RunFolder>) -> Result<GanConfig> {
    let base = match (resumed, args.preset) {
        (Some(folder), _) => config::from_text(&folder.config(), &folder.read_config()?)?,
        (None, Preset::Classic) => GanConfig::classic(),
        (None, Preset::Quick) => GanConfig::quick(),
    };
    Ok(config::resolve(&base, args.run.config.as_deref(), &args.flags, &EXCLUSIVE)?)
}
