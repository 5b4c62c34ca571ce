//! The vanilla GAN (Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1, with Adam).
//!
//! A step is `critic_steps` steps of the discriminator, each with new pictures and new noise, and then one of the
//! generator with new noise.

mod config;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{Device, Tensor};
use easel_runtime::random::RandomState;
use easel_runtime::{Picture, Random};
use serde::{Deserialize, Serialize};

pub use config::GanConfig;

use super::learner::{Feed, number, progress, same_network};
use super::players::Players;
use super::{Known, Preset, Recipe, Training, samples};
use crate::Result;
use crate::data::{
    self, Continuous, DataLoader, Labels, LoaderOptions, PictureBatch, PictureFormat, Pictures, Place, Shuffle, Source,
    stack,
};
use crate::losses::gan::discriminator_loss;
use crate::networks::gan::{Discriminator, Generator, Sizes};
use crate::run::{Checkpoint, Snapshot, Trainer, streams};
use crate::settings::Shared;

/// The number of pictures of a sample grid.
const SAMPLES: usize = 64;

/// The format of the GAN's pictures.
pub const FORMAT: PictureFormat = PictureFormat { channels: 1, height: 28, width: 28 };

impl Recipe for GanConfig {
    const NAME: &'static str = "gan";
    const ABOUT: &'static str = "Train the vanilla GAN on pictures, resized to 28x28 and converted to grey";
    const DETAILS: &'static str = "Samples are grids of 64 pictures from fixed noise.";
    const DATA: &'static str = data::PICTURES;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data mnist/", "MNIST's four files, gzipped or not, as they are published"),
        ("--data synthetic --preset quick", "digits that the program draws"),
        ("--data photos/ --epochs 20", "a folder of class folders of pictures"),
        ("--data list.txt --out my-runs", "lines of `path label`"),
        ("--resume runs/00003-gan-mnist", "resume an interrupted run"),
        ("--resume runs/00003-gan-mnist --steps 30000", "train longer"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset { name: "classic", about: "recognisable digits in some minutes", settings: Self::classic },
        Preset { name: "quick", about: "a first try in about a minute", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &["seed", "batch", "critic_steps", "z_dim", "hidden"];

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let pictures = data::load_for(source, Labels::Unused, FORMAT)?;
        let epoch = self.epochs.epoch_steps(pictures.len(), self.critic_steps);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let Known { facts: data, count, notes, warnings } = Known::of(&pictures);
        let summary = format!("{count} pictures of {} classes from {}; {steps} steps", data.classes.len(), data.name);
        let trainer = GanTrainer::new(self.clone(), pictures, steps, device)?;
        let sample_every = self.sampling.every(epoch);
        Ok(Training { sample_every, notes, warnings, ..Training::new(trainer, steps, data, summary) })
    }
}

/// Both players, and their position in the data.
struct GanTrainer {
    config: GanConfig,
    device: Device,
    batches: Continuous<Shuffle>,
    feed: Feed<Pictures, PictureBatch>,
    generator: Generator,
    discriminator: Discriminator,
    players: Players,
    fixed_noise: Tensor,
    step: u64,
}

/// The trainer's part of a checkpoint's record.
#[derive(Serialize, Deserialize)]
struct Progress {
    #[serde(flatten)]
    place: PlaceInData,
    noise: RandomState,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PlaceInData {
    Batches {
        place: Place,
    },
    /// Of version 0.1: a pass over the data, and the number of its pictures that were used.
    Stream {
        pictures: u64,
        order: StreamPlace,
    },
}

#[derive(Serialize, Deserialize)]
struct StreamPlace {
    epoch: u64,
    position: u64,
}

impl GanTrainer {
    /// Players with their initial weights. The pictures have the format [`FORMAT`].
    fn new(config: GanConfig, pictures: Pictures, steps: u64, device: &Device) -> Result<Self> {
        let Shared { seed, workers, .. } = config.shared;
        let PictureFormat { channels, height, width } = FORMAT;
        let sizes = Sizes { z_dim: config.z_dim, hidden: config.hidden, picture: [channels, height, width] };
        let params = Players::params(seed, device);
        let generator = Generator::new(params[0].root(), sizes)?;
        let discriminator = Discriminator::new(params[1].root(), sizes)?;
        let names = ["discriminator", "discriminator_adam"];
        let fixed_noise = latents(&mut Random::new(seed, streams::SAMPLES), SAMPLES, config.z_dim, device)?;
        let count = pictures.len();
        let batches = || Continuous::new(Shuffle { len: count, seed }, count, config.epochs.batch);
        let options = LoaderOptions { seed, workers, ..LoaderOptions::default() };
        let loader = DataLoader::new(Arc::new(pictures), batches(), stack(device, None), options);
        Ok(Self {
            device: device.clone(),
            batches: batches(),
            feed: Feed::new(loader)?,
            players: Players::new(params, names, &config.shared, steps, [config.beta1, config.beta2])?,
            config,
            generator,
            discriminator,
            fixed_noise,
            step: 0,
        })
    }

    fn latents(&mut self) -> Result<Tensor> {
        latents(&mut self.players.noise, self.config.epochs.batch, self.config.z_dim, &self.device)
    }

    fn discriminator_step(&mut self) -> Result<f64> {
        let real = self.feed.next_batch()?.images.flatten_from(1)?;
        let z = self.latents()?;
        let fake = {
            let _frozen = self.players.generator.params.frozen();
            self.generator.forward(&z)?
        };
        let loss = discriminator_loss(&self.discriminator.forward(&real)?, &self.discriminator.forward(&fake)?)?;
        self.players.train_critic(&loss, self.step)?;
        number(&loss)
    }

    fn generator_step(&mut self) -> Result<f64> {
        let z = self.latents()?;
        let logits = {
            let _frozen = self.players.critic.params.frozen();
            self.discriminator.forward(&self.generator.forward(&z)?)?
        };
        let loss = self.config.loss.compute(&logits)?;
        self.players.train_generator(&loss, self.step)?;
        number(&loss)
    }
}

fn latents(random: &mut Random, count: usize, dim: usize, device: &Device) -> Result<Tensor> {
    Ok(Tensor::from_vec(random.uniforms(count * dim, -1.0, 1.0), (count, dim), device)?)
}

impl Trainer for GanTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let mut discriminator = 0.0;
        for _ in 0..self.config.critic_steps {
            discriminator += self.discriminator_step()? / self.config.critic_steps as f64;
        }
        let generator = self.generator_step()?;
        self.step += 1;
        Ok(vec![("discriminator", discriminator), ("generator", generator)])
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        let pictures = self.players.generator.with_ema(|_| self.generator.pictures(&self.fixed_noise))?;
        Ok(vec![("samples", samples::pictures(&pictures)?)])
    }

    fn waited(&self) -> Duration {
        self.feed.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let place = PlaceInData::Batches { place: self.feed.place() };
        let progress = Progress { place, noise: self.players.noise.state() };
        self.players.snapshot(self.generator.sizes().architecture(), progress)
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        same_network(checkpoint.architecture == self.generator.sizes().architecture(), checkpoint)?;
        let Progress { place, noise } = progress(checkpoint)?;
        let place = match place {
            PlaceInData::Batches { place } => place,
            PlaceInData::Stream { pictures, order: StreamPlace { epoch, position } } => {
                let (epoch, batch) = self.batches.after(epoch * pictures + position);
                Place { epoch, batch, batches: self.batches.count(), items: pictures }
            }
        };
        self.feed.resume(place)?;
        self.players.restore(checkpoint, noise)?;
        self.step = checkpoint.record.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_bits, checkpoint};
    use super::*;
    use crate::Error;
    use crate::data::synthetic;

    fn config() -> GanConfig {
        let classic = GanConfig::classic();
        GanConfig { epochs: crate::settings::Epochs { batch: 16, epochs: None }, hidden: 32, ..classic }
    }

    fn trainer(config: &GanConfig, pictures: usize) -> GanTrainer {
        GanTrainer::new(config.clone(), synthetic::digits(pictures, 1, FORMAT), 20, &Device::Cpu).unwrap()
    }

    #[test]
    fn each_player_learns_in_its_own_step() {
        let mut trainer = trainer(&config(), 64);
        let discriminator = |trainer: &GanTrainer| -> Vec<Vec<f32>> {
            let tensors = trainer.players.critic.params.to_tensors();
            tensors.values().map(|tensor| tensor.flatten_all().unwrap().to_vec1().unwrap()).collect()
        };
        let generator = |trainer: &GanTrainer| all_bits(trainer)[0].clone();
        let (g, d) = (generator(&trainer), discriminator(&trainer));
        trainer.discriminator_step().unwrap();
        assert_eq!(generator(&trainer), g);
        let d_after = discriminator(&trainer);
        assert!(d.iter().zip(&d_after).all(|(before, after)| before != after));
        trainer.generator_step().unwrap();
        assert_ne!(generator(&trainer), g);
        assert_eq!(discriminator(&trainer), d_after);
    }

    #[test]
    fn a_discriminator_alone_learns_to_tell() {
        let mut trainer = trainer(&config(), 64);
        let first = trainer.discriminator_step().unwrap();
        let last = (0..100).map(|_| trainer.discriminator_step().unwrap()).last().unwrap();
        assert!(last < 0.1 * first, "{first} {last}");
    }

    #[test]
    fn resumes_with_the_same_bits() {
        let config = GanConfig { critic_steps: 2, ..config() };
        let mut whole = trainer(&config, 50);
        (0..3).for_each(|_| drop(whole.step().unwrap()));
        let saved = checkpoint(&whole, 3);
        let mut again = trainer(&config, 50);
        again.restore(&saved).unwrap();
        for _ in 0..3 {
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        assert_eq!(all_bits(&whole), all_bits(&again));
        let error = trainer(&config, 40).restore(&saved).unwrap_err().to_string();
        assert!(error.contains("40 items") && error.contains("50 items"), "{error}");
    }

    #[test]
    fn nonsense_is_named() {
        let refused = |config: GanConfig| match config.check().unwrap_err() {
            Error::Setting { name, .. } => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(GanConfig { critic_steps: 0, ..config() }), "critic_steps");
        assert_eq!(refused(GanConfig { beta2: 1.0, ..config() }), "beta2");
    }
}
