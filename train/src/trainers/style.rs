//! Style transfer's training (Johnson et al. 2016, arXiv 1603.08155): a network learns to give any picture one style,
//! judged by what a classifier sees in content, style and result.

mod config;
mod inputs;
mod sheet;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::{Picture, Random};

pub use config::{LrShape, StyleConfig, title};
pub use inputs::Inputs;

use super::learner::Learner;
use crate::data::transform::{CentreSquare, Normalise, RandomFlip, RandomSquare, Resize, Transform};
use crate::data::{Batches, Content, DataLoader, Dataset, Loading, Options, PictureBatch, Shuffle, Transformed, stack};
use crate::losses::perceptual::Perceptual;
use crate::networks::style::{IMAGENET_MEAN, IMAGENET_STD, Sizes, Stylizer};
use crate::optim::{Adam, AdamConfig, Averaged, AveragedConfig, Schedule};
use crate::run::session::{Snapshot, Trainer};
use crate::run::{Checkpoint, streams};
use crate::{Error, Params, Result};

/// The pictures of a sample sheet, where no previews are given.
const SAMPLES: usize = 8;

/// The names of the parts of the loss, and then those of the style's layers.
const PARTS: [&str; 4] = ["loss", "style", "content", "total_variation"];
const STYLE_LAYERS: [&str; 4] = ["style_layer_1", "style_layer_2", "style_layer_3", "style_layer_4"];

type Transforms = Vec<Box<dyn Transform>>;
type Training = Transformed<Arc<Content>, Transforms>;

/// The stylizer, its judge, optimiser and average, and where it is in the content.
pub struct StyleTrainer {
    device: Device,
    network: Stylizer,
    even_upsampling: bool,
    learner: Learner,
    loss: Perceptual,
    schedule: Schedule,
    content: Arc<Content>,
    loader: DataLoader<Training, PictureBatch>,
    loading: Loading<Training, PictureBatch>,
    samples: Vec<Picture>,
    seed: u64,
    step: u64,
}

impl StyleTrainer {
    /// A stylizer with its initial weights, for a run of so many steps.
    pub fn new(config: &StyleConfig, inputs: Inputs, steps: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let Inputs { content, style, features, loss, previews } = inputs;
        let seed = config.seed;
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
            vec![Box::new(RandomSquare(config.smallest_crop)), Box::new(exactly), Box::new(RandomFlip::default())]
        } else {
            vec![Box::new(CentreSquare), Box::new(exactly)]
        };
        let batches = Batches::new(Shuffle { len: content.len(), seed }, config.batch);
        let dataset = Arc::new(Transformed { dataset: content.clone(), transform });
        let options = Options { seed, workers: config.workers, ..Options::default() };
        let loader = DataLoader::new(dataset, batches, stack(device, Some(normalise)), options);
        Ok(Self {
            device: device.clone(),
            loss: Perceptual::new(features, &style, &loss)?,
            learner: Learner {
                adam: Adam::new(params.trained(), AdamConfig::new(config.lr))?,
                averaged: Averaged::new(params.all(), AveragedConfig::new(config.average))?,
                params,
            },
            network,
            even_upsampling: config.even_upsampling,
            schedule: config.schedule(steps),
            content,
            loading: loader.start()?,
            loader,
            samples,
            seed,
            step: 0,
        })
    }

    /// The stylizer's sizes.
    pub fn sizes(&self) -> Sizes {
        self.network.sizes()
    }

    /// A line about content pictures that were found to be broken so far, where there are some.
    pub fn warning(&self) -> Option<String> {
        self.content.warning()
    }
}

/// A picture as a batch of one, normalised as the networks take it.
fn normalised(picture: &Picture, normalise: &Normalise, device: &Device) -> Result<Tensor> {
    let mut values = picture.to_tensor().into_f32().map_err(|error| Error::Data(error.to_string()))?;
    normalise.apply(&mut values, picture.height * picture.width);
    Ok(Tensor::from_vec(values, (1, picture.channels, picture.height, picture.width), device)?)
}

/// A few content pictures, the same ones throughout a run.
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
        let batch = self.loading.next().ok_or_else(|| Error::Run("the content has ended".into()))??;
        let content = batch.images;
        self.learner.adam.set_lr_factor(self.schedule.factor(self.step));
        let look = self.loss.view().random_look(&mut Random::new(self.seed, streams::JITTER + self.step));
        let losses = self.loss.compute(&self.network.forward(&content)?, &content, look)?;
        self.learner.adam.step(&losses.total.backward()?)?;
        if self.even_upsampling {
            self.network.even_upsampling()?;
        }
        self.learner.averaged.update()?;
        self.step += 1;
        let parts = [&losses.total, &losses.style, &losses.content, &losses.total_variation];
        let names = PARTS.iter().chain(&STYLE_LAYERS);
        let values = parts.into_iter().chain(&losses.style_layers);
        names.zip(values).map(|(name, value)| Ok((*name, f64::from(value.to_scalar::<f32>()?)))).collect()
    }

    fn shown(&self) -> usize {
        PARTS.len()
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        let stylize = |picture: &Picture| -> Result<[Picture; 2]> {
            let (height, width) = (picture.height, picture.width);
            let values = picture.to_tensor().into_f32().map_err(|error| Error::Run(error.to_string()))?;
            let image = Tensor::from_vec(values, (1, 3, height, width), &self.device)?;
            let values = self.network.stylize(&image)?.flatten_all()?.to_vec1::<f32>()?;
            let stylized = easel_runtime::Tensor::new([1, 3, height, width], values)
                .and_then(|batch| Picture::from_batch(&batch))
                .map_err(|error| Error::Run(format!("no samples: {error}")))?;
            Ok([picture.clone(), stylized.into_iter().next().expect("one picture went in")])
        };
        self.learner.params.set_frozen(true);
        let pairs = self.learner.averaged.swapped(|| self.samples.iter().map(stylize).collect::<Result<Vec<_>>>());
        self.learner.params.set_frozen(false);
        Ok(vec![("samples", vec![sheet::sheet(&pairs?)])])
    }

    fn waited(&self) -> Duration {
        self.loading.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.learner.snapshot(self.sizes().architecture(), self.loading.place())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let architecture = self.sizes().architecture();
        self.loading = self.learner.restore(&architecture, checkpoint, |place| self.loader.resume(place))?;
        self.step = checkpoint.record.step;
        Ok(())
    }
}
