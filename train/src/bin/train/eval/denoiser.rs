//! A denoiser's pictures of every class.

use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use easel_runtime::denoiser::{self, Draw, Request, Sampler};
use easel_runtime::samplers;
use easel_train::data::{PictureFormat, Pictures};
use easel_train::metrics::rounded;
use easel_train::networks::denoiser::{Denoiser, Task};
use crate::progress::Progress;
use easel_train::recipes::ddpm::DenoiserEngine;
use easel_train::recipes::lenet::relabelled;

use super::judge::{Judge, Made, named};

/// How many values of the widest layer are computed at once, and how many pictures.
const AT_ONCE: usize = 1 << 21;
const MOST_AT_ONCE: usize = 64;

/// How pictures are made.
#[derive(clap::Args)]
pub struct Sampling {
    /// Of a denoiser: the way from noise to a picture; dpm-solver unless told
    #[arg(long, value_name = "ancestral|ddim|dpm-solver")]
    pub sampler: Option<Sampler>,
    /// Of a denoiser: how many of the schedule's times are visited; 20 unless told, all of them by `ancestral`
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Of a denoiser: how much fresh noise each step of `ddim` adds, from 0 to 1; 0 unless told
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub eta: Option<f64>,
    /// Of a denoiser: how far the class is followed, where it was trained for that; 1 is what was learnt, 1.5 unless told
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub guidance: Option<f64>,
}

impl Sampling {
    fn sampler(&self) -> Result<Sampler> {
        Ok(match (self.sampler.unwrap_or(Sampler::DpmSolver), self.eta) {
            (Sampler::Ddim { .. }, Some(eta)) => Sampler::Ddim { eta },
            (other, Some(_)) => bail!("--eta is for --sampler ddim, not for {other}: leave it out"),
            (sampler, None) => sampler,
        })
    }
}

/// A denoiser on a device, and what it is to make.
pub struct Plan<'a> {
    /// The network.
    pub network: &'a Denoiser,
    /// What its predictions mean.
    pub task: Task,
    /// Its classes' names, as far as they are known.
    pub classes: &'a [String],
    /// Where it computes.
    pub device: &'a Device,
    /// How.
    pub sampling: &'a Sampling,
    /// How many pictures, equally many of each class.
    pub count: usize,
    /// The seed of their noise.
    pub seed: u64,
}

impl Plan<'_> {
    /// What the pictures are like.
    pub fn format(&self) -> PictureFormat {
        PictureFormat { channels: self.network.sizes().channels, height: self.task.side, width: self.task.side }
    }

    /// Makes the pictures. `path` is where the network is from.
    pub fn draw(&self, path: &Path, judge: &Judge) -> Result<Made> {
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
            classes: named(self.classes, denoiser.classes),
            name: name.clone(),
            skipped: 0,
            reasons: vec![],
        };
        // Before the work, so that classes that nobody can judge are not made.
        let mut pictures = relabelled(blank, &name, judge.classes())?;

        let sampler = self.sampling.sampler()?;
        let steps = self.sampling.steps.unwrap_or_else(|| denoiser.usual_steps(&sampler));
        let guidance = self.sampling.guidance.unwrap_or_else(|| denoiser.usual_guidance());
        let batch = (AT_ONCE / (format.height * format.width * sizes.base)).clamp(1, MOST_AT_ONCE);
        let mut progress = Progress::new((steps * draws.len().div_ceil(batch)) as u64, 0);
        let mut engine = DenoiserEngine { network: self.network, device: self.device };
        for (number, draws) in draws.chunks(batch).enumerate() {
            let request = Request { draws: draws.to_vec(), sampler, steps, guidance };
            let watch = |at: samplers::Progress| progress.update((number * steps + at.done) as u64, &[], &[]);
            let made =
                pollster::block_on(denoiser.sample(&mut engine, &request, watch)).with_context(|| name.clone())?;
            pictures.pixels.extend(rounded(made.as_f32()?)?);
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
        Ok(Made { pictures, labelled: true, about, facts })
    }
}
