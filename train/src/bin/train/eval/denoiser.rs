//! A denoiser's pictures of every class.

use std::path::Path;

use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use easel_runtime::denoiser::{self, Draw, SampleRequest, Sampler};
use easel_runtime::samplers;
use easel_train::data::{PictureFormat, Pictures};
use easel_train::metrics::rounded;
use easel_train::networks::denoiser::{Denoiser, DenoisingTask};
use easel_train::recipes::ddpm::DenoiserEngine;
use easel_train::recipes::lenet::relabelled;

use super::evaluator::{Evaluator, GeneratedSet, class_names};

/// The most values of the widest layer in a batch.
const MOST_VALUES: usize = 1 << 21;

/// The most pictures in a batch.
const MOST_PICTURES: usize = 64;

/// How a denoiser draws pictures.
#[derive(clap::Args)]
pub struct SamplingArgs {
    /// Denoiser: the sampler [default: dpm-solver]
    #[arg(long, value_name = "ancestral|ddim|dpm-solver")]
    pub sampler: Option<Sampler>,
    /// Denoiser: steps from noise to a picture [default: 20; ancestral: all]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Denoiser: how much fresh noise each step of ddim adds, from 0 to 1 [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub eta: Option<f64>,
    /// Denoiser: the scale of classifier-free guidance, where it was trained for that; 1 for none [default: 1.5 where it was,
    /// else 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub guidance: Option<f64>,
}

impl SamplingArgs {
    fn sampler(&self) -> Result<Sampler> {
        Ok(match (self.sampler.unwrap_or(Sampler::DpmSolver), self.eta) {
            (Sampler::Ddim { .. }, Some(eta)) => Sampler::Ddim { eta },
            (other, Some(_)) => bail!("--eta applies to --sampler ddim, not to {other}; remove it"),
            (sampler, None) => sampler,
        })
    }
}

/// A denoiser on a device, and what it draws.
pub struct Options<'a> {
    /// The network.
    pub network: &'a Denoiser,
    /// What it predicts, its beta schedule and picture size.
    pub task: DenoisingTask,
    /// The names of its classes, as far as they are known.
    pub classes: &'a [String],
    /// The network's device.
    pub device: &'a Device,
    /// The sampler and its settings.
    pub sampling: &'a SamplingArgs,
    /// How many pictures, as many of each class.
    pub count: usize,
    /// The seed of the noise.
    pub seed: u64,
}

impl Options<'_> {
    /// The format of the pictures.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.network.sizes().channels, height: self.task.side, width: self.task.side }
    }

    /// Draws the pictures, labelled as the evaluator's classes. `path` is the network's, for messages.
    pub fn draw(&self, path: &Path, evaluator: &Evaluator) -> Result<GeneratedSet> {
        let (sizes, format, name) = (self.network.sizes(), self.format(), path.display().to_string());
        let denoiser = denoiser::Denoiser {
            classes: self.task.classes(&sizes),
            schedule: self.task.schedule.schedule()?,
            prediction: self.task.prediction,
            null_label: self.task.null_label,
            picture: [format.channels, format.height, format.width],
        };
        let draw = |at: usize| {
            let (label, number) = (at % denoiser.classes, (at / denoiser.classes) as u32);
            Draw { label, seed: self.seed, number }
        };
        let draws: Vec<Draw> = (0..self.count).map(draw).collect();
        let blank = Pictures {
            format,
            pixels: vec![],
            labels: draws.iter().map(|draw| draw.label as u32).collect(),
            classes: class_names(self.classes, denoiser.classes),
            name: name.clone(),
            skipped: 0,
            reasons: vec![],
            about: Default::default(),
        };
        // Before the work, so that it is not wasted on classes that the evaluator does not know.
        let mut pictures = relabelled(blank, &name, evaluator.classes())?;

        let sampler = self.sampling.sampler()?;
        let steps = self.sampling.steps.unwrap_or_else(|| denoiser.default_steps(&sampler));
        let guidance = self.sampling.guidance.unwrap_or_else(|| denoiser.default_guidance());
        let batch = (MOST_VALUES / (format.height * format.width * sizes.base_channels)).clamp(1, MOST_PICTURES);
        let mut progress = Progress::new((steps * draws.len().div_ceil(batch)) as u64, 0);
        let mut engine = DenoiserEngine { network: self.network, device: self.device };
        for (number, draws) in draws.chunks(batch).enumerate() {
            let request = SampleRequest { draws: draws.to_vec(), sampler, steps, guidance };
            let on_step = |at: samplers::SamplerProgress| progress.update((number * steps + at.done) as u64, &[], &[]);
            let drawn =
                pollster::block_on(denoiser.sample(&mut engine, &request, on_step)).with_context(|| name.clone())?;
            pictures.pixels.extend(rounded(drawn.as_f32()?)?);
        }
        progress.finish();
        let mut about = format!("{sampler}, {steps} steps");
        if let Sampler::Ddim { eta } = sampler
            && eta != 0.0
        {
            about += &format!(", eta {eta}");
        }
        if guidance != 1.0 {
            about += &format!(", guidance {guidance}");
        }
        let mut facts = serde_json::json!({
            "height": format.height, "width": format.width,
            "sampler": sampler.name(), "steps": steps, "guidance": guidance, "seed": self.seed,
        });
        if let Sampler::Ddim { eta } = sampler {
            facts["eta"] = eta.into();
        }
        Ok(GeneratedSet { pictures, labelled: true, about, facts })
    }
}
