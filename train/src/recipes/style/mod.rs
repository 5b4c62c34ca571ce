//! Fast style transfer (Johnson et al. 2016, arXiv 1603.08155): a network learns to apply one style to any picture. Its
//! loss compares a classifier's features of content, style and output.

mod config;
mod inputs;
mod pairs;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::{Picture, Random};

pub use config::{StyleConfig, title};
pub use inputs::Inputs;

use super::learner::{Learner, number, shuffled};
use super::{Preset, Recipe, Training, samples};
use crate::data::transform::{CentreSquare, Normalise, RandomFlip, RandomSquare, Resize, Transform};
use crate::data::{Content, Dataset, PictureBatch, Source, Transformed, stack};
use crate::losses::perceptual::Perceptual;
use crate::networks::style::{IMAGENET_MEAN, IMAGENET_STD, Sizes, Stylizer};
use crate::optim::AdamConfig;
use crate::run::{Checkpoint, DataFacts, Snapshot, Trainer, streams};
use crate::settings::Shared;
use crate::{Params, Result};

/// The number of sample pictures if no previews are given.
const SAMPLES: usize = 8;

/// The names of the parts of the loss, and then those of the style's layers.
const PARTS: [&str; 4] = ["loss", "style", "content", "total_variation"];
const STYLE_LAYERS: [&str; 4] = ["style_layer_1", "style_layer_2", "style_layer_3", "style_layer_4"];

impl Recipe for StyleConfig {
    const NAME: &'static str = "style";
    const ABOUT: &'static str = "Train a network that gives any picture the style of one picture";
    const DETAILS: &'static str = "The loss compares features of VGG16 or SqueezeNet 1.1 with torchvision's weights, a `.pth` or \
        safetensors file; the network is detected. Settings of the loss that are not set are chosen for it: with VGG16 the \
        published weights, with SqueezeNet relative losses on pictures that are \
        enlarged and shifted at random.\n\nSamples have content and stylized pictures side by side.";
    const DATA: &'static str =
        "the content: a folder of photos at any depth, or `synthetic` for scenes that the program draws";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data photos/ --style wave.jpg --features vgg16-397923af.pth", "as published, on a GPU"),
        ("--data photos/ --style wave.jpg --features squeezenet1_1-b8a52dc0.pth --preset light", "on a CPU"),
        ("--data synthetic --style wave.jpg --features squeezenet1_1-b8a52dc0.pth --preset quick", "a first try"),
        (
            "--data photos/ --style wave.jpg --features w.safetensors --preview me.jpg --preview you.jpg",
            "with sample pictures of your own",
        ),
        ("--resume runs/00003-style-wave", "resume an interrupted run"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset { name: "classic", about: "as published: width 32, 256 pixels; for a GPU", settings: Self::classic },
        Preset {
            name: "light",
            about: "width 16, 176 pixels, with augmentation: half an hour of a CPU core with SqueezeNet",
            settings: Self::light,
        },
        Preset { name: "quick", about: "width 8, 128 pixels: a first try", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &["seed", "batch", "width", "size", "style_size"];

    fn files(&mut self) -> Vec<&mut String> {
        self.style.iter_mut().chain(&mut self.features).chain(&mut self.preview).collect()
    }

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let inputs = Inputs::load(self, source, device)?;
        let style = PathBuf::from(self.style.clone().unwrap_or_default());
        let stem = style.file_stem().map_or_else(|| "style".into(), |stem| stem.to_string_lossy().into_owned());
        let title = self.title.get_or_insert_with(|| title(&stem)).clone();
        let (name, count) = (inputs.content.name().to_string(), inputs.content.len());
        let epoch = self.epochs.epoch_steps(count, 1);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let features = inputs.features.kind().name();
        let summary = format!("{title}: {count} pictures from {name}, loss by {features}; {steps} steps");
        let warnings = inputs.notes.iter().cloned().chain(inputs.content.others()).collect();
        let style = style.file_name().map(|name| name.to_string_lossy().into_owned());
        let data = DataFacts { name, style, title: Some(title), ..DataFacts::default() };
        let trainer = StyleTrainer::new(self, inputs, steps, device)?;
        let sample_every = self.sampling.every(epoch);
        Ok(Training { sample_every, run_name: stem, warnings, ..Training::new(trainer, steps, data, summary) })
    }
}

type Transforms = Vec<Box<dyn Transform>>;
type TrainingSet = Transformed<Arc<Content>, Transforms>;

struct StyleTrainer {
    device: Device,
    network: Stylizer,
    even_upsampling: bool,
    learner: Learner<TrainingSet, PictureBatch>,
    loss: Perceptual,
    content: Arc<Content>,
    samples: Vec<Picture>,
    seed: u64,
}

impl StyleTrainer {
    /// A stylizer with its initial weights.
    fn new(config: &StyleConfig, inputs: Inputs, steps: u64, device: &Device) -> Result<Self> {
        let Inputs { content, style, features, loss, previews, .. } = inputs;
        let Shared { seed, lr, ema_decay, .. } = config.shared;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let network = Stylizer::new(params.root(), Sizes { width: config.width })?;
        if config.even_upsampling {
            network.smooth_upsampling()?;
        }
        let normalise = Normalise::new(&IMAGENET_MEAN, &IMAGENET_STD)?;
        let style = normalised(&style, &normalise, device)?;

        let content = Arc::new(content);
        let exactly = Resize::Exactly { height: config.size, width: config.size };
        let samples = if previews.is_empty() { some(&content, &(CentreSquare, exactly))? } else { previews };
        let transform: Transforms = if config.augment {
            vec![Box::new(RandomSquare(config.min_crop)), Box::new(exactly), Box::new(RandomFlip::default())]
        } else {
            vec![Box::new(CentreSquare), Box::new(exactly)]
        };
        let dataset = Arc::new(Transformed { dataset: content.clone(), transform });
        let loader = shuffled(dataset, config.epochs.batch, &config.shared, stack(device, Some(normalise)));
        Ok(Self {
            device: device.clone(),
            network,
            even_upsampling: config.even_upsampling,
            learner: Learner::new(params, AdamConfig::new(lr), ema_decay, config.schedule(steps), loader)?,
            loss: Perceptual::new(features, &style, &loss)?,
            content,
            samples,
            seed,
        })
    }
}

/// A picture as a batch of one, normalised as the networks take it.
fn normalised(picture: &Picture, normalise: &Normalise, device: &Device) -> Result<Tensor> {
    let mut values = samples::values(picture)?;
    normalise.apply(&mut values, picture.height * picture.width);
    Ok(Tensor::from_vec(values, (1, picture.channels, picture.height, picture.width), device)?)
}

/// A few content pictures, the same throughout a run.
fn some(content: &Content, transform: &impl Transform) -> Result<Vec<Picture>> {
    let count = SAMPLES.min(content.len());
    let random = &mut Random::new(0, 0);
    let mut picture = |number: usize| {
        let sample = content.item(number * content.len() / count, random)?;
        transform.apply(sample.picture, random)
    };
    (0..count).map(&mut picture).collect()
}

impl Trainer for StyleTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let content = self.learner.feed.next_batch()?.images;
        let view = self.loss.view().sample(&mut Random::new(self.seed, streams::JITTER + self.learner.step));
        let losses = self.loss.compute(&self.network.forward(&content)?, &content, view)?;
        self.learner.learn_within(&losses.total, || match self.even_upsampling {
            true => self.network.even_upsampling(),
            false => Ok(()),
        })?;
        let parts = [&losses.total, &losses.style, &losses.content, &losses.total_variation];
        let names = PARTS.iter().chain(&STYLE_LAYERS);
        let values = parts.into_iter().chain(&losses.style_layers);
        names.zip(values).map(|(name, value)| Ok((*name, number(value)?))).collect()
    }

    fn shown(&self) -> usize {
        PARTS.len()
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        let stylize = |picture: &Picture| -> Result<[Picture; 2]> {
            let shape = (1, 3, picture.height, picture.width);
            let image = Tensor::from_vec(samples::values(picture)?, shape, &self.device)?;
            let stylized = samples::pictures(&self.network.stylize(&image)?)?;
            Ok([picture.clone(), stylized.into_iter().next().expect("one picture went in")])
        };
        let pairs = |_: &Params| self.samples.iter().map(stylize).collect::<Result<Vec<_>>>();
        let pairs = self.learner.player.with_ema(pairs)?;
        Ok(vec![("samples", vec![pairs::grid(&pairs)])])
    }

    fn warnings(&self) -> Vec<String> {
        self.content.warning().into_iter().collect()
    }

    fn waited(&self) -> Duration {
        self.learner.feed.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.learner.snapshot(self.network.sizes().architecture())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restore(&self.network.sizes().architecture(), checkpoint)
    }
}
