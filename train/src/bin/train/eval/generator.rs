//! A generator's pictures beside real ones.

use std::path::Path;

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_train::data::{PictureFormat, Pictures, Source, Store};
use easel_train::metrics::{Measure, Watch, bytes};
use easel_train::networks::{gan, progan, vae};
use crate::progress::Progress;
use easel_train::run::streams;
use serde_json::{Value, json};

use super::judge::{self, Beside, Judge, Made, Verdict};
use super::report;

/// How many pixels of each channel are generated at once.
const AT_ONCE: usize = 1 << 18;

/// A generator that makes square pictures.
pub enum Generator {
    /// The vanilla GAN's.
    Gan(gan::Generator),
    /// ProGAN's, as far as it has grown.
    Progan(progan::Generator, progan::Stage),
    /// ProGAN's at one stage, as a model file has it.
    Folded(progan::Folded),
    /// A variational autoencoder's decoder.
    Vae(vae::Decoder),
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
    /// The classifier that was named.
    pub classifier: Option<&'a Path>,
    /// What the generator was trained on, where that is named.
    pub training: Option<&'a Source>,
    /// Where a sheet of the pictures that are nearest to those is drawn.
    pub sheet: Option<&'a Path>,
}

/// Measures a generator, which is on the device, and gives what is to be printed.
pub fn eval(path: &Path, generator: &Generator, plan: &Plan, device: &Device, as_json: bool) -> Result<String> {
    let format = generator.format();
    let PictureFormat { channels, height, width } = format;
    if height != width {
        bail!("{}: it makes pictures of {width}x{height}, but only square ones can be judged", path.display());
    }
    let store = Store::open(plan.source, channels, generator.largest(), plan.classes)?;
    let judge = plan.judge(store.classes(), device)?;
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
    let pixels = pictures(generator, count, plan.seed, device)?;
    let mut measures = watch.measure(&pixels)?;
    let mut noise = vec![0; pixels.len()];
    let mut random = Random::new(plan.seed, streams::SAMPLES);
    noise.fill_with(|| random.below(256) as u8);
    for (measure, noise) in measures.iter_mut().zip(watch.measure(&noise)?) {
        measure.ceiling = Some(noise.value);
    }
    eprintln!("{}: {count} pictures of {width}x{height} beside real ones from {name}", path.display());
    let made = Pictures {
        format,
        pixels,
        labels: vec![0; count],
        classes: vec![],
        name: name.to_string(),
        skipped: 0,
        reasons: vec![],
    };
    let verdict = judge.map(|judge| plan.verdict(&judge, made)).transpose()?.flatten();
    if !as_json {
        return Ok(text(&measures, verdict.as_ref()));
    }
    let all: Vec<_> = measures.iter().chain(verdict.iter().flat_map(|verdict| &verdict.measures)).cloned().collect();
    let (about, metrics) = (format!("seed {}", plan.seed), report::measures_json(&all));
    let mut object = json!({
        "about": about, "data": name, "count": count, "height": height, "width": width, "metrics": metrics,
    });
    verdict.iter().for_each(|verdict| verdict.add_to(&mut object, count));
    Ok(format!("{object}\n"))
}

impl Plan<'_> {
    /// The classifier that was named, or the one that is built in where it knows all of the data's classes.
    fn judge<'a>(&self, classes: &[String], device: &'a Device) -> Result<Option<Judge<'a>>> {
        let judge = Judge::open(self.classifier, device)?;
        if self.classifier.is_some() || classes.iter().all(|class| judge.classes().contains(class)) {
            return Ok(Some(judge));
        }
        let (data, known) = (self.source, judge.classes().join(", "));
        let advice = "name one of such pictures, a run of `train lenet`, with --classifier";
        if self.training.is_some() {
            bail!("{data}: the classifier that is built in knows {known} alone, so it tells no copies here; {advice}");
        }
        eprintln!(
            "note: no Fréchet distance, precision, recall or balance: the classifier that is built in knows {known} alone, \
             and these are of {data}; {advice}"
        );
        Ok(None)
    }

    /// What the classifier finds; nothing where there are too few pictures.
    fn verdict(&self, judge: &Judge, made: Pictures) -> Result<Option<Verdict>> {
        let real = judge.any_reals(self.source, made.format, self.classes)?;
        if (made.len() < 2 || real.len() < 4) && self.training.is_none() {
            eprintln!("note: the classifier has too few pictures to compare: it takes 2, and 4 real ones");
            return Ok(None);
        }
        let training = self.training.map(|source| judge.trained_on(source, made.format)).transpose()?;
        let made = Made { pictures: made, labelled: false, about: String::new(), facts: Value::Null };
        judge.judge(made, &Beside { real, training, sheet: self.sheet, seed: self.seed }).map(Some)
    }
}

impl Generator {
    fn format(&self) -> PictureFormat {
        let [channels, height, width] = match self {
            Self::Gan(generator) => generator.sizes().picture,
            Self::Progan(generator, stage) => [generator.sizes().channels, stage.resolution(), stage.resolution()],
            Self::Folded(generator) => {
                let side = generator.stage().resolution();
                [generator.sizes().channels, side, side]
            }
            Self::Vae(decoder) => decoder.sizes().picture(),
        };
        PictureFormat { channels, height, width }
    }

    /// The height and width that training keeps real pictures in: smaller ones are made of those.
    fn largest(&self) -> usize {
        match self {
            Self::Gan(generator) => generator.sizes().picture[1],
            Self::Progan(generator, _) => generator.sizes().resolution,
            Self::Folded(generator) => generator.sizes().resolution,
            Self::Vae(decoder) => decoder.sizes().side,
        }
    }

    /// The latent vectors of the pictures `first .. first + count` of a seed, the same as `sample` takes.
    fn latents(&self, seed: u64, first: usize, count: usize, device: &Device) -> Result<Tensor> {
        let latent = match self {
            Self::Gan(generator) => generator.sizes().latent(),
            Self::Progan(generator, _) => generator.sizes().latent(),
            Self::Folded(generator) => generator.sizes().latent(),
            Self::Vae(decoder) => decoder.sizes().latent(),
        };
        let values: Vec<f32> = (first..first + count).flat_map(|index| latent.draw(seed, index as u64)).collect();
        Ok(Tensor::from_vec(values, (count, latent.dim), device)?)
    }

    /// Pictures in [0, 1].
    fn pictures(&self, z: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Gan(generator) => generator.pictures(z)?,
            Self::Progan(generator, stage) => generator.pictures(z, *stage)?,
            Self::Folded(generator) => generator.pictures(z)?,
            Self::Vae(decoder) => decoder.pictures(z)?,
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

fn text(measures: &[Measure], verdict: Option<&Verdict>) -> String {
    let mut text = report::measures(measures, meaning) + LEGEND;
    if measures.iter().any(|measure| measure.name == "ms_ssim") {
        text += LEGEND_OF_SIMILARITY;
    }
    if let Some(verdict) = verdict {
        text += &format!("\n{}", report::measures(&verdict.measures, judge::meaning));
        text += judge::LEGEND;
        text += &verdict.tables();
    }
    text
}

const LEGEND: &str = "
The floor is what as many real pictures get in place of the generator's, the ceiling what noise gets.
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
