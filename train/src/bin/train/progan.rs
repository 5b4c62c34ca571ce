//! `train progan`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, ValueEnum};
use easel_runtime::Device;
use easel_train::data::{Source, Store, idx};
use easel_train::networks::progan::Stage;
use easel_train::run::session::Plan;
use easel_train::run::{RunFolder, config, device};
use easel_train::trainers::progan::{ProganConfig, ProganTrainer};
use serde::Serialize;

use crate::common::{self, Job, RunArgs};

/// Of these a layer of the configuration that sets one removes the other.
const EXCLUSIVE: [&str; 2] = ["epochs", "pictures"];

/// Train ProGAN: a generator of pictures that grows from 4x4 by doubling, and leave a run folder.
///
/// Pictures are cut to a square and resized. Each resolution's layers are faded in (alpha goes from 0.01 to 1) and then
/// trained on. Lists (--batches, --epochs, --pictures) are by resolution from 4x4 up: `32,32,16`; the last number holds
/// for all resolutions above.
///
/// The folder, OUT/NNNNN-progan-DATA, holds the resolved settings (config.toml), the losses (stats.jsonl and TensorBoard
/// events), samples (samples/: real pictures above, generated ones below) and checkpoints (checkpoints/), which
/// export-onnx turns into a model file at any stage of the growth. Its path is printed on stdout when all is done.
#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true),
    after_help = "Examples:
  train progan --data photos/                          128x128, as is usual on a GPU
  train progan --data mnist/ --preset light            32x32 on two CPU cores
  train progan --data scenes --preset quick            a first look with drawn landscapes
  train progan --data scenes:8000 --class lake sea --preset light
  train progan --data photos/ --mirror --resolution 64 --batches 64,64,32,16,8 --pictures 100000
  train progan --data photos/ --preset light --dry-run what it would take
  train progan --resume runs/00003-progan-photos       go on, also in the middle of a fade
  train progan --resume runs/00003-progan-photos --steps 30000"
)]
pub struct Args {
    /// Where the settings start from
    #[arg(long, value_enum, default_value = "classic", conflicts_with = "resume")]
    preset: Preset,
    /// Go on with a run, from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "seed", "classes", "grey", "resolution", "batches", "epochs", "pictures", "fade", "z_dim", "width", "critic_steps"
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
    /// The pictures: a folder of pictures or of class folders of them, a folder with MNIST's files, a text file of
    /// `path label` lines, `synthetic` for drawn digits, `scenes` or `scenes:N` for drawn landscapes
    #[arg(long, value_name = "DIR|FILE|synthetic|scenes")]
    data: Option<String>,
    /// The pictures of these classes only
    #[arg(long = "class", value_name = "NAME", num_args = 1..)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<String>,
    /// Make pictures grey; those of MNIST and drawn digits are
    #[arg(long)]
    #[serde(rename = "channels", serialize_with = "one_channel", skip_serializing_if = "std::ops::Not::not")]
    grey: bool,
    /// Height and width to grow to, a power of two from 4 to 1024; 128 with the preset `classic`
    #[arg(long, value_name = "N")]
    resolution: Option<usize>,
    /// Pictures in a step, by resolution
    #[arg(long, value_name = "N,..", value_delimiter = ',', num_args = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<usize>,
    /// How often the critic sees the whole data, by resolution; 8 with the preset `classic`
    #[arg(long, value_name = "N,..", value_delimiter = ',', num_args = 1, conflicts_with = "pictures")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    epochs: Vec<u64>,
    /// In place of epochs: how many pictures the critic sees, whatever the data's size, by resolution
    #[arg(long, value_name = "N,..", value_delimiter = ',', num_args = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<u64>,
    /// Steps of the generator in all: fewer than that end the run early, with more the last resolution goes on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// The share of a resolution's steps in which its layers fade in; 0.5 unless told
    #[arg(long, value_name = "X")]
    fade: Option<f64>,
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
    /// Elements of the latent vector
    #[arg(long, value_name = "N")]
    z_dim: Option<usize>,
    /// Both players' channels from 4x4 to 32x32; fewer above
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Mirror every other picture, at random
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    mirror: Option<bool>,
    /// Steps of the critic for each of the generator; 1 unless told
    #[arg(long, value_name = "K")]
    critic_steps: Option<usize>,
    /// The gradient penalty's weight; 10 unless told
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    lambda: Option<f64>,
    /// Apply the penalty, with its weight as it is, in every so many steps of the critic; 1 unless told
    #[arg(long, value_name = "N")]
    penalty_every: Option<u64>,
    /// The weight of the mean square of the scores of real pictures, which keeps them near 0
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    drift: Option<f64>,
    /// Adam's learning rate
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    lr: Option<f64>,
    /// Decay of the averaged generator, which is sampled and exported; 0.999 unless told, 0: the last weights alone
    #[arg(long, value_name = "X")]
    average: Option<f64>,
    /// Pictures that are compared with real ones after each epoch, 512 unless told; 0: none
    #[arg(long, value_name = "N")]
    evaluate: Option<usize>,
    /// Real and generated samples every so many steps, 300 unless told; 0: at the end only
    #[arg(long, value_name = "N")]
    sample_every: Option<u64>,
    /// A checkpoint every so many steps, beside those of epochs
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
    /// 128x128 with 128 channels, 8 epochs at each resolution; meant for a GPU
    Classic,
    /// 32x32 with 48 channels: what two CPU cores do in an hour or two
    Light,
    /// A first look: 16x16, some minutes
    Quick,
}

fn one_channel<S: serde::Serializer>(_: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(1)
}

/// Trains and gives the exit status.
pub fn train(args: Args) -> Result<ExitCode> {
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    let mut config = resolve(&args, resumed.as_ref())?;
    config.check()?;
    common::limit_threads(config.threads);
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CANDLE_GRAD_DO_NOT_DETACH", "1") };

    let source = common::source(&mut config.data)?;
    let channels = match config.channels {
        Some(channels) => channels,
        None if is_grey(&source)? => 1,
        None => 3,
    };
    config.channels = Some(channels);
    let pictures = Store::open(&source, channels, config.resolution, &config.classes)?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let (name, classes, count) = (pictures.name().to_string(), pictures.classes().to_vec(), pictures.len());
    let device = device::open(config.device)?;
    let mut trainer = ProganTrainer::new(&config, pictures, &device)?;
    let growth = trainer.growth();
    let phases: Vec<_> = growth.phases();
    let top = phases.last().map_or_else(|| Stage::grown(0).resolution().to_string(), |phase| phase.name.clone());
    eprintln!(
        "{count} {} pictures from {name}; {} steps up to {top} on the {}",
        if channels == 1 { "grey" } else { "RGB" },
        growth.steps(),
        device::describe(&device)
    );
    let plan = Plan {
        steps: growth.steps(),
        sample_every: config.sample_every,
        checkpoint_every: config.checkpoint_every,
        log_every: config.log_every,
        epochs: growth.epochs(),
        checkpoint_epochs: true,
        keep: config.keep,
        provenance: common::provenance(&name, config.seed),
        title: None,
        classes,
        columns: None,
    };
    let settings = config::to_text(&config)?;
    let out = (args.run.out.as_path(), name.as_str());
    Job { command: "progan", settings, plan, resumed, out, dry_run: args.run.dry_run }.run(&mut trainer)
}

/// Whether a source's pictures have no colours, as far as that is known without reading them.
fn is_grey(source: &Source) -> Result<bool> {
    Ok(match source {
        Source::Synthetic => true,
        Source::Scenes(_) => false,
        Source::Path(path) => Path::is_dir(path) && idx::find(path)?.is_some(),
    })
}

fn resolve(args: &Args, resumed: Option<&RunFolder>) -> Result<ProganConfig> {
    let base = match (resumed, args.preset) {
        (Some(folder), _) => config::from_text(&folder.config(), &folder.read_config()?)?,
        (None, Preset::Classic) => ProganConfig::classic(),
        (None, Preset::Light) => ProganConfig::light(),
        (None, Preset::Quick) => ProganConfig::quick(),
    };
    Ok(config::resolve(&base, args.run.config.as_deref(), &args.flags, &EXCLUSIVE)?)
}
