//! A generator's pictures against real ones.

use std::path::Path;

use crate::progress::Progress;
use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use easel_console::tell;
use easel_runtime::polarity::Invert;
use easel_train::data::{PictureFormat, Pictures, Source, Store};
use easel_train::metrics::{Measurement, MetricTracker, bytes};
use easel_train::networks::{gan, progan, vae};
use easel_train::recipes::lenet::load_unseen;
use serde_json::{Value, json};

use super::evaluator::{self, Comparison, Evaluation, Evaluator, GeneratedSet, limited};
use super::report;

/// The most pixels of a channel in a batch.
const MOST_PIXELS: usize = 1 << 18;

/// The most pictures in a batch.
const MOST_PICTURES: usize = 64;

/// A generator of square pictures.
pub enum Generator {
    /// The vanilla GAN's.
    Gan(gan::Generator),
    /// ProGAN's at a stage of its growth.
    Progan(progan::Generator, progan::Stage),
    /// ProGAN's in the form of a model file.
    Folded(progan::Folded),
    /// A variational autoencoder's decoder.
    Vae(vae::Decoder),
}

/// What a generator is compared with, and how.
pub struct Options<'a> {
    /// The source of the real pictures.
    pub source: &'a Source,
    /// Their classes; empty for all.
    pub classes: &'a [String],
    /// How many pictures are compared with as many real ones.
    pub count: usize,
    /// The seed of the latent vectors and of the sets that are drawn.
    pub seed: u64,
    /// The classifier, where it is not the built-in one.
    pub classifier: Option<&'a Path>,
    /// Whether sets are inverted for the classifier.
    pub invert: Invert,
    /// The training pictures, to find near copies of them.
    pub training: Option<&'a Source>,
    /// Where the contact sheet of the closest pictures is written.
    pub contact_sheet: Option<&'a Path>,
}

/// Evaluates a generator, which is on the device, and gives the text or JSON to print.
pub fn eval(path: &Path, generator: &Generator, options: &Options, device: &Device, as_json: bool) -> Result<String> {
    let format = generator.format();
    let PictureFormat { channels, height, width } = format;
    if height != width {
        bail!(
            "{}: pictures of {width}x{height} are not square; draw them with `sample` and evaluate the folder",
            path.display()
        );
    }
    let store = Store::open(options.source, channels, generator.largest(), options.classes)?;
    let evaluator = options.evaluator(store.classes(), device)?;
    let tracker = MetricTracker::new(&*store.at(height), options.count, options.seed)?;
    report::tell_about(store.held());
    let (count, name) = (tracker.count(), store.name());
    if count < options.count {
        tell!(
            "note: {count} pictures are compared, not {}: {name} has {}, and memory is limited",
            options.count,
            store.len()
        );
    }
    let pixels = pictures(generator, count, options.seed, device)?;
    let measurements = tracker.measure_beside_noise(&pixels, options.seed)?;
    tell!("{}: {count} pictures of {width}x{height} against real ones from {name}", path.display());
    let generated = Pictures {
        format,
        pixels,
        labels: vec![0; count],
        classes: vec![],
        name: path.display().to_string(),
        skipped: 0,
        reasons: vec![],
        about: Default::default(),
    };
    let evaluation = evaluator.map(|evaluator| options.evaluate(&evaluator, generated)).transpose()?.flatten();
    if !as_json {
        return Ok(text(&measurements, evaluation.as_ref()));
    }
    let of_classifier = evaluation.iter().flat_map(|evaluation| &evaluation.measurements);
    let all: Vec<_> = measurements.iter().chain(of_classifier).cloned().collect();
    let mut object = report::evaluation_json(&format!("seed {}", options.seed), name, count, &all);
    object["made"] = json!({ "height": height, "width": width, "seed": options.seed });
    evaluation.iter().for_each(|evaluation| evaluation.add_to(&mut object, count));
    Ok(format!("{object}\n"))
}

impl Options<'_> {
    /// With the given classifier, or the built-in one where it knows all of the data's classes.
    fn evaluator<'a>(&self, classes: &[String], device: &'a Device) -> Result<Option<Evaluator<'a>>> {
        let evaluator = Evaluator::open(self.classifier, self.invert, device)?;
        if self.classifier.is_some() || classes.iter().all(|class| evaluator.classes().contains(class)) {
            return Ok(Some(evaluator));
        }
        let (data, known) = (self.source, evaluator.classes().join(", "));
        let why = format!("the built-in classifier only knows {known}");
        let advice = "give a run of `train lenet` on such pictures with --classifier";
        if self.training.is_some() {
            bail!("{data}: {why}, so near copies cannot be found; {advice}");
        }
        tell!("note: {data}: {why}, so there is no Fréchet distance, precision, recall or balance; {advice}");
        Ok(None)
    }

    /// The classifier's evaluation, if there are enough pictures.
    fn evaluate(&self, evaluator: &Evaluator, pictures: Pictures) -> Result<Option<Evaluation>> {
        let format = pictures.format;
        let real = evaluator.matched(load_unseen(self.source, limited(format))?.of_classes(self.classes)?);
        if (pictures.len() < 2 || real.len() < 4) && self.training.is_none() {
            tell!("note: too few pictures for the classifier; it takes 2, and 4 real ones");
            return Ok(None);
        }
        let training = self.training.map(|source| evaluator.training_pictures(source, format)).transpose()?;
        let generated = GeneratedSet { pictures, labelled: false, about: String::new(), facts: Value::Null };
        let comparison = Comparison { real, training, contact_sheet: self.contact_sheet, seed: self.seed };
        evaluator.evaluate(generated, &comparison).map(Some)
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

    /// The height and width at which training holds real pictures, and from which it makes smaller ones.
    fn largest(&self) -> usize {
        match self {
            Self::Gan(generator) => generator.sizes().picture[1],
            Self::Progan(generator, _) => generator.sizes().resolution,
            Self::Folded(generator) => generator.sizes().resolution,
            Self::Vae(decoder) => decoder.sizes().side,
        }
    }

    /// The latent vectors of the pictures `first .. first + count` of a seed, the same as those of `sample`.
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
    let batch = (MOST_PIXELS / (height * width)).clamp(1, MOST_PICTURES);
    let mut progress = Progress::new(count as u64, 0);
    let mut pixels = Vec::new();
    for first in (0..count).step_by(batch) {
        let z = generator.latents(seed, first, batch.min(count - first), device)?;
        pixels.extend(bytes(&generator.pictures(&z)?.detach())?);
        progress.update((first + batch).min(count) as u64, &[], &[]);
    }
    progress.finish();
    Ok(pixels)
}

fn text(measurements: &[Measurement], evaluation: Option<&Evaluation>) -> String {
    let mut text = report::measurements(measurements, meaning) + LEGEND;
    if measurements.iter().any(|measurement| measurement.name == "ms_ssim") {
        text += SIMILARITY_LEGEND;
    }
    if let Some(evaluation) = evaluation {
        text += &format!("\n{}", report::measurements(&evaluation.measurements, evaluator::meaning));
        text += evaluator::LEGEND;
        text += &evaluation.tables();
    }
    text
}

const LEGEND: &str = "
The baseline is the score of as many real pictures, noise that of noise.
swd: the closer to the baseline the better. The first row shows blur and noise, the following ones wrong
shapes; a collapsed generator is several times above the baseline in all of them.
";

const SIMILARITY_LEGEND: &str = "\
ms_ssim: best close to the baseline. Well above it the pictures are too similar, at 1 identical; below
it they differ more than real ones, as noise does.
";

fn meaning(name: &str) -> String {
    match name.strip_prefix("swd_") {
        Some(side) => format!("distance of the detail at {side}x{side}, times 1000"),
        None if name == "swd" => "mean of the above".into(),
        None => "similarity of the pictures to each other".into(),
    }
}
