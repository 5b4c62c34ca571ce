//! The vanilla GAN's training (Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1, with Adam).
//!
//! A step is `critic_steps` steps of the discriminator, each with new pictures and new noise, and then one of the
//! generator with new noise.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::{DType, Device as Candle, Tensor};
use easel_runtime::random::RandomState;
use easel_runtime::{Device, Picture, Random};
use serde::{Deserialize, Serialize};

use crate::data::{PictureFormat, Pictures, Shuffled, ShuffledState};
use crate::losses::gan::{GeneratorLoss, discriminator_loss};
use crate::networks::gan::{Discriminator, Generator, Sizes};
use crate::optim::{Adam, AdamConfig, Averaged, AveragedConfig};
use crate::run::session::{Snapshot, Trainer};
use crate::run::{Checkpoint, streams};
use crate::{Error, Params, Result};

/// The pictures of a sample grid.
const SAMPLES: usize = 64;

/// What the GAN's pictures are brought to.
pub const FORMAT: PictureFormat = PictureFormat { channels: 1, height: 28, width: 28 };

/// Everything that a run of the GAN can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GanConfig {
    /// What `--data` names.
    pub data: Option<String>,
    /// Steps in all.
    pub steps: Option<u64>,
    /// In place of steps: how often the discriminator sees the whole data.
    pub epochs: Option<u64>,
    /// The seed of everything random.
    pub seed: u64,
    /// Where to compute.
    #[serde(with = "crate::run::config::text")]
    pub device: Device,
    /// CPU threads of the matrix products.
    pub threads: usize,
    /// Pictures in a step.
    pub batch: usize,
    /// Steps of the discriminator for each of the generator.
    pub critic_steps: usize,
    /// What the generator minimises.
    pub loss: GeneratorLoss,
    /// Adam's learning rate, both players'.
    pub lr: f64,
    /// Adam's decay of the mean of the gradients.
    pub beta1: f64,
    /// Adam's decay of the mean of their squares.
    pub beta2: f64,
    /// Decay of the averaged generator, which is what is sampled and exported.
    pub average: f64,
    /// Elements of the latent vector, uniform in (-1, 1).
    pub z_dim: usize,
    /// Width of both players' hidden layer.
    pub hidden: usize,
    /// A sample grid every so many steps.
    pub sample_every: u64,
    /// A checkpoint every so many steps.
    pub checkpoint_every: u64,
    /// A line of losses every so many steps.
    pub log_every: u64,
    /// The number of checkpoints that are kept.
    pub keep: usize,
}

impl GanConfig {
    /// 15,000 steps, which takes some minutes: digits that a person would name. Adam has shorter memories than usual:
    /// that of the mean as in Radford et al. 2015 (arXiv 1511.06434) spares the players the thousands of steps in which
    /// the generator makes one picture from all noise, that of the squares keeps pixels that are seldom lit from making
    /// steps too large.
    pub fn classic() -> Self {
        Self {
            data: None,
            steps: Some(15_000),
            epochs: None,
            seed: 0,
            device: Device::Auto,
            // The matrices are so small that a second thread only spins.
            threads: 1,
            batch: 128,
            critic_steps: 1,
            loss: GeneratorLoss::NonSaturating,
            lr: 2e-4,
            beta1: 0.5,
            beta2: 0.99,
            average: 0.999,
            z_dim: 100,
            hidden: 256,
            sample_every: 500,
            checkpoint_every: 1_000,
            log_every: 50,
            keep: 3,
        }
    }

    /// 5,000 steps, about a minute: rough digits.
    pub fn quick() -> Self {
        Self { steps: Some(5_000), ..Self::classic() }
    }

    /// Fails on a value that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("batch", self.batch, 1 << 20),
            ("critic_steps", self.critic_steps, 1 << 20),
            ("threads", self.threads, 1 << 10),
            ("z_dim", self.z_dim, 1 << 16),
            ("hidden", self.hidden, 1 << 16),
            ("keep", self.keep, usize::MAX),
        ];
        for (name, value, most) in sizes {
            if !(1..=most).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from 1 to {most}")));
            }
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Error::Config(format!("lr is {}; give a number above 0", self.lr)));
        }
        for (name, value) in [("beta1", self.beta1), ("beta2", self.beta2), ("average", self.average)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from 0 up to below 1")));
            }
        }
        if (self.steps, self.epochs) == (None, None) {
            return Err(Error::Config("neither steps nor epochs are given; give one of them".into()));
        }
        Ok(())
    }

    /// The number of steps over a set of so many pictures.
    pub fn total_steps(&self, pictures: usize) -> u64 {
        let seen = (self.batch * self.critic_steps) as u64;
        self.epochs.map_or(self.steps.unwrap_or_default(), |epochs| (epochs * pictures as u64).div_ceil(seen))
    }

    /// The networks' sizes.
    pub fn sizes(&self) -> Sizes {
        let PictureFormat { channels, height, width } = FORMAT;
        Sizes { z_dim: self.z_dim, hidden: self.hidden, picture: [channels, height, width] }
    }
}

/// Both players, their optimisers, and where they are in the data and the noise.
pub struct GanTrainer<'a> {
    config: GanConfig,
    pictures: &'a Pictures,
    device: Candle,
    order: Shuffled,
    noise: Random,
    generator: Generator,
    generator_params: Params,
    generator_adam: Adam,
    averaged: Averaged,
    discriminator: Discriminator,
    discriminator_params: Params,
    discriminator_adam: Adam,
    fixed_noise: Tensor,
    waited: Duration,
}

#[derive(Serialize, Deserialize)]
struct Place {
    pictures: usize,
    order: ShuffledState,
    noise: RandomState,
}

impl<'a> GanTrainer<'a> {
    /// Players with their initial weights. The pictures are of [`FORMAT`].
    pub fn new(config: GanConfig, pictures: &'a Pictures, device: &Candle) -> Result<Self> {
        config.check()?;
        let seed = config.seed;
        let params = |stream| Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS + stream));
        let (generator_params, discriminator_params) = (params(0), params(1));
        let generator = Generator::new(generator_params.root(), config.sizes())?;
        let discriminator = Discriminator::new(discriminator_params.root(), config.sizes())?;
        let adam = AdamConfig { beta1: config.beta1, beta2: config.beta2, ..AdamConfig::new(config.lr) };
        let fixed_noise = latents(&mut Random::new(seed, streams::SAMPLES), SAMPLES, config.z_dim, device)?;
        Ok(Self {
            order: Shuffled::new(pictures.len(), seed),
            noise: Random::new(seed, streams::LATENTS),
            generator_adam: Adam::new(generator_params.trained(), adam)?,
            averaged: Averaged::new(generator_params.all(), AveragedConfig::new(config.average))?,
            discriminator_adam: Adam::new(discriminator_params.trained(), adam)?,
            config,
            pictures,
            device: device.clone(),
            generator,
            generator_params,
            discriminator,
            discriminator_params,
            fixed_noise,
            waited: Duration::ZERO,
        })
    }

    fn discriminator_step(&mut self) -> Result<f64> {
        let batch = self.config.batch;
        let asked = Instant::now();
        let real = self.pictures.batch(&self.order.take(batch));
        self.waited += asked.elapsed();
        let real = Tensor::from_vec(real, (batch, FORMAT.len()), &self.device)?;
        let z = latents(&mut self.noise, batch, self.config.z_dim, &self.device)?;
        self.generator_params.set_frozen(true);
        let fake = self.generator.forward(&z)?;
        self.generator_params.set_frozen(false);
        let loss = discriminator_loss(&self.discriminator.forward(&real)?, &self.discriminator.forward(&fake)?)?;
        self.discriminator_adam.step(&loss.backward()?)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn generator_step(&mut self) -> Result<f64> {
        let z = latents(&mut self.noise, self.config.batch, self.config.z_dim, &self.device)?;
        self.discriminator_params.set_frozen(true);
        let logits = self.discriminator.forward(&self.generator.forward(&z)?)?;
        self.discriminator_params.set_frozen(false);
        let loss = self.config.loss.compute(&logits)?;
        self.generator_adam.step(&loss.backward()?)?;
        self.averaged.update()?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }
}

fn latents(random: &mut Random, count: usize, dim: usize, device: &Candle) -> Result<Tensor> {
    Ok(Tensor::from_vec(random.uniforms(count * dim, -1.0, 1.0), (count, dim), device)?)
}

impl Trainer for GanTrainer<'_> {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let mut discriminator = 0.0;
        for _ in 0..self.config.critic_steps {
            discriminator += self.discriminator_step()? / self.config.critic_steps as f64;
        }
        Ok(vec![("discriminator", discriminator), ("generator", self.generator_step()?)])
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        self.generator_params.set_frozen(true);
        let pictures = self.averaged.swapped(|| self.generator.pictures(&self.fixed_noise))?;
        self.generator_params.set_frozen(false);
        let values = pictures.flatten_all()?.to_vec1::<f32>()?;
        let pictures = easel_runtime::Tensor::new(pictures.dims(), values)
            .and_then(|batch| Picture::from_batch(&batch))
            .map_err(|error| Error::Run(format!("no samples: {error}")))?;
        Ok(vec![("samples", pictures)])
    }

    fn waited(&self) -> Duration {
        self.waited
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let prefixed = |prefix: &str, tensors: BTreeMap<String, Tensor>| {
            let prefix = prefix.to_string();
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let place = Place { pictures: self.pictures.len(), order: self.order.state(), noise: self.noise.state() };
        Ok(Snapshot {
            architecture: self.generator.sizes().architecture(),
            weights: self.averaged.to_tensors(),
            state: prefixed("generator", self.generator_params.to_tensors())
                .chain(prefixed("averaged", self.averaged.state()?))
                .chain(prefixed("discriminator", self.discriminator_params.to_tensors()))
                .chain(prefixed("discriminator_adam", self.discriminator_adam.state()?))
                .chain(prefixed("generator_adam", self.generator_adam.state()?))
                .collect(),
            trainer: serde_json::to_value(place).expect("a place is plain numbers"),
        })
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        if checkpoint.architecture != self.generator.sizes().architecture() {
            return Err(Error::Checkpoint(format!(
                "the checkpoint is of a {} with other sizes than this run's; resume it without changing them",
                checkpoint.architecture.name
            )));
        }
        let place: Place = serde_json::from_value(checkpoint.record.trainer.clone())
            .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))?;
        if place.pictures != self.pictures.len() {
            return Err(Error::Run(format!(
                "the data has {} pictures, but the run began with {}; give it the same data",
                self.pictures.len(),
                place.pictures
            )));
        }
        self.generator_params.load(&checkpoint.part("generator"))?;
        self.averaged.load_state(&checkpoint.part("averaged"))?;
        self.discriminator_params.load(&checkpoint.part("discriminator"))?;
        self.generator_adam.load_state(&checkpoint.part("generator_adam"))?;
        self.discriminator_adam.load_state(&checkpoint.part("discriminator_adam"))?;
        self.order = Shuffled::from_state(self.pictures.len(), place.order);
        self.noise = Random::from_state(place.noise);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic;

    fn config() -> GanConfig {
        GanConfig { batch: 16, hidden: 32, ..GanConfig::classic() }
    }

    fn bits(trainer: &GanTrainer) -> Vec<u32> {
        let weights = trainer.snapshot().unwrap().weights;
        weights
            .values()
            .flat_map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .map(f32::to_bits)
            .collect()
    }

    #[test]
    fn each_player_learns_in_its_own_step() {
        let pictures = synthetic::digits(64, 1, FORMAT);
        let mut trainer = GanTrainer::new(config(), &pictures, &Candle::Cpu).unwrap();
        let discriminator = |trainer: &GanTrainer| -> Vec<Vec<f32>> {
            let tensors = trainer.discriminator_params.to_tensors();
            tensors.values().map(|tensor| tensor.flatten_all().unwrap().to_vec1().unwrap()).collect()
        };
        let (g, d) = (bits(&trainer), discriminator(&trainer));
        trainer.discriminator_step().unwrap();
        assert_eq!(bits(&trainer), g);
        let d_after = discriminator(&trainer);
        assert!(d.iter().zip(&d_after).all(|(before, after)| before != after));
        trainer.generator_step().unwrap();
        assert_ne!(bits(&trainer), g);
        assert_eq!(discriminator(&trainer), d_after);
    }

    #[test]
    fn a_discriminator_alone_learns_to_tell() {
        let pictures = synthetic::digits(64, 1, FORMAT);
        let mut trainer = GanTrainer::new(config(), &pictures, &Candle::Cpu).unwrap();
        let first = trainer.discriminator_step().unwrap();
        let last = (0..100).map(|_| trainer.discriminator_step().unwrap()).last().unwrap();
        assert!(last < 0.1 * first, "{first} {last}");
    }

    #[test]
    fn goes_on_with_the_same_bits() {
        let pictures = synthetic::digits(50, 1, FORMAT);
        let config = GanConfig { critic_steps: 2, ..config() };
        let mut whole = GanTrainer::new(config.clone(), &pictures, &Candle::Cpu).unwrap();
        (0..3).for_each(|_| drop(whole.step().unwrap()));
        let Snapshot { architecture, weights, state, trainer } = whole.snapshot().unwrap();
        let weights = weights.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect();
        let state = state.into_iter().map(|(name, tensor)| (name, tensor.copy().unwrap())).collect();
        let record = crate::run::checkpoint::Record {
            step: 3,
            provenance: Default::default(),
            title: None,
            classes: vec![],
            columns: None,
            trainer,
            session: serde_json::Value::Null,
        };
        let checkpoint = Checkpoint { architecture, weights, state, record };
        let mut again = GanTrainer::new(config.clone(), &pictures, &Candle::Cpu).unwrap();
        again.restore(&checkpoint).unwrap();
        for _ in 0..3 {
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        assert_eq!(bits(&whole), bits(&again));

        let fewer = synthetic::digits(40, 1, FORMAT);
        let mut other = GanTrainer::new(config, &fewer, &Candle::Cpu).unwrap();
        assert!(other.restore(&checkpoint).unwrap_err().to_string().contains("40 pictures"));
    }

    #[test]
    fn epochs_become_steps() {
        let config = GanConfig { epochs: Some(2), steps: None, batch: 128, ..GanConfig::classic() };
        assert_eq!(config.total_steps(60_000), 938);
        assert_eq!(GanConfig { critic_steps: 2, ..config }.total_steps(60_000), 469);
    }

    #[test]
    fn nonsense_is_named() {
        let error = |config: GanConfig| config.check().unwrap_err().to_string();
        assert!(error(GanConfig { batch: 0, ..config() }).contains("batch is 0"));
        assert!(error(GanConfig { lr: f64::NAN, ..config() }).contains("lr is NaN"));
        assert!(error(GanConfig { beta2: 1.0, ..config() }).contains("beta2"));
    }
}
