//! `train ddpm`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, ValueEnum};
use easel_runtime::Device;
use easel_train::data;
use easel_train::run::session::{Epochs, Plan};
use easel_train::run::{RunFolder, config, device};
use easel_train::trainers::ddpm::{DdpmConfig, DdpmTrainer};
use serde::Serialize;

use crate::common::{self, EXCLUSIVE, Job, RunArgs};

/// Train a conditional DDPM, which makes pictures of a class that is asked for, and leave a run folder.
///
/// The folder, OUT/NNNNN-ddpm-DATA, holds the resolved settings (config.toml), the loss (stats.jsonl and TensorBoard
/// events), samples of every class (samples/, a row each) and checkpoints (checkpoints/), which export-onnx turns into a
/// model file. Its path is printed on stdout when all is done.
#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true),
    after_help = "Examples:
  train ddpm --data mnist/ --preset light                      what two CPU cores learn in an hour or two
  train ddpm --data mnist/                                     the classic network, meant for a GPU
  train ddpm --data photos/ --channels 3 --size 64             a folder of class folders of pictures, in colour
  train ddpm --data mnist/ --label-dropout 0.1                 the same, so that sampling can be guided
  train ddpm --resume runs/00003-ddpm-mnist                    go on where the run was interrupted"
)]
pub struct Args {
    /// Where the settings start from
    #[arg(long, value_enum, default_value = "classic", conflicts_with = "resume")]
    preset: Preset,
    /// Go on with a run, from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "seed", "batch", "size", "channels", "conditioning", "base", "embedding", "noise", "prediction", "label_dropout",
    ])]
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
    /// Steps in all; 16,000 with the preset `light`
    #[arg(long, value_name = "N", conflicts_with = "epochs", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// In place of steps: how often the whole data is seen; 100 with the preset `classic`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// The seed of everything random; 0 unless told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE")]
    #[serde(serialize_with = "common::as_text")]
    device: Option<Device>,
    /// CPU threads of the model; 2 unless told
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Threads that make batches, 1 unless told; they do not change what comes out
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Pictures in a step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Height and width that pictures are resized to, a multiple of 16; 32 unless told
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// 1 (grey) or 3 (colour): what pictures are converted to; 1 unless told
    #[arg(long, value_name = "1|3")]
    channels: Option<usize>,
    /// Where the network is told time and class
    #[arg(long, value_enum)]
    conditioning: Option<Conditioning>,
    /// The network's channels at the full size; twice as many at each of four halvings
    #[arg(long, value_name = "N")]
    base: Option<usize>,
    /// Elements of the embedded time and class; 128 unless told
    #[arg(long, value_name = "N")]
    embedding: Option<usize>,
    /// How much noise there is at which of the 1000 times; linear unless told
    #[arg(long, value_enum)]
    noise: Option<Noise>,
    /// What the network predicts; the noise unless told
    #[arg(long, value_enum)]
    prediction: Option<Prediction>,
    /// The most that a time's signal-to-noise ratio counts in the loss, 5 in the paper; 0, unless told: all times alike
    #[arg(long, value_name = "X")]
    min_snr: Option<f64>,
    /// Withhold the class of this part of the pictures, so that sampling can be guided, as it then is
    /// unless told otherwise; 0.1 in the presets
    /// light and quick, 0 in classic
    #[arg(long, value_name = "X")]
    label_dropout: Option<f64>,
    /// Adam's learning rate at its highest
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// How it goes: constant, or falling to 0 at the run's end
    #[arg(long, value_enum)]
    lr_shape: Option<LrShape>,
    /// Decay of the averaged weights, which are sampled and exported; 0.999 unless told (quick:
    /// 0.99), 0: the last weights alone
    #[arg(long, value_name = "X")]
    average: Option<f64>,
    /// A grid of samples every so many steps; unless told every ten epochs, every 500 steps with the preset light,
    /// every 100 with quick; 0: at the end only
    #[arg(long, value_name = "N")]
    sample_every: Option<u64>,
    /// Steps of DPM-Solver++ for a sample
    #[arg(long, value_name = "N")]
    sample_steps: Option<usize>,
    /// A checkpoint every so many steps, 500 unless told; 0: at the end only
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// A line of losses every so many steps, 50 unless told
    #[arg(long, value_name = "N")]
    log_every: Option<u64>,
    /// How many checkpoints are kept; 3 unless told
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// 100 epochs of the network that is told time and class at its input; meant for a GPU
    Classic,
    /// A narrow network that is told both in every block: what two CPU cores learn in an hour or two
    Light,
    /// A first look, in some minutes
    Quick,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Conditioning {
    /// By constant planes beside the picture
    Input,
    /// By a scale and a shift in every block
    EveryBlock,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Noise {
    /// Betas from 1e-4 to 0.02
    Linear,
    /// The share of the picture falls on a squared cosine
    Cosine,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Prediction {
    /// The noise
    Noise,
    /// v: noise less picture, weighted by time
    Velocity,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum LrShape {
    Constant,
    Linear,
    Cosine,
}

/// Trains and gives the exit status.
pub fn train(args: Args) -> Result<ExitCode> {
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    let mut config = resolve(&args, resumed.as_ref())?;
    config.check()?;
    common::limit_threads(config.threads);

    let pictures = data::load(&common::source(&mut config.data)?, config.format())?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let (count, classes, name) = (pictures.len(), pictures.classes.clone(), pictures.name.clone());
    let steps = config.total_steps(count);
    (config.steps, config.epochs) = (Some(steps), None);
    let device = device::open(config.device)?;
    let mut trainer = DdpmTrainer::new(&config, pictures, steps, &device)?;
    eprintln!(
        "{count} pictures of {} classes from {name}; {steps} steps, {} an epoch, on the {}",
        classes.len(),
        config.epoch_steps(count),
        device::describe(&device)
    );
    let plan = Plan {
        steps,
        sample_every: config.sample_steps_between(count),
        checkpoint_every: config.checkpoint_every,
        log_every: config.log_every,
        epochs: Epochs::none(),
        checkpoint_epochs: false,
        keep: config.keep,
        provenance: common::provenance(&name, config.seed),
        title: None,
        classes,
        columns: None,
    };
    let settings = config::to_text(&config)?;
    let out = (args.run.out.as_path(), name.as_str());
    Job { command: "ddpm", settings, plan, resumed, out, dry_run: args.run.dry_run }.run(&mut trainer)
}

fn resolve(args: &Args, resumed: Option<&RunFolder>) -> Result<DdpmConfig> {
    let base = match (resumed, args.preset) {
        (Some(folder), _) => config::from_text(&folder.config(), &folder.read_config()?)?,
        (None, Preset::Classic) => DdpmConfig::classic(),
        (None, Preset::Light) => DdpmConfig::light(),
        (None, Preset::Quick) => DdpmConfig::quick(),
    };
    Ok(config::resolve(&base, args.run.config.as_deref(), &args.flags, &EXCLUSIVE)?)
}
