//! A conditional DDPM (Ho et al. 2020, arXiv 2006.11239, algorithm 1): Adam, an EMA of the weights, and condition dropout
//! for classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).

mod config;
mod diffusion;
mod engine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::denoiser::{Draw, SampleRequest, Sampler};
use easel_runtime::grid::{BACKGROUND, GAP, labelled_rows};
use easel_runtime::{Picture, Random};

use config::LEAST_BATCH;
pub use config::{BetaSchedule, DdpmConfig};
pub use diffusion::Diffusion;
pub use engine::DenoiserEngine;

use super::learner::{Learner, number, shuffled_at_least};
use super::{Known, Preset, Recipe, Training};
use crate::data::transform::Normalise;
use crate::data::{self, PictureBatch, Pictures, Source, stack};
use crate::networks::denoiser::{Denoiser, DenoisingTask};
use crate::nn::Train;
use crate::optim::AdamConfig;
use crate::run::{Checkpoint, Snapshot, Trainer, streams};
use crate::settings::Shared;
use crate::{Error, Params, Result};

/// Samples of each class.
const SAMPLES: u32 = 8;
/// The number of batches that recalibrate batch norm.
const CALIBRATION_BATCHES: usize = 32;

impl Recipe for DdpmConfig {
    const NAME: &'static str = "ddpm";
    const ABOUT: &'static str = "Train a conditional DDPM, which draws pictures of a given class";
    const DETAILS: &'static str = "Samples have a row for each class.";
    const DATA: &'static str = data::PICTURES;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data mnist/ --preset light", "two CPU cores, an hour or two"),
        ("--data mnist/", "the classic network, for a GPU"),
        ("--data photos/ --channels 3 --size 64", "a folder of class folders of pictures, in colour"),
        ("--data mnist/ --condition-dropout 0.1", "for classifier-free guidance"),
        ("--resume runs/00003-ddpm-mnist", "resume an interrupted run"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset {
            name: "classic",
            about: "64 base channels, conditioned at the input; for a GPU",
            settings: Self::classic,
        },
        Preset {
            name: "light",
            about: "16 base channels, conditioned in every block; two CPU cores, an hour or two",
            settings: Self::light,
        },
        Preset { name: "quick", about: "a first try in some minutes", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &[
        "seed",
        "batch",
        "size",
        "channels",
        "conditioning",
        "base_channels",
        "embedding_size",
        "timesteps",
        "beta_schedule",
        "prediction",
        "condition_dropout",
    ];

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let pictures = data::load(source, self.format())?;
        let Known { facts: data, count, notes, warnings } = Known::of(&pictures);
        let epoch = self.epochs.epoch_steps(count, 1);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let every = self.sampling.every(epoch);
        self.sampling.sample_every = Some(every);
        let (classes, name) = (data.classes.len(), &data.name);
        let summary = format!("{count} pictures of {classes} classes from {name}; {steps} steps, {epoch} an epoch");
        let trainer = DdpmTrainer::new(self, pictures, steps, device)?;
        Ok(Training { sample_every: every, notes, warnings, ..Training::new(trainer, steps, data, summary) })
    }
}

struct DdpmTrainer {
    parts: Parts,
    learner: Learner<Pictures, PictureBatch>,
    /// The weights to export at the last step, once prepared: the EMA with batch norm recalibrated for it.
    recalibrated: BTreeMap<String, Tensor>,
}

/// Everything except the learner, so that it can be used while the EMA is swapped in.
struct Parts {
    config: DdpmConfig,
    device: Device,
    network: Denoiser,
    task: DenoisingTask,
    diffusion: Diffusion,
    pictures: Arc<Pictures>,
}

impl DdpmTrainer {
    /// A network with its initial weights. The pictures have the configuration's format.
    fn new(config: &DdpmConfig, pictures: Pictures, steps: u64, device: &Device) -> Result<Self> {
        let Shared { seed, lr, ema_decay, .. } = config.shared;
        let classes = pictures.classes.len();
        let task = DenoisingTask {
            schedule: config.beta_schedule_formula(),
            prediction: config.prediction,
            null_label: (config.condition_dropout > 0.0).then_some(classes),
            side: config.size,
        };
        let schedule = task.schedule.schedule().map_err(|error| Error::Config(error.to_string()))?;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let network = Denoiser::new(params.root(), config.sizes(classes))?;
        let pictures = Arc::new(pictures);
        let collate = stack(device, Some(Normalise::symmetric(config.channels)));
        let loader = shuffled_at_least(LEAST_BATCH, pictures.clone(), config.epochs.batch, &config.shared, collate);
        let lr_schedule = config.shared.schedule(steps);
        let min_snr = (config.min_snr_gamma > 0.0).then_some(config.min_snr_gamma);
        let diffusion = Diffusion { schedule, prediction: config.prediction, min_snr };
        let parts = Parts { config: config.clone(), device: device.clone(), network, task, diffusion, pictures };
        let learner = Learner::new(params, AdamConfig::new(lr), ema_decay, lr_schedule, loader)?;
        Ok(Self { parts, learner, recalibrated: BTreeMap::new() })
    }
}

impl Parts {
    fn architecture(&self) -> easel_runtime::card::Architecture {
        self.task.architecture(&self.network.sizes())
    }

    /// The loss on pictures in `[-1, 1]`, with timesteps, noise and dropped classes from a stream of the seed.
    fn loss(&self, images: &Tensor, labels: &[u32], stream: u64, pass: &mut Train) -> Result<Tensor> {
        let mut random = Random::new(self.config.shared.seed, stream);
        let count = labels.len();
        let timesteps: Vec<usize> = (0..count).map(|_| random.below(self.config.timesteps as u32) as usize).collect();
        let label = |&label: &u32| match self.task.null_label {
            Some(null) if random.unit() < self.config.condition_dropout => null as i64,
            _ => i64::from(label),
        };
        let labels: Vec<i64> = labels.iter().map(label).collect();
        let noise = Tensor::from_vec(random.normals(images.elem_count()), images.dims(), &self.device)?;
        let noisy = self.diffusion.noisy(images, &noise, &timesteps)?;
        let ints = |values: Vec<i64>| Tensor::from_vec(values, count, &self.device);
        let t = ints(timesteps.iter().map(|&t| t as i64).collect())?;
        let predicted = self.network.forward(&noisy, &t, &ints(labels)?, pass)?;
        self.diffusion.loss(&predicted, images, &noise, &timesteps)
    }

    /// Recalibrates batch norm for the network's current weights, with the same pictures and noise each time.
    fn recalibrate_batch_norm(&self) -> Result<()> {
        let (channels, size, batch) = (self.config.channels, self.config.size, self.config.epochs.batch);
        for number in 0..CALIBRATION_BATCHES {
            let stream = streams::STATISTICS + number as u64;
            let mut random = Random::new(self.config.shared.seed, stream | 1 << 31);
            let chosen: Vec<u32> = (0..batch).map(|_| random.below(self.pictures.len() as u32)).collect();
            let labels: Vec<u32> = chosen.iter().map(|&index| self.pictures.labels[index as usize]).collect();
            let values = self.pictures.batch(&chosen);
            let images = Tensor::from_vec(values, (batch, channels, size, size), &self.device)?;
            let mut pass = Train::new(&mut random);
            self.loss(&((images * 2.0)? - 1.0)?, &labels, stream, &mut pass)?;
            pass.store_statistics_with(1.0 / (number + 1) as f64)?;
        }
        Ok(())
    }

    /// A row of pictures of each class, with its name.
    fn sampled(&self) -> Result<Picture> {
        let failed = |error: easel_runtime::Error| Error::Run(format!("no samples: {error}"));
        let denoiser = easel_runtime::denoiser::Denoiser {
            classes: self.pictures.classes.len(),
            schedule: self.diffusion.schedule.clone(),
            prediction: self.task.prediction,
            null_label: self.task.null_label,
            picture: [self.config.channels, self.config.size, self.config.size],
        };
        let mut engine = DenoiserEngine { network: &self.network, device: &self.device };
        let row = |(class, name): (usize, &String)| {
            let request = SampleRequest {
                draws: (0..SAMPLES)
                    .map(|number| Draw { label: class, seed: self.config.shared.seed, number })
                    .collect(),
                sampler: Sampler::DpmSolver,
                steps: self.config.sample_steps,
                guidance: denoiser.default_guidance(),
            };
            let sampled = pollster::block_on(denoiser.sample(&mut engine, &request, |_| {}))?;
            Ok((name.clone(), Picture::from_batch(&sampled)?))
        };
        let rows: easel_runtime::Result<Vec<_>> = self.pictures.classes.iter().enumerate().map(row).collect();
        rows.and_then(|rows| labelled_rows(&rows, GAP, BACKGROUND)).map_err(failed)
    }
}

impl Trainer for DdpmTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let batch = self.learner.feed.next_batch()?;
        let labels = batch.labels.to_vec1::<u32>()?;
        // The network has no dropout, but a training pass takes a generator.
        let mut unused = Random::new(0, 0);
        let mut pass = Train::new(&mut unused);
        let loss = self.parts.loss(&batch.images, &labels, streams::DIFFUSION + self.learner.step, &mut pass)?;
        pass.store_statistics()?;
        self.learner.learn(&loss)?;
        self.recalibrated.clear();
        Ok(vec![("loss", number(&loss)?)])
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        self.recalibrate()?;
        let Self { learner, parts, recalibrated, .. } = self;
        let grid = learner.player.with_ema(|params| {
            params.load(recalibrated)?;
            parts.sampled()
        })?;
        Ok(vec![("samples", vec![grid])])
    }

    fn waited(&self) -> Duration {
        self.learner.feed.waited()
    }

    fn recalibrate(&mut self) -> Result<()> {
        if self.recalibrated.is_empty() {
            let Self { learner, parts, .. } = self;
            self.recalibrated = learner.player.with_ema(|params| {
                parts.recalibrate_batch_norm()?;
                let tensors = params.to_tensors().into_iter();
                tensors.map(|(name, tensor)| Ok((name, tensor.copy()?))).collect()
            })?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = self.learner.snapshot(self.parts.architecture())?;
        snapshot.weights.extend(self.recalibrated.clone());
        Ok(snapshot)
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restore(&self.parts.architecture(), checkpoint)?;
        self.recalibrated.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_bits, bits, checkpoint, values};
    use super::*;
    use crate::data::synthetic;
    use easel_runtime::card::Prediction;

    fn config(batch: usize) -> DdpmConfig {
        let light = DdpmConfig::light();
        DdpmConfig {
            size: 16,
            base_channels: 2,
            embedding_size: 6,
            sample_steps: 2,
            epochs: crate::settings::Epochs { batch, epochs: None },
            shared: Shared { ema_decay: 0.9, ..light.shared },
            ..light
        }
    }

    /// At a constant learning rate.
    fn at(lr: f64, config: DdpmConfig) -> DdpmConfig {
        let shared = Shared { lr, lr_schedule: crate::optim::LrSchedule::Constant, ..config.shared };
        DdpmConfig { shared, ..config }
    }

    fn trainer(config: &DdpmConfig, count: usize) -> DdpmTrainer {
        let pictures = synthetic::digits(count, 1, config.format());
        DdpmTrainer::new(config, pictures, 60, &Device::Cpu).unwrap()
    }

    #[test]
    fn resumes_with_the_same_bits() {
        let config = DdpmConfig { condition_dropout: 0.3, ..config(5) };
        let mut whole = trainer(&config, 12);
        // Into the second epoch, past the smaller last batch of the first.
        (0..4).for_each(|_| drop(whole.step().unwrap()));
        let saved = checkpoint(&whole, 4);
        // The weights prepared for export are not part of the run's state.
        whole.recalibrate().unwrap();
        let recalibrated = checkpoint(&whole, 4);
        assert_eq!(bits(&saved.state), bits(&recalibrated.state));
        let of = |name: &str| [&saved, &recalibrated].map(|checkpoint| values(&checkpoint.weights[name]));
        assert!(of("enc1.conv.0.weight").windows(2).all(|pair| pair[0] == pair[1]));
        assert!(of("enc1.conv.1.running_var").windows(2).all(|pair| pair[0] != pair[1]));

        let shared = Shared { workers: 0, ..config.shared.clone() };
        let mut again = trainer(&DdpmConfig { shared, ..config.clone() }, 12);
        again.restore(&recalibrated).unwrap();
        again.recalibrate().unwrap();
        assert_eq!(bits(&again.snapshot().unwrap().weights), bits(&recalibrated.weights));
        for _ in 0..3 {
            whole.samples().unwrap();
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        whole.recalibrate().unwrap();
        again.recalibrate().unwrap();
        assert_eq!(all_bits(&whole), all_bits(&again));

        let other = DdpmConfig { condition_dropout: 0.0, ..config };
        assert!(trainer(&other, 12).restore(&saved).unwrap_err().to_string().contains("other sizes"));
    }

    #[test]
    fn a_last_batch_of_one_picture_has_company() {
        // At this size the innermost layers have one pixel, so that batch norm needs two pictures.
        let mut trainer = trainer(&config(4), 9);
        (0..2).for_each(|_| drop(trainer.step().unwrap()));
        let saved = checkpoint(&trainer, 2);
        // The place in the data is the one that it was when this batch ended the run, so such a run is resumed.
        assert_eq!(saved.record.trainer, serde_json::json!({ "epoch": 0, "batch": 2, "batches": 3, "items": 9 }));
        let mut again = self::trainer(&config(4), 9);
        again.restore(&saved).unwrap();
        for _ in 0..4 {
            assert_eq!(trainer.step().unwrap(), again.step().unwrap());
        }
        self::trainer(&config(4), 1).step().unwrap();
    }

    #[test]
    fn exported_statistics_are_those_of_the_ema() {
        let mut config = at(0.03, config(32));
        config.shared.ema_decay = 0.999;
        let mut first = trainer(&config, 64);
        (0..12).for_each(|_| drop(first.step().unwrap()));
        first.recalibrate().unwrap();
        // The loss of the same weights for other pictures and noise.
        config.shared.seed = 9;
        let other = trainer(&config, 64);
        let [params, raw] = [&other, &first].map(|trainer| &trainer.learner.player.params);
        params.load(&first.recalibrated).unwrap();
        other.parts.recalibrate_batch_norm().unwrap();
        let (expected, raw) = (params.to_tensors(), raw.to_tensors());
        let far = |found: &BTreeMap<String, Tensor>| -> f32 {
            let variances = expected.iter().filter(|(name, _)| name.ends_with("running_var"));
            let ratios = variances.flat_map(|(name, variance)| {
                let pairs = values(variance).into_iter().zip(values(&found[name]));
                pairs.map(|(expected, found)| (found / expected).ln().abs()).collect::<Vec<_>>()
            });
            let ratios: Vec<f32> = ratios.collect();
            ratios.iter().sum::<f32>() / ratios.len() as f32
        };
        let (recalibrated, raw) = (far(&first.recalibrated), far(&raw));
        assert!(recalibrated < 0.1 && raw > 3.0 * recalibrated, "{recalibrated} {raw}");
    }

    #[test]
    fn learns_in_a_few_steps() {
        let config = at(5e-3, DdpmConfig { base_channels: 4, ..config(16) });
        let mut trainer = trainer(&config, 160);
        let losses: Vec<f64> = (0..60).map(|_| trainer.step().unwrap()[0].1).collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[50..]));
        assert!(last < 0.6 * first, "{first} {last}");
    }

    #[test]
    fn samples_are_a_row_of_each_class() {
        for (prediction, min_snr_gamma, beta_schedule) in
            [(Prediction::Noise, 0.0, BetaSchedule::Linear), (Prediction::Velocity, 5.0, BetaSchedule::Cosine)]
        {
            let config = DdpmConfig { prediction, min_snr_gamma, beta_schedule, condition_dropout: 0.1, ..config(5) };
            let mut trainer = trainer(&config, 10);
            trainer.step().unwrap();
            let sets = trainer.samples().unwrap();
            let grid = &sets[0].1[0];
            assert_eq!((sets.len(), sets[0].1.len()), (1, 1));
            assert_eq!((grid.width, grid.height), (GAP + 8 + 8 * 18 + GAP, 10 * 18 + GAP));
            assert_eq!(&trainer.samples().unwrap(), &sets);
        }
    }
}
