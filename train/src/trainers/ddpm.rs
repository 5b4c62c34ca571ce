//! The denoiser's training (Ho et al. 2020, arXiv 2006.11239, algorithm 1): Adam, averaged weights, and classes that are
//! withheld now and then where sampling is to be guided (Ho and Salimans 2022, arXiv 2207.12598).

mod config;
mod diffusion;
mod engine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::denoiser::{Draw, Request, Sampler};
use easel_runtime::grid::{BACKGROUND, GAP, labelled_rows};
use easel_runtime::{Picture, Random};

pub use config::{DdpmConfig, LrShape, Noise};
pub use diffusion::Diffusion;
pub use engine::DenoiserEngine;

use super::learner::Learner;
use crate::data::transform::Normalise;
use crate::data::{Batches, DataLoader, Loading, Options, PictureBatch, Pictures, Shuffle, stack};
use crate::networks::denoiser::{Denoiser, Task};
use crate::nn::Train;
use crate::optim::{Adam, AdamConfig, Averaged, AveragedConfig, Schedule};
use crate::run::session::{Snapshot, Trainer};
use crate::run::{Checkpoint, streams};
use crate::{Error, Params, Result};

/// Samples of each class.
const SAMPLES: u32 = 8;
/// The batches that batch norm's statistics are computed anew from.
const STATISTICS_BATCHES: usize = 32;

/// The network, its optimiser and average, and where it is in the data.
pub struct DdpmTrainer {
    config: DdpmConfig,
    device: Device,
    network: Denoiser,
    task: Task,
    diffusion: Diffusion,
    learner: Learner,
    schedule: Schedule,
    pictures: Arc<Pictures>,
    loader: DataLoader<Pictures, PictureBatch>,
    loading: Loading<Pictures, PictureBatch>,
    /// The weights to export of the step that was done last, where they have been made ready: the averaged ones with batch
    /// norm's statistics computed anew for them.
    settled: BTreeMap<String, Tensor>,
    step: u64,
}

impl DdpmTrainer {
    /// A network with its initial weights, for a run of so many steps. The pictures are of the configuration's format.
    pub fn new(config: &DdpmConfig, pictures: Pictures, steps: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let (seed, classes) = (config.seed, pictures.classes.len());
        let sizes = config.sizes(classes);
        let task = Task {
            schedule: config.noise_schedule(),
            prediction: config.prediction,
            null_label: (config.label_dropout > 0.0).then_some(classes),
            side: config.size,
        };
        let schedule = task.schedule.schedule().map_err(|error| Error::Config(error.to_string()))?;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let network = Denoiser::new(params.root(), sizes)?;
        let pictures = Arc::new(pictures);
        let batches = Batches::new(Shuffle { len: pictures.len(), seed }, config.batch);
        let options = Options { seed, workers: config.workers, ..Options::default() };
        let symmetric = Some(Normalise::symmetric(config.channels));
        let loader = DataLoader::new(pictures.clone(), batches, stack(device, symmetric), options);
        Ok(Self {
            config: config.clone(),
            device: device.clone(),
            network,
            diffusion: Diffusion {
                schedule,
                prediction: config.prediction,
                min_snr: (config.min_snr > 0.0).then_some(config.min_snr),
            },
            task,
            learner: Learner {
                adam: Adam::new(params.trained(), AdamConfig::new(config.lr))?,
                averaged: Averaged::new(params.all(), AveragedConfig::new(config.average))?,
                params,
            },
            schedule: config.lr_schedule(steps),
            loading: loader.start()?,
            loader,
            pictures,
            settled: BTreeMap::new(),
            step: 0,
        })
    }

    /// The loss on pictures in `[-1, 1]`, with times, noise and withheld classes from a stream of the seed.
    fn loss(&self, images: &Tensor, labels: &[u32], stream: u64, pass: &mut Train) -> Result<Tensor> {
        let mut random = Random::new(self.config.seed, stream);
        let count = labels.len();
        let times: Vec<usize> = (0..count).map(|_| random.below(self.config.times as u32) as usize).collect();
        let label = |&label: &u32| match self.task.null_label {
            Some(null) if random.unit() < self.config.label_dropout => null as i64,
            _ => i64::from(label),
        };
        let labels: Vec<i64> = labels.iter().map(label).collect();
        let noise = Tensor::from_vec(random.normals(images.elem_count()), images.dims(), &self.device)?;
        let noisy = self.diffusion.noisy(images, &noise, &times)?;
        let ints = |values: Vec<i64>| Tensor::from_vec(values, count, &self.device);
        let t = ints(times.iter().map(|&t| t as i64).collect())?;
        let predicted = self.network.forward(&noisy, &t, &ints(labels)?, pass)?;
        self.diffusion.loss(&predicted, images, &noise, &times)
    }

    /// Computes batch norm's statistics anew for the weights that the network has at the moment, over pictures and noise
    /// that are the same each time.
    fn recompute_statistics(&self) -> Result<()> {
        let (channels, size, batch) = (self.config.channels, self.config.size, self.config.batch);
        for number in 0..STATISTICS_BATCHES {
            let stream = streams::STATISTICS + number as u64;
            let mut random = Random::new(self.config.seed, stream | 1 << 31);
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

    /// Does something with the averaged weights in the network and nothing differentiated, and puts the network's own
    /// values back, also after an error.
    fn with_average<T>(&mut self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.learner.params.set_frozen(true);
        let result = self.learner.averaged.swap_in().and_then(|()| work(self));
        let back = self.learner.averaged.swap_out();
        self.learner.params.set_frozen(false);
        back.and(result)
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
            let request = Request {
                draws: (0..SAMPLES).map(|number| Draw { label: class, seed: self.config.seed, number }).collect(),
                sampler: Sampler::DpmSolver,
                steps: self.config.sample_steps,
                guidance: denoiser.usual_guidance(),
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
        let batch = self.loading.next().ok_or_else(|| Error::Run("the data has ended".into()))??;
        let labels = batch.labels.to_vec1::<u32>()?;
        self.learner.adam.set_lr_factor(self.schedule.factor(self.step));
        // The network drops nothing out; a pass wants a generator all the same.
        let mut unused = Random::new(0, 0);
        let mut pass = Train::new(&mut unused);
        let loss = self.loss(&batch.images, &labels, streams::DIFFUSION + self.step, &mut pass)?;
        pass.store_statistics()?;
        self.learner.adam.step(&loss.backward()?)?;
        self.learner.averaged.update()?;
        self.settled.clear();
        self.step += 1;
        Ok(vec![("loss", f64::from(loss.to_scalar::<f32>()?))])
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        self.settle()?;
        let sheet = self.with_average(|trainer| {
            trainer.learner.params.load(&trainer.settled)?;
            trainer.sampled()
        });
        Ok(vec![("samples", vec![sheet?])])
    }

    fn waited(&self) -> Duration {
        self.loading.waited()
    }

    fn settle(&mut self) -> Result<()> {
        if self.settled.is_empty() {
            self.settled = self.with_average(|trainer| {
                trainer.recompute_statistics()?;
                let tensors = trainer.learner.params.to_tensors().into_iter();
                tensors.map(|(name, tensor)| Ok((name, tensor.copy()?))).collect()
            })?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let architecture = self.task.architecture(&self.network.sizes());
        let mut snapshot = self.learner.snapshot(architecture, self.loading.place())?;
        snapshot.weights.extend(self.settled.clone());
        Ok(snapshot)
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let architecture = self.task.architecture(&self.network.sizes());
        self.loading = self.learner.restore(&architecture, checkpoint, |place| self.loader.resume(place))?;
        self.settled.clear();
        self.step = checkpoint.record.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic;
    use easel_runtime::card::Prediction;

    use crate::run::checkpoint::Record;

    fn config() -> DdpmConfig {
        DdpmConfig { batch: 5, size: 16, base: 2, embedding: 6, sample_steps: 2, average: 0.9, ..DdpmConfig::light() }
    }

    fn trainer(config: &DdpmConfig, count: usize) -> DdpmTrainer {
        let pictures = synthetic::digits(count, 1, config.format());
        DdpmTrainer::new(config, pictures, 60, &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn bits(tensors: &BTreeMap<String, Tensor>) -> Vec<(String, Vec<u32>)> {
        let bits = |tensor| values(tensor).into_iter().map(f32::to_bits).collect();
        tensors.iter().map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
    }

    fn checkpoint(trainer: &DdpmTrainer) -> Checkpoint {
        let Snapshot { architecture, weights, state, trainer: place } = trainer.snapshot().unwrap();
        let copy = |tensors: BTreeMap<String, Tensor>| {
            tensors.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect()
        };
        let record = Record {
            step: trainer.step,
            provenance: Default::default(),
            title: None,
            classes: vec![],
            columns: None,
            trainer: place,
            session: serde_json::Value::Null,
        };
        Checkpoint { architecture, weights: copy(weights), state: copy(state), record }
    }

    #[test]
    fn goes_on_with_the_same_bits() {
        let config = DdpmConfig { label_dropout: 0.3, ..config() };
        let mut whole = trainer(&config, 12);
        // Into the second epoch, past the smaller last batch of the first.
        (0..4).for_each(|_| drop(whole.step().unwrap()));
        let saved = checkpoint(&whole);
        // What is made ready for export is none of the run's own state.
        whole.settle().unwrap();
        let settled = checkpoint(&whole);
        assert_eq!(bits(&saved.state), bits(&settled.state));
        let of = |name: &str| [&saved, &settled].map(|checkpoint| values(&checkpoint.weights[name]));
        assert!(of("enc1.conv.0.weight").windows(2).all(|pair| pair[0] == pair[1]));
        assert!(of("enc1.conv.1.running_var").windows(2).all(|pair| pair[0] != pair[1]));

        let mut again = trainer(&DdpmConfig { workers: 0, ..config.clone() }, 12);
        again.restore(&settled).unwrap();
        again.settle().unwrap();
        assert_eq!(bits(&again.snapshot().unwrap().weights), bits(&settled.weights));
        for _ in 0..3 {
            whole.samples().unwrap();
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        whole.settle().unwrap();
        again.settle().unwrap();
        let (whole, again) = (whole.snapshot().unwrap(), again.snapshot().unwrap());
        assert_eq!(bits(&whole.weights), bits(&again.weights));
        assert_eq!(bits(&whole.state), bits(&again.state));

        let other = DdpmConfig { label_dropout: 0.0, ..config };
        assert!(trainer(&other, 12).restore(&saved).unwrap_err().to_string().contains("other sizes"));
    }

    #[test]
    fn exported_statistics_are_those_of_the_averaged_weights() {
        let config = DdpmConfig { batch: 32, lr: 0.03, lr_shape: LrShape::Constant, average: 0.999, ..config() };
        let mut first = trainer(&config, 64);
        (0..12).for_each(|_| drop(first.step().unwrap()));
        first.settle().unwrap();
        // What other pictures and other noise give for the same weights.
        let other = trainer(&DdpmConfig { seed: 9, ..config }, 64);
        other.learner.params.load(&first.settled).unwrap();
        other.recompute_statistics().unwrap();
        let (expected, raw) = (other.learner.params.to_tensors(), first.learner.params.to_tensors());
        let far = |found: &BTreeMap<String, Tensor>| -> f32 {
            let variances = expected.iter().filter(|(name, _)| name.ends_with("running_var"));
            let ratios = variances.flat_map(|(name, variance)| {
                let pairs = values(variance).into_iter().zip(values(&found[name]));
                pairs.map(|(expected, found)| (found / expected).ln().abs()).collect::<Vec<_>>()
            });
            let ratios: Vec<f32> = ratios.collect();
            ratios.iter().sum::<f32>() / ratios.len() as f32
        };
        let (settled, raw) = (far(&first.settled), far(&raw));
        assert!(settled < 0.1 && raw > 3.0 * settled, "{settled} {raw}");
    }

    #[test]
    fn learns_in_a_few_steps() {
        let config = DdpmConfig { batch: 16, base: 4, lr: 5e-3, lr_shape: LrShape::Constant, ..config() };
        let mut trainer = trainer(&config, 160);
        let losses: Vec<f64> = (0..60).map(|_| trainer.step().unwrap()[0].1).collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[50..]));
        assert!(last < 0.6 * first, "{first} {last}");
    }

    #[test]
    fn samples_are_a_row_of_each_class() {
        for (prediction, min_snr, noise) in
            [(Prediction::Noise, 0.0, Noise::Linear), (Prediction::Velocity, 5.0, Noise::Cosine)]
        {
            let mut trainer = trainer(&DdpmConfig { prediction, min_snr, noise, label_dropout: 0.1, ..config() }, 10);
            trainer.step().unwrap();
            let sets = trainer.samples().unwrap();
            let sheet = &sets[0].1[0];
            assert_eq!((sets.len(), sets[0].1.len()), (1, 1));
            assert_eq!((sheet.width, sheet.height), (GAP + 8 + 8 * 18 + GAP, 10 * 18 + GAP));
            assert_eq!(&trainer.samples().unwrap(), &sets);
        }
    }
}
