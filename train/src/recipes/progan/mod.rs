//! ProGAN (Karras et al. 2017, arXiv 1710.10196): both players grow from 4x4 by doubling, with the loss and
//! the gradient penalty of WGAN-GP.
//!
//! A step is `critic_steps` steps of the critic, each with new pictures and new noise, and then one of the generator with
//! the last one's noise.

mod config;
mod feed;
mod growth;

use std::time::Duration;

use candle_core::{Device, Tensor};
use easel_runtime::random::RandomState;
use easel_runtime::{Picture, Random};
use serde::{Deserialize, Serialize};

pub use config::ProganConfig;
pub use growth::{Growth, GrowthPoint};

use super::learner::{number, progress, same_network};
use super::players::Players;
use super::{Known, Preset, Recipe, Training, samples};
use crate::data::{self, Source, Store, mnist_files};
use crate::losses::wgan_gp::{critic_loss, generator_loss, gradient_penalty};
use crate::metrics::{self, MetricTracker};
use crate::networks::progan::{Critic, Generator, Sizes, Stage};
use crate::ops::check_second_order;
use crate::run::{Checkpoint, Phase, Snapshot, Trainer, streams};
use crate::{Error, Result};

use feed::PictureFeed;

/// The number of samples, and of real pictures beside them.
const SAMPLES: usize = 8;

/// The seed of the metrics, the same in all runs, so that their values can be compared.
const MEASURED_WITH: u64 = 0;

/// The batch size of generating pictures for an evaluation.
const GENERATED: usize = 16;

/// The largest score of a stable critic: with a gradient norm of 1, the scores of pictures that differ in every pixel of
/// 1024x1024 differ by 3,600. The largest penalty is that of a gradient norm of 100.
const MOST_SCORE: f64 = 1e5;
const MOST_PENALTY: f64 = 1e4;

impl Recipe for ProganConfig {
    const NAME: &'static str = "progan";
    const ABOUT: &'static str = "Train ProGAN, a generator of pictures that grows from 4x4 by doubling";
    const DETAILS: &'static str = "Pictures are cropped to a square and resized. The layers of each resolution are faded in \
        (alpha goes from 0.01 to 1) and then trained. Lists (--batches, --epochs, --pictures) are by resolution from 4x4 up, \
        `32,32,16`; the last number holds for all resolutions above. --steps counts steps of the generator: fewer than the \
        lists ask for end the run early, with more the last resolution is trained longer.\n\nSamples have real pictures above \
        and generated ones below. The checkpoint at the end of each resolution is kept, so that any stage can be exported.";
    const DATA: &'static str = "a folder of pictures or of class folders of them, a folder with MNIST's files, a text file of \
        `path label` lines, `synthetic` for drawn digits, `scenes` or `scenes:N` for drawn landscapes";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("--data photos/", "128x128, as is usual on a GPU"),
        ("--data mnist/ --preset light", "32x32 on two CPU cores"),
        ("--data scenes --preset quick", "a first try with drawn landscapes"),
        ("--data scenes:8000 --class lake sea --preset light", "two of the classes"),
        ("--data photos/ --mirror --resolution 64 --pictures 100000", "64x64, with augmentation"),
        ("--data photos/ --preset light --dry-run", "an estimate of time and memory"),
        ("--resume runs/00003-progan-photos", "resume an interrupted run, also within a fade"),
    ];
    const PRESETS: &'static [Preset<Self>] = &[
        Preset { name: "classic", about: "128x128 with 128 channels; for a GPU", settings: Self::classic },
        Preset { name: "light", about: "32x32 with 48 channels; two CPU cores, an hour or two", settings: Self::light },
        Preset { name: "quick", about: "16x16; a first try in some minutes", settings: Self::quick },
    ];
    const FIXED: &'static [&'static str] = &[
        "seed",
        "classes",
        "channels",
        "resolution",
        "batches",
        "epochs",
        "pictures",
        "evaluations",
        "fade",
        "z_dim",
        "width",
        "critic_steps",
    ];
    const EXCLUSIVE: &'static [&'static str] = &["epochs", "pictures"];
    const SECOND_ORDER: bool = true;

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn build(&mut self, source: &Source, device: &Device) -> Result<Training> {
        // As far as that is known without reading the pictures.
        let grey = match source {
            Source::Synthetic => true,
            Source::Scenes(_) => false,
            Source::Path(path) | Source::Former(path) => mnist_files::find(path)?.is_some(),
        };
        let channels = *self.channels.get_or_insert(if grey { 1 } else { 3 });
        let pictures = Store::open(source, channels, self.resolution, &self.classes)?;
        let Known { facts: data, count, notes, warnings } = Known::of(pictures.held());
        let name = data.name.clone();
        let trainer = ProganTrainer::new(self, pictures, device)?;
        let growth = trainer.growth.clone();
        let (steps, colour) = (growth.steps(), if channels == 1 { "grey" } else { "RGB" });
        let top = growth.phases().pop().map_or("4x4".into(), |phase| phase.name);
        let summary = format!("{count} {colour} pictures from {name}; {steps} steps up to {top}");
        Ok(Training {
            epochs: growth.epochs(),
            checkpoint_epochs: true,
            sample_every: self.sampling.every(steps),
            notes,
            warnings,
            ..Training::new(trainer, steps, data, summary)
        })
    }
}

/// Both players, and their position in the growth and the data.
struct ProganTrainer {
    config: ProganConfig,
    device: Device,
    growth: Growth,
    feed: PictureFeed,
    generator: Generator,
    critic: Critic,
    players: Players,
    fixed_noise: Tensor,
    step: u64,
    /// The last penalty that was computed.
    penalty: f64,
    /// The metric tracker of a resolution, by its step.
    tracker: Option<(usize, MetricTracker)>,
}

/// The trainer's part of a checkpoint's record.
#[derive(Serialize, Deserialize)]
struct Progress {
    noise: RandomState,
    feed: Option<(usize, data::Place)>,
    penalty: u64,
}

/// The results of a step of the critic.
struct CriticStep {
    /// The loss with its penalties.
    loss: f64,
    /// The mean score of real pictures minus that of generated ones.
    distance: f64,
    /// The generated pictures, with a graph to the generator.
    fake: Tensor,
}

impl ProganTrainer {
    /// Players with their initial weights. The pictures have the configuration's channels, which must be set. Fails
    /// where this thread cannot differentiate gradients, see [`check_second_order`].
    fn new(config: &ProganConfig, pictures: Store, device: &Device) -> Result<Self> {
        let growth = Growth::new(config, pictures.len())?;
        check_second_order()?;
        let (seed, sizes) = (config.shared.seed, config.sizes());
        let params = Players::params(seed, device);
        let generator = Generator::new(params[0].root(), sizes)?;
        let critic = Critic::new(params[1].root(), sizes)?;
        let (names, betas) = (["critic", "critic_adam"], [config.beta1, config.beta2]);
        Ok(Self {
            players: Players::new(params, names, &config.shared, growth.steps(), betas)?,
            feed: PictureFeed::new(config, pictures, device),
            fixed_noise: latents(&mut Random::new(seed, streams::SAMPLES), SAMPLES, config.z_dim, device)?,
            config: config.clone(),
            device: device.clone(),
            growth,
            generator,
            critic,
            step: 0,
            penalty: 0.0,
            tracker: None,
        })
    }

    /// The point of the growth at the last step, or at the first one before it is done.
    fn point(&self) -> GrowthPoint {
        self.growth.at(self.step.saturating_sub(1))
    }

    fn critic_step(&mut self, point: GrowthPoint, with_penalty: bool) -> Result<CriticStep> {
        let GrowthPoint { stage, batch, .. } = point;
        let real = self.feed.next(point)?;
        let noise = &mut self.players.noise;
        let z = latents(noise, batch, self.config.z_dim, &self.device)?;
        let beta = Tensor::from_vec(noise.uniforms(batch, 0.0, 1.0), (batch, 1, 1, 1), &self.device)?;
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
        self.players.train_critic(&loss, self.step)?;
        Ok(CriticStep { loss: number(&loss)?, distance: real - generated, fake })
    }

    fn generator_step(&mut self, stage: Stage, fake: &Tensor) -> Result<f64> {
        let loss = {
            let _frozen = self.players.critic.params.frozen();
            generator_loss(&self.critic.forward(fake, stage)?)?
        };
        // Checked after the critic's step, so that no checkpoint holds an exploded critic.
        check_reason("its mean score of generated pictures", -number(&loss)?, MOST_SCORE)?;
        self.players.train_generator(&loss, self.step)?;
        number(&loss)
    }

    /// Pictures `[count, channels, side, side]` in [0, 1] of the generator's EMA.
    fn generate(&mut self, z: &Tensor, stage: Stage) -> Result<Tensor> {
        let pictures = self.players.generator.with_ema(|_| self.generator.forward(z, stage))?;
        Ok(pictures.affine(0.5, 0.5)?.clamp(0f32, 1f32)?)
    }
}

fn latents(random: &mut Random, count: usize, dim: usize, device: &Device) -> Result<Tensor> {
    Ok(Tensor::from_vec(random.normals(count * dim), (count, dim), device)?)
}

/// Fails on a number of a critic that has exploded. NaN and infinity are found by the run's loop.
fn check_reason(what: &str, value: f64, most: f64) -> Result<()> {
    if !value.is_finite() || value.abs() <= most {
        return Ok(());
    }
    Err(Error::Run(format!(
        "the critic has exploded: {what} is {value:.3e}; resume from the last checkpoint with a lower learning rate \
         (--resume RUN --lr X), or start again with larger batches"
    )))
}

impl Trainer for ProganTrainer {
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let point = self.growth.at(self.step);
        if point.position == 0 {
            // The EMA of the new layers only has weights that were never used.
            self.players.generator.restart_ema();
        }
        let (mut loss, mut distance, mut fake) = (0.0, 0.0, None);
        let critic_steps = self.config.critic_steps as u64;
        for number in 0..critic_steps {
            let done = self.step * critic_steps + number;
            let with_penalty = self.config.lambda > 0.0 && done.is_multiple_of(self.config.penalty_every);
            let critic = self.critic_step(point, with_penalty)?;
            loss += critic.loss / critic_steps as f64;
            distance += critic.distance / critic_steps as f64;
            fake = Some(critic.fake);
        }
        let fake = fake.expect("there is a step of the critic");
        let generator = self.generator_step(point.stage, &fake)?;
        self.step += 1;
        Ok(vec![("critic", loss), ("generator", generator), ("distance", distance), ("penalty", self.penalty)])
    }

    fn shown(&self) -> usize {
        2
    }

    fn stage(&self) -> Vec<(&'static str, f64)> {
        let Stage { alpha, .. } = self.point().stage;
        vec![("resolution", self.point().stage.resolution() as f64), ("alpha", alpha)]
    }

    fn phases(&self) -> Vec<Phase> {
        self.growth.phases()
    }

    fn jump(&mut self, step: u64) -> Result<()> {
        self.step = step;
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<(&'static str, Vec<Picture>)>> {
        let stage = self.point().stage;
        let fake = self.generate(&self.fixed_noise.clone(), stage)?;
        let real = self.feed.some(SAMPLES, stage.resolution())?;
        Ok(vec![
            ("samples/real", samples::enlarged(real)),
            ("samples/fake", samples::enlarged(samples::pictures(&fake)?)),
        ])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>> {
        let count = self.config.eval_samples;
        if count == 0 {
            return Ok(vec![]);
        }
        let stage = self.point().stage;
        let (_, tracker) = match self.tracker.take().filter(|(step, _)| *step == stage.step) {
            Some(known) => known,
            None => (stage.step, MetricTracker::new(&*self.feed.at(stage.resolution()), count, MEASURED_WITH)?),
        };
        let noise = &mut Random::new(self.config.shared.seed, streams::SAMPLES + 1);
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
        let (noise, feed) = (self.players.noise.state(), self.feed.place());
        let architecture = self.generator.sizes().architecture(self.point().stage);
        self.players.snapshot(architecture, Progress { noise, feed, penalty: self.penalty.to_bits() })
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let (sizes, _) = Sizes::read(&checkpoint.architecture)?;
        same_network(sizes == self.generator.sizes(), checkpoint)?;
        let Progress { noise, feed, penalty } = progress(checkpoint)?;
        if let Some((step, place)) = feed {
            let batch = self.growth.at(checkpoint.record.step.saturating_sub(1)).batch;
            self.feed.resume(step, batch, place)?;
        }
        self.players.restore(checkpoint, noise)?;
        self.penalty = f64::from_bits(penalty);
        self.step = checkpoint.record.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
