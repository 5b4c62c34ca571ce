//! A variational autoencoder (Kingma and Welling 2013, arXiv 1312.6114) with the weight beta of Higgins et al. 2017: Adam
//! and an EMA of the weights.
//!
//! A step encodes a batch of pictures, draws one latent vector for each and takes the gradient of the negative evidence
//! lower bound.

mod config;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::{Picture, Random};

pub use config::VaeConfig;

use super::learner::{Learner, number, shuffled};
use super::{Known, Preset, Recipe, Training, samples};
use crate::data::{self, Labels, PictureBatch, Pictures, Source, stack};
use crate::losses::vae::VaeLoss;
use crate::networks::vae::{Vae, decoder_weights, reparameterise};
use crate::optim::AdamConfig;
use crate::run::{Checkpoint, Snapshot, Trainer, streams};
use crate::settings::Shared;
use crate::{Params, Result};

/// Pictures in a row of samples.
const SAMPLES: usize = 16;

impl Recipe for VaeConfig {
    const NAME: &'static str = "vae";
    const ABOUT: &'static str = "Train a variational autoencoder, whose decoder draws pictures";
    const DETAILS: &'static str = "Samples are three rows: training pictures, their reconstructions, and pictures from \
        fixed noise. The decoder is what is exported; its latent vectors are standard normal, so `sample --walk` goes from \
        picture to picture.";
    const DATA: &'static str = data::PICTURES;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data mnist/", "MNIST's four files, gzipped or not, as they are published"),
        ("--data synthetic --preset quick", "digits that the program draws"),
        ("--data photos/ --channels 3 --size 64", "a folder of class folders of pictures, in colour"),
        ("--data mnist/ --beta 4", "latent elements that are more independent"),
        ("--resume runs/00003-vae-mnist", "resume an interrupted run"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset { name: "classic", about: "32 base channels, 30 epochs; for a GPU or an hour", settings: Self::classic },
        Preset { name: "light", about: "16 base channels; some minutes of one CPU core", settings: Self::light },
        Preset { name: "quick", about: "a first look in a minute or two", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &["seed", "batch", "size", "channels", "base_channels", "z_dim", "beta"];

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        let pictures = data::load_for(source, Labels::Unused, self.format())?;
        let Known { facts: data, count, notes, warnings } = Known::of(&pictures);
        let epoch = self.epochs.epoch_steps(count, 1);
        let steps = self.epochs.resolve(&mut self.shared, epoch);
        let summary = format!("{count} pictures from {}; {steps} steps, {epoch} an epoch", data.name);
        let trainer = VaeTrainer::new(self, pictures, steps, device)?;
        let sample_every = self.sampling.every(epoch);
        Ok(Training { sample_every, notes, warnings, ..Training::new(trainer, steps, data, summary) })
    }
}

struct VaeTrainer {
    config: VaeConfig,
    device: Device,
    network: Vae,
    learner: Learner<Pictures, PictureBatch>,
    /// The training pictures that samples show, and the noise that they draw others from.
    shown: Tensor,
    fixed_noise: Tensor,
}

impl VaeTrainer {
    /// A network with its initial weights. The pictures are of the configuration's format.
    fn new(config: &VaeConfig, pictures: Pictures, steps: u64, device: &Device) -> Result<Self> {
        let Shared { seed, lr, ema_decay, .. } = config.shared;
        let params = Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS));
        let network = Vae::new(params.root(), config.sizes())?;
        // Evenly spaced, since a folder's pictures are in the order of their classes.
        let count = pictures.len();
        let shown: Vec<u32> = (0..SAMPLES).map(|at| (at * count / SAMPLES) as u32).collect();
        let (shown, [channels, height, width]) = (pictures.batch(&shown), config.sizes().picture());
        let noise = Random::new(seed, streams::SAMPLES).normals(SAMPLES * config.z_dim);
        let loader = shuffled(Arc::new(pictures), config.epochs.batch, &config.shared, stack(device, None));
        let schedule = config.shared.schedule(steps);
        Ok(Self {
            config: config.clone(),
            device: device.clone(),
            network,
            learner: Learner::new(params, AdamConfig::new(lr), ema_decay, schedule, loader)?,
            shown: Tensor::from_vec(shown, (SAMPLES, channels, height, width), device)?,
            fixed_noise: Tensor::from_vec(noise, (SAMPLES, config.z_dim), device)?,
        })
    }
}

impl Trainer for VaeTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let images = self.learner.feed.next_batch()?.images;
        let [mean, log_variance] = self.network.encoder.forward(&images)?;
        let mut random = Random::new(self.config.shared.seed, streams::REPARAMETERISATION + self.learner.step);
        let noise = Tensor::from_vec(random.normals(mean.elem_count()), mean.dims(), &self.device)?;
        let logits = self.network.decoder.logits(&reparameterise(&mean, &log_variance, &noise)?)?;
        let loss = VaeLoss::new(&logits, &images, [&mean, &log_variance], self.config.beta)?;
        self.learner.learn(&loss.total)?;
        let values = [("loss", loss.total), ("reconstruction", loss.reconstruction), ("kl", loss.divergence)];
        values.into_iter().map(|(name, value)| Ok((name, number(&value)?))).collect()
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        let Vae { encoder, decoder } = &self.network;
        let [reconstructed, drawn] = self.learner.player.with_ema(|_| {
            let [mean, _] = encoder.forward(&self.shown)?;
            Ok([decoder.pictures(&mean)?, decoder.pictures(&self.fixed_noise)?])
        })?;
        let rows =
            [("samples/real", &self.shown), ("samples/reconstructed", &reconstructed), ("samples/drawn", &drawn)];
        rows.into_iter().map(|(name, row)| Ok((name, samples::enlarged(samples::pictures(row)?)))).collect()
    }

    fn waited(&self) -> Duration {
        self.learner.feed.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let snapshot = self.learner.snapshot(self.config.sizes().architecture())?;
        Ok(Snapshot { weights: decoder_weights(snapshot.weights), ..snapshot })
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restore(&self.config.sizes().architecture(), checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_bits as bits, checkpoint};
    use super::*;
    use crate::data::synthetic;

    fn config(batch: usize) -> VaeConfig {
        let light = VaeConfig::light();
        let epochs = crate::settings::Epochs { batch, epochs: None };
        VaeConfig { size: 16, base_channels: 4, z_dim: 6, epochs, ..light }
    }

    fn trainer(config: &VaeConfig, count: usize) -> VaeTrainer {
        VaeTrainer::new(config, synthetic::digits(count, 1, config.format()), 60, &Device::Cpu).unwrap()
    }

    #[test]
    fn resumes_with_the_same_bits() {
        let config = VaeConfig { channels: 3, ..config(5) };
        let mut whole = trainer(&config, 12);
        // Into the second epoch, past the smaller last batch of the first.
        (0..4).for_each(|_| drop(whole.step().unwrap()));
        let saved = checkpoint(&whole, 4);
        assert!(saved.weights.contains_key("fc.weight") && saved.state.contains_key("network.encoder.conv1.weight"));
        let shared = Shared { workers: 0, ..config.shared.clone() };
        let mut again = trainer(&VaeConfig { shared, ..config.clone() }, 12);
        again.restore(&saved).unwrap();
        for _ in 0..4 {
            // Samples in between change nothing.
            whole.samples().unwrap();
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
        }
        assert_eq!(bits(&whole), bits(&again));
        let other = VaeConfig { z_dim: 7, ..config };
        assert!(trainer(&other, 12).restore(&saved).unwrap_err().to_string().contains("other sizes"));
    }

    #[test]
    fn learns_in_a_few_steps() {
        let mut config = config(32);
        config.shared.lr = 5e-3;
        let mut trainer = trainer(&config, 320);
        let losses: Vec<f64> = (0..60).map(|_| trainer.step().unwrap()[0].1).collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[50..]));
        assert!(last < 0.7 * first, "{first} {last}");
    }

    #[test]
    fn samples_are_three_rows_even_of_few_pictures() {
        let mut trainer = trainer(&config(2), 3);
        let rows = trainer.samples().unwrap();
        let names: Vec<_> = rows.iter().map(|(name, row)| (*name, row.len())).collect();
        assert_eq!(names, ["samples/real", "samples/reconstructed", "samples/drawn"].map(|name| (name, SAMPLES)));
    }
}
