//! A generator's pictures beside real ones.

use std::path::Path;

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use easel_train::data::{PictureFormat, Source, Store};
use easel_train::metrics::{Measure, Watch, bytes};
use easel_train::networks::{gan, progan};
use easel_train::run::progress::Progress;

use super::report;

/// How many pixels of each channel are generated at once.
const AT_ONCE: usize = 1 << 18;

/// A generator that makes square pictures.
pub enum Generator {
    /// The vanilla GAN's.
    Gan(gan::Generator),
    /// ProGAN's, as far as it has grown.
    Progan(progan::Generator, progan::Stage),
}

/// What a generator is compared with, and how.
pub struct Plan<'a> {
    /// Where real pictures are from.
    pub source: &'a Source,
    /// Of which classes; of all where none is named.
    pub classes: &'a [String],
    /// How many of the generator's are compared with as many real ones.
    pub count: usize,
    /// The seed of latent vectors and of what the metrics draw.
    pub seed: u64,
}

/// Measures a generator, which is on the device, and gives what is to be printed.
pub fn eval(path: &Path, generator: &Generator, plan: &Plan, device: &Device, as_json: bool) -> Result<String> {
    let PictureFormat { channels, height, width } = generator.format();
    if height != width {
        bail!("{}: it makes pictures of {width}x{height}, but only square ones can be judged", path.display());
    }
    let store = Store::open(plan.source, channels, generator.largest(), plan.classes)?;
    let watch = Watch::new(&*store.at(height), plan.count, plan.seed)?;
    store.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let (count, name) = (watch.count(), store.name());
    if count < plan.count {
        eprintln!(
            "note: {count} pictures are compared, not {}: {name} has {}, and memory is bounded",
            plan.count,
            store.len()
        );
    }
    let measures = watch.measure(&pictures(generator, count, plan.seed, device)?)?;
    eprintln!("{}: {count} pictures of {width}x{height} beside real ones from {name}", path.display());
    if !as_json {
        return Ok(text(&measures));
    }
    let (about, metrics) = (format!("seed {}", plan.seed), report::measures_json(&measures));
    let object = serde_json::json!({
        "about": about, "data": name, "count": count, "height": height, "width": width, "metrics": metrics,
    });
    Ok(format!("{object}\n"))
}

impl Generator {
    fn format(&self) -> PictureFormat {
        let [channels, height, width] = match self {
            Self::Gan(generator) => generator.sizes().picture,
            Self::Progan(generator, stage) => [generator.sizes().channels, stage.resolution(), stage.resolution()],
        };
        PictureFormat { channels, height, width }
    }

    /// The height and width that training keeps real pictures in: smaller ones are made of those.
    fn largest(&self) -> usize {
        match self {
            Self::Gan(generator) => generator.sizes().picture[1],
            Self::Progan(generator, _) => generator.sizes().resolution,
        }
    }

    /// The latent vectors of the pictures `first .. first + count` of a seed, the same as `sample` takes.
    fn latents(&self, seed: u64, first: usize, count: usize, device: &Device) -> Result<Tensor> {
        let latent = match self {
            Self::Gan(generator) => generator.sizes().latent(),
            Self::Progan(generator, _) => generator.sizes().latent(),
        };
        let values: Vec<f32> = (first..first + count).flat_map(|index| latent.draw(seed, index as u64)).collect();
        Ok(Tensor::from_vec(values, (count, latent.dim), device)?)
    }

    /// Pictures in [0, 1].
    fn pictures(&self, z: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Gan(generator) => generator.pictures(z)?,
            Self::Progan(generator, stage) => generator.pictures(z, *stage)?,
        })
    }
}

fn pictures(generator: &Generator, count: usize, seed: u64, device: &Device) -> Result<Vec<u8>> {
    let PictureFormat { height, width, .. } = generator.format();
    let batch = (AT_ONCE / (height * width)).clamp(1, 64);
    let mut progress = Progress::new(count as u64, 0);
    let mut made = Vec::new();
    for first in (0..count).step_by(batch) {
        let z = generator.latents(seed, first, batch.min(count - first), device)?;
        made.extend(bytes(&generator.pictures(&z)?.detach())?);
        progress.update((first + batch).min(count) as u64, &[], &[]);
    }
    progress.finish();
    Ok(made)
}

fn text(measures: &[Measure]) -> String {
    let mut text = report::measures(measures, meaning) + LEGEND;
    if measures.iter().any(|measure| measure.name == "ms_ssim") {
        text += LEGEND_OF_SIMILARITY;
    }
    text
}

const LEGEND: &str = "
The floor is what as many real pictures get in place of the generator's.
swd: the nearer to the floor the better. The first row tells blur and noise, coarser ones wrong shapes; a
generator that has collapsed is several times above in all of them.
";

const LEGEND_OF_SIMILARITY: &str = "\
ms_ssim: good near the floor. Well above it the pictures are too much alike, at 1 all the same; below
it they differ more than real ones, as noise does.
";

fn meaning(name: &str) -> String {
    match name.strip_prefix("swd_") {
        Some(side) => format!("distance of the details at {side}x{side}, times 1000"),
        None if name == "swd" => "their mean".into(),
        None => "how much the pictures are alike".into(),
    }
}
