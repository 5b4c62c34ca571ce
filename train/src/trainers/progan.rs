//! ProGAN's training (Karras et al. 2017, arXiv 1710.10196): both players grow from 4x4 by doubling, with the loss and
//! the gradient penalty of WGAN-GP.
//!
//! A step is `critic_steps` steps of the critic, each with new pictures and new noise, and then one of the generator with
//! the last one's noise.

mod config;
mod feed;
mod growth;
mod show;

use std::collections::BTreeMap;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use easel_runtime::random::RandomState;
use easel_runtime::{Picture, Random};
use serde::{Deserialize, Serialize};

pub use config::ProganConfig;
pub use growth::{Growth, Place};

use crate::data::{self, Store};
use crate::losses::wgan_gp::{critic_loss, generator_loss, gradient_penalty};
use crate::metrics::{self, MetricTracker};
use crate::networks::progan::{Critic, Generator, Sizes, Stage};
use crate::ops::check_second_order;
use crate::optim::{Adam, AdamConfig, Averaged, AveragedConfig};
use crate::run::session::{Phase, Snapshot, Trainer};
use crate::run::{Checkpoint, streams};
use crate::{Error, Params, Result};

use feed::Feed;

/// The latent vectors of the samples, and the real pictures beside them.
const SAMPLES: usize = 8;

/// The seed of what the metrics draw: the same in all runs, so that their numbers can be compared.
const MEASURED_WITH: u64 = 0;

/// The pictures that are generated at once for an evaluation.
const GENERATED: usize = 16;

/// Scores beyond this are those of a critic that has exploded: between pictures that differ in every pixel of 1024x1024
/// one of slope 1 makes a difference of 3,600. And so are penalties, which are those of a slope of 100.
const MOST_SCORE: f64 = 1e5;
const MOST_PENALTY: f64 = 1e4;

/// Both players, their optimisers, and where they are in the growth, the data and the noise.
pub struct ProganTrainer {
    config: ProganConfig,
    device: Device,
    growth: Growth,
    feed: Feed,
    noise: Random,
    generator: Generator,
    generator_params: Params,
    generator_adam: Adam,
    averaged: Averaged,
    critic: Critic,
    critic_params: Params,
    critic_adam: Adam,
    fixed_noise: Tensor,
    step: u64,
    /// The last penalty that was computed.
    penalty: f64,
    /// The metric tracker of a resolution, by its step.
    tracker: Option<(usize, MetricTracker)>,
}

/// What a checkpoint's record holds of this.
#[derive(Serialize, Deserialize)]
struct Progress {
    noise: RandomState,
    feed: Option<(usize, data::Place)>,
    penalty: u64,
}

/// What a step of the critic was like.
struct Criticised {
    /// The loss with its penalties.
    loss: f64,
    /// The mean score of real pictures less that of generated ones.
    distance: f64,
    /// The generated pictures, with a graph to the generator.
    fake: Tensor,
}

impl ProganTrainer {
    /// Players with their initial weights. The pictures are of the configuration's channels, which must be said. Fails
    /// where this thread cannot differentiate gradients, see [`check_second_order`].
    pub fn new(config: &ProganConfig, pictures: Store, device: &Device) -> Result<Self> {
        let growth = Growth::new(config, pictures.len())?;
        check_second_order()?;
        let (seed, sizes) = (config.seed, config.sizes());
        let params = |stream| Params::new(DType::F32, device, Random::new(seed, streams::WEIGHTS + stream));
        let (generator_params, critic_params) = (params(0), params(1));
        let generator = Generator::new(generator_params.root(), sizes)?;
        let critic = Critic::new(critic_params.root(), sizes)?;
        let adam = AdamConfig { beta1: config.beta1, beta2: config.beta2, ..AdamConfig::new(config.lr) };
        let fixed_noise = latents(&mut Random::new(seed, streams::SAMPLES), SAMPLES, config.z_dim, device)?;
        Ok(Self {
            noise: Random::new(seed, streams::LATENTS),
            generator_adam: Adam::new(generator_params.trained(), adam)?,
            averaged: Averaged::new(generator_params.all(), AveragedConfig::new(config.average))?,
            critic_adam: Adam::new(critic_params.trained(), adam)?,
            feed: Feed::new(config, pictures, device),
            config: config.clone(),
            device: device.clone(),
            growth,
            generator,
            generator_params,
            critic,
            critic_params,
            fixed_noise,
            step: 0,
            penalty: 0.0,
            tracker: None,
        })
    }

    /// The run's growth.
    pub fn growth(&self) -> &Growth {
        &self.growth
    }

    /// The place of the step that was done last; before the first, the first one's.
    fn place(&self) -> Place {
        self.growth.at(self.step.saturating_sub(1))
    }

    fn critic_step(&mut self, place: Place, with_penalty: bool) -> Result<Criticised> {
        let Place { stage, batch, .. } = place;
        let real = self.feed.next(place)?;
        let z = latents(&mut self.noise, batch, self.config.z_dim, &self.device)?;
        let beta = Tensor::from_vec(self.noise.uniforms(batch, 0.0, 1.0), (batch, 1, 1, 1), &self.device)?;
        let fake = self.generator.forward(&z, stage)?;
        let score = |pictures: &Tensor| self.critic.forward(pictures, stage);
        let (of_real, of_fake) = (score(&real)?, score(&fake.detach())?);
        let mut loss = critic_loss(&of_real, &of_fake)?;
        if self.config.drift > 0.0 {
            loss = (loss + (of_real.sqr()?.mean_all()? * self.config.drift)?)?;
        }
        if with_penalty {
            let penalty = gradient_penalty(score, &real, &fake, &beta)?.penalty;
            self.penalty = number(&penalty)?;
            loss = (loss + (penalty * self.config.lambda)?)?;
        }
        let [real, generated] = [of_real, of_fake].map(|scores| number(&scores.mean_all()?));
        let (real, generated) = (real?, generated?);
        check_reason("its mean score of real pictures", real, MOST_SCORE)?;
        check_reason("its gradient penalty", self.penalty, MOST_PENALTY)?;
        self.critic_adam.step(&loss.backward()?)?;
        Ok(Criticised { loss: number(&loss)?, distance: real - generated, fake })
    }

    fn generator_step(&mut self, stage: Stage, fake: &Tensor) -> Result<f64> {
        self.critic_params.set_frozen(true);
        let scores = self.critic.forward(fake, stage);
        self.critic_params.set_frozen(false);
        let loss = generator_loss(&scores?)?;
        // After the critic's own step: a checkpoint holds no critic that it has broken.
        check_reason("its mean score of generated pictures", -number(&loss)?, MOST_SCORE)?;
        self.generator_adam.step(&loss.backward()?)?;
        self.averaged.update()?;
        number(&loss)
    }

    /// Pictures `[count, channels, side, side]` in [0, 1] of the averaged generator.
    fn generate(&mut self, z: &Tensor, stage: Stage) -> Result<Tensor> {
        self.generator_params.set_frozen(true);
        let pictures = self.averaged.swapped(|| self.generator.forward(z, stage));
        self.generator_params.set_frozen(false);
        Ok(pictures?.affine(0.5, 0.5)?.clamp(0f32, 1f32)?)
    }

    fn sizes(&self) -> Sizes {
        self.generator.sizes()
    }
}

fn latents(random: &mut Random, count: usize, dim: usize, device: &Device) -> Result<Tensor> {
    Ok(Tensor::from_vec(random.normals(count * dim), (count, dim), device)?)
}

/// Fails on a number of a critic that has exploded. What is not finite is the session's to name.
fn check_reason(what: &str, value: f64, most: f64) -> Result<()> {
    if !value.is_finite() || value.abs() <= most {
        return Ok(());
    }
    Err(Error::Run(format!(
        "the critic has exploded: {what} is {value:.3e}; go on from its last checkpoint with a lower learning rate \
         (--resume RUN --lr X), or begin anew with larger batches"
    )))
}

fn number(scalar: &Tensor) -> Result<f64> {
    Ok(f64::from(scalar.to_scalar::<f32>()?))
}

impl Trainer for ProganTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let place = self.growth.at(self.step);
        if place.position == 0 {
            // The new layers' averages are of weights that were never used.
            self.averaged.restart();
        }
        let (mut loss, mut distance, mut fake) = (0.0, 0.0, None);
        let critic_steps = self.config.critic_steps as u64;
        for number in 0..critic_steps {
            let done = self.step * critic_steps + number;
            let criticised =
                self.critic_step(place, self.config.lambda > 0.0 && done.is_multiple_of(self.config.penalty_every))?;
            loss += criticised.loss / critic_steps as f64;
            distance += criticised.distance / critic_steps as f64;
            fake = Some(criticised.fake);
        }
        let fake = fake.expect("there is a step of the critic");
        let generator = self.generator_step(place.stage, &fake)?;
        self.step += 1;
        Ok(vec![("critic", loss), ("generator", generator), ("distance", distance), ("penalty", self.penalty)])
    }

    fn shown(&self) -> usize {
        2
    }

    fn stage(&self) -> Vec<(&'static str, f64)> {
        let Stage { alpha, .. } = self.place().stage;
        vec![("resolution", self.place().stage.resolution() as f64), ("alpha", alpha)]
    }

    fn phases(&self) -> Vec<Phase> {
        self.growth.phases()
    }

    fn jump(&mut self, step: u64) -> Result<()> {
        self.step = step;
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        let stage = self.place().stage;
        let fake = self.generate(&self.fixed_noise.clone(), stage)?;
        let real = self.feed.some(SAMPLES, stage.resolution())?;
        Ok(vec![("samples/real", show::enlarged(real)), ("samples/fake", show::enlarged(show::pictures(&fake)?))])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        let count = self.config.evaluate;
        if count == 0 {
            return Ok(vec![]);
        }
        let stage = self.place().stage;
        let (_, tracker) = match self.tracker.take().filter(|(step, _)| *step == stage.step) {
            Some(known) => known,
            None => (stage.step, MetricTracker::new(&*self.feed.at(stage.resolution()), count, MEASURED_WITH)?),
        };
        let noise = &mut Random::new(self.config.seed, streams::SAMPLES + 1);
        let mut bytes = Vec::new();
        for first in (0..tracker.count()).step_by(GENERATED) {
            let z = latents(noise, GENERATED.min(tracker.count() - first), self.config.z_dim, &self.device)?;
            bytes.extend(metrics::bytes(&self.generate(&z, stage)?)?);
        }
        let measurements = tracker.measure(&bytes)?;
        self.tracker = Some((stage.step, tracker));
        Ok(metrics::records(&measurements))
    }

    fn evaluated(&self) -> &'static str {
        ""
    }

    fn waited(&self) -> Duration {
        self.feed.waited()
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let prefixed = |prefix: &str, tensors: BTreeMap<String, Tensor>| {
            let prefix = prefix.to_string();
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let progress = Progress { noise: self.noise.state(), feed: self.feed.place(), penalty: self.penalty.to_bits() };
        Ok(Snapshot {
            architecture: self.sizes().architecture(self.place().stage),
            weights: self.averaged.to_tensors(),
            state: prefixed("generator", self.generator_params.to_tensors())
                .chain(prefixed("averaged", self.averaged.state()?))
                .chain(prefixed("critic", self.critic_params.to_tensors()))
                .chain(prefixed("critic_adam", self.critic_adam.state()?))
                .chain(prefixed("generator_adam", self.generator_adam.state()?))
                .collect(),
            trainer: serde_json::to_value(progress).expect("progress is plain numbers"),
        })
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let (sizes, _) = Sizes::read(&checkpoint.architecture)?;
        if sizes != self.sizes() {
            return Err(Error::Checkpoint(format!(
                "the checkpoint is of a {} with other sizes than this run's; resume it without changing them",
                checkpoint.architecture.name
            )));
        }
        let progress: Progress = serde_json::from_value(checkpoint.record.trainer.clone())
            .map_err(|error| Error::Checkpoint(format!("the checkpoint's record cannot be read: {error}")))?;
        if let Some((step, place)) = progress.feed {
            let batch = self.growth.at(checkpoint.record.step.saturating_sub(1)).batch;
            self.feed.resume(step, batch, place)?;
        }
        self.generator_params.load(&checkpoint.part("generator"))?;
        self.averaged.load_state(&checkpoint.part("averaged"))?;
        self.critic_params.load(&checkpoint.part("critic"))?;
        self.generator_adam.load_state(&checkpoint.part("generator_adam"))?;
        self.critic_adam.load_state(&checkpoint.part("critic_adam"))?;
        self.noise = Random::from_state(progress.noise);
        self.penalty = f64::from_bits(progress.penalty);
        self.step = checkpoint.record.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
