//! `train style`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::{ArgGroup, ValueEnum};
use easel_runtime::Device;
use easel_runtime::card::Provenance;
use easel_train::data::Dataset;
use easel_train::run::session::{Epochs, Plan};
use easel_train::run::{RunFolder, config, device};
use easel_train::trainers::style::{Inputs, LrShape, StyleConfig, StyleTrainer, title};
use serde::Serialize;

use crate::common::{self, EXCLUSIVE, Job, RunArgs};

/// Train a network that gives any picture the style of one picture, and leave a run folder.
///
/// The result is judged by a network that has learnt to see: VGG16 or SqueezeNet 1.1 with torchvision's weights, a
/// `.pth` or safetensors file, told apart by looking at it. What is not said about the loss is what suits that network:
/// with VGG16 the classic weights (style 1e5, content 1, total variation 1e-5), with SqueezeNet losses relative to what
/// they compare with, on pictures enlarged and moved at random.
///
/// The folder, OUT/NNNNN-style-NAME, holds the resolved settings (config.toml), the losses (stats.jsonl and TensorBoard
/// events), sheets of content and stylized pictures (samples/) and checkpoints (checkpoints/), which export-onnx turns
/// into a model file. Its path is printed on stdout when all is done.
#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("origin").args(["data", "config", "resume"]).multiple(true).required(true),
    after_help = "Examples:
  train style --content photos/ --style wave.jpg --features vgg16-397923af.pth
  train style --content photos/ --style wave.jpg --features squeezenet1_1-b8a52dc0.pth --preset light
  train style --content synthetic --style wave.jpg --features squeezenet1_1-b8a52dc0.pth --preset quick
  train style --content photos/ --style wave.jpg --features weights.safetensors --preview me.jpg --preview you.jpg
  train style --resume runs/00003-style-wave"
)]
pub struct Args {
    /// Where the settings start from
    #[arg(long, value_enum, default_value = "classic", conflicts_with = "resume")]
    preset: Preset,
    /// Go on with a run, from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["seed", "batch", "width", "size", "style_size"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    flags: Flags,
}

/// The settings that have a flag; `None` is not given.
#[derive(clap::Args, Serialize)]
struct Flags {
    /// The pictures to learn with: a folder of photos at any depth, or `synthetic` for scenes that the program draws
    #[arg(long = "content", alias = "data", value_name = "DIR|synthetic")]
    data: Option<String>,
    /// The picture whose style is learnt
    #[arg(long, value_name = "PICTURE")]
    style: Option<String>,
    /// The weights of VGG16 or SqueezeNet 1.1
    #[arg(long, value_name = "WEIGHTS")]
    features: Option<String>,
    /// The model's title; the style picture's name unless told
    #[arg(long, value_name = "T")]
    title: Option<String>,
    /// A photo to stylize in the sample sheets, several times for several; some of the content unless told
    #[arg(long, value_name = "PHOTO")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    preview: Vec<String>,
    /// In place of epochs: steps in all
    #[arg(long, value_name = "N", conflicts_with = "epochs", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// How often all content is seen; 4 with the preset `classic`
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
    /// Channels after the first convolution: 32 is classic, 16 and 8 make smaller and faster models
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Content pictures are resized and cut to so many pixels a side, a multiple of 4; 256 is classic
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// The style picture's pixels a side, which sets how large its strokes are on content; 256 is classic
    #[arg(long, value_name = "N")]
    style_size: Option<usize>,
    /// Pictures in a step; 4 is classic
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Cut content out at random places and mirror it at random, or take its middle
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    augment: Option<bool>,
    /// With --augment: the smallest part of a picture's shorter side that is cut out
    #[arg(long, value_name = "X")]
    smallest_crop: Option<f64>,
    /// Adam's learning rate at its highest; 1e-3 unless told
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    lr: Option<f64>,
    /// How the learning rate goes
    #[arg(long, value_enum)]
    lr_shape: Option<LrShapeName>,
    /// Decay of the averaged stylizer, which is sampled and exported; 0: the last weights alone
    #[arg(long, value_name = "D")]
    average: Option<f64>,
    /// The style's weight
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    style_weight: Option<f64>,
    /// The content's weight
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    content_weight: Option<f64>,
    /// The weight of the sum of differences between neighbouring pixels
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    tv_weight: Option<f64>,
    /// The layers that are the style, as in `features.0=1,features.4=0.5`
    #[arg(long, value_name = "L=X,..")]
    style_layers: Option<Layers>,
    /// The layers that are the content
    #[arg(long, value_name = "L=X,..")]
    content_layers: Option<Layers>,
    /// Divide the loss of each layer by the mean square of what it is compared with
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    relative: Option<bool>,
    /// Compare content after bringing every channel to mean 0 and variance 1
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    normalised_content: Option<bool>,
    /// Enlarge pictures before they are judged, by another factor in each step: so many times at most
    #[arg(long, value_name = "X")]
    enlarge: Option<f64>,
    /// And so many times at least
    #[arg(long, value_name = "X")]
    enlarge_from: Option<f64>,
    /// Move them then by up to so many pixels, at random in each step
    #[arg(long, value_name = "N")]
    jitter: Option<usize>,
    /// A sheet of content and stylized pictures every so many steps, 200 unless told; 0: at the end only
    #[arg(long, value_name = "N")]
    sample_every: Option<u64>,
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
    /// As published: width 32, 256 pixels, batches of 4, 4 epochs; meant for a GPU and thousands of photos
    Classic,
    /// Width 16, 176 pixels, batches of 2, random crops, 6,000 steps: half an hour of a CPU core with SqueezeNet
    Light,
    /// A first look: width 8, 128 pixels, 300 steps
    Quick,
}

#[derive(Clone, Copy, ValueEnum)]
enum LrShapeName {
    /// It stays
    Constant,
    /// It falls on a line to 0 at the end
    Linear,
    /// It falls on half a cosine wave to 0 at the end
    Cosine,
}

impl Serialize for LrShapeName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = match self {
            Self::Constant => LrShape::Constant,
            Self::Linear => LrShape::Linear,
            Self::Cosine => LrShape::Cosine,
        };
        shape.serialize(serializer)
    }
}

/// Weights of layers, as in `features.0=1,features.4=0.5`.
#[derive(Debug, Clone, Serialize)]
struct Layers(BTreeMap<String, f64>);

impl FromStr for Layers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let layer = |part: &str| {
            let (name, weight) = part.split_once('=')?;
            Some((name.trim().to_string(), weight.trim().parse().ok()?))
        };
        let layers: Option<BTreeMap<_, _>> = text.split(',').map(layer).collect();
        layers.map(Self).ok_or_else(|| "layers and weights are written as in `features.0=1,features.4=0.5`".into())
    }
}

/// Trains and gives the exit status.
pub fn train(args: Args) -> Result<ExitCode> {
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    let mut config = resolve(&args, resumed.as_ref())?;
    config.check()?;
    common::limit_threads(config.threads);

    let source = common::source(&mut config.data)?;
    let files = config.style.iter_mut().chain(config.features.iter_mut()).chain(&mut config.preview);
    files.for_each(make_absolute);
    let device = device::open(config.device)?;
    let inputs = Inputs::load(&mut config, &source, &device)?;
    inputs.content.others().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let style = PathBuf::from(config.style.clone().context("no style picture")?);
    let stem = style.file_stem().map_or_else(|| "style".into(), |stem| stem.to_string_lossy().into_owned());
    let title = config.title.get_or_insert_with(|| title(&stem)).clone();
    let pictures = inputs.content.len();
    let steps = config.total_steps(pictures);
    (config.steps, config.epochs) = (Some(steps), None);
    let provenance = Provenance {
        style: style.file_name().map(|name| name.to_string_lossy().into_owned()),
        ..common::provenance(inputs.content.name(), config.seed)
    };
    eprintln!(
        "{title}: {pictures} pictures from {}, judged by {}; {steps} steps on the {}",
        inputs.content.name(),
        inputs.features.kind().name(),
        device::describe(&device)
    );
    let mut trainer = StyleTrainer::new(&config, inputs, steps, &device)?;
    let plan = Plan {
        steps,
        sample_every: config.sample_every,
        checkpoint_every: config.checkpoint_every,
        log_every: config.log_every,
        epochs: Epochs::none(),
        checkpoint_epochs: false,
        keep: config.keep,
        provenance,
        title: Some(title),
        classes: vec![],
        columns: None,
    };
    let settings = config::to_text(&config)?;
    let out = (args.run.out.as_path(), stem.as_str());
    let done = Job { command: "style", settings, plan, resumed, out, dry_run: args.run.dry_run }.run(&mut trainer);
    trainer.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    done
}

/// A run is resumed from anywhere.
fn make_absolute(path: &mut String) {
    if let Some(absolute) = Path::new(path).canonicalize().ok().as_deref().and_then(Path::to_str) {
        *path = absolute.to_string();
    }
}

fn resolve(args: &Args, resumed: Option<&RunFolder>) -> Result<StyleConfig> {
    let base = match (resumed, args.preset) {
        (Some(folder), _) => config::from_text(&folder.config(), &folder.read_config()?)?,
        (None, Preset::Classic) => StyleConfig::classic(),
        (None, Preset::Light) => StyleConfig::light(),
        (None, Preset::Quick) => StyleConfig::quick(),
    };
    Ok(config::resolve(&base, args.run.config.as_deref(), &args.flags, &EXCLUSIVE)?)
}
