//! A classifier that evaluates pictures from any source against real ones.

use std::path::Path;

use anyhow::{Result, bail};
use candle_core::Device;
use easel_console::tell;
use easel_runtime::PolarityMatcher;
use easel_runtime::polarity::{Border, Invert};
use easel_train::data::{self, PictureFormat, Pictures, Source};
use easel_train::metrics::{Classification, Features, Measurement, SampleSets, classification};
use easel_train::networks::Network;
use easel_train::networks::lenet::{Lenet, WIDTH};
use easel_train::recipes::lenet::{load_unseen, relabelled};
use easel_train::weights::{self, WeightsFile};
use serde_json::{Value, json};

use super::{contact_sheet, report};

/// The built-in classifier, of MNIST's digits.
const BUILT_IN: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/lenet-mnist.onnx"));

/// Real pictures are first resized to the size of those that are evaluated, up to this one: a classifier would see no
/// difference above it.
const LARGEST: usize = 128;

/// A classifier and its device.
pub struct Evaluator<'a> {
    network: Lenet,
    classes: Vec<String>,
    invert: Invert,
    border: Option<Border>,
    device: &'a Device,
}

/// Pictures that are evaluated.
pub struct GeneratedSet {
    /// The pictures, all of one size.
    pub pictures: Pictures,
    /// Whether their labels are known; if so, they are the classifier's.
    pub labelled: bool,
    /// A description of the pictures: the folder's name, or how they were drawn.
    pub about: String,
    /// The same as JSON.
    pub facts: Value,
}

/// What pictures are compared with.
pub struct Comparison<'a> {
    /// Real pictures of the same format.
    pub real: Pictures,
    /// The model's training pictures, of the same format.
    pub training: Option<Pictures>,
    /// Where the contact sheet of the closest pictures is written.
    pub contact_sheet: Option<&'a Path>,
    /// The seed of the sets that are drawn.
    pub seed: u64,
}

/// The result of an evaluation.
pub struct Evaluation {
    /// The metrics.
    pub measurements: Vec<Measurement>,
    /// The number of pictures in each set that the distances are of.
    pub compared: usize,
    /// The classifier's predictions.
    pub predictions: Predictions,
    classes: Vec<String>,
}

/// What a classifier predicts of generated and of real pictures.
pub enum Predictions {
    /// Of pictures with known classes.
    Labelled([Classification; 2]),
    /// The number of pictures predicted as each class.
    Unlabelled([Vec<u64>; 2]),
}

impl<'a> Evaluator<'a> {
    /// With the built-in classifier, or that of a run, a checkpoint, a model file or a weights file.
    pub fn open(from: Option<&Path>, invert: Invert, device: &'a Device) -> Result<Self> {
        let file = match from {
            None => WeightsFile::from_bytes(BUILT_IN, Path::new(""))?,
            Some(path) => weights::open(path)?,
        };
        file.notes.iter().for_each(|note| tell!("note: {note}"));
        let Network::Lenet(network) = file.network(device)? else {
            let found = &file.weights()?.architecture.name;
            bail!("{}: a {found} is not a classifier; give a run of `train lenet`", file.path.display());
        };
        let classes = class_names(&file.classes, network.sizes().classes);
        Ok(Self { classes, invert, border: file.provenance.border, network, device })
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.network.sizes().channels
    }

    /// Real pictures to compare with those of a format, from the source's test set where it has one. Their labels are the
    /// classifier's.
    pub fn real_pictures(&self, source: &Source, format: PictureFormat) -> Result<Pictures> {
        let real = relabelled(load_unseen(source, limited(format))?, &source.to_string(), &self.classes)?;
        report::tell_about(&real);
        Ok(self.matched(real))
    }

    /// Pictures with the polarity of the classifier's training pictures. A set is inverted as a whole, so that single
    /// pictures of the wrong polarity count against a generator.
    pub fn matched(&self, mut pictures: Pictures) -> Pictures {
        let mut polarity = PolarityMatcher::new(self.invert, self.border, self.channels());
        let (count, PictureFormat { height, width, .. }) = (pictures.len(), pictures.format);
        polarity.apply_to_set(&mut pictures.pixels, count, [height, width]);
        polarity.notes().iter().for_each(|note| tell!("note: {}: {note}", pictures.name));
        pictures
    }

    /// The model's training pictures, to compare with those of a format.
    pub fn training_pictures(&self, source: &Source, format: PictureFormat) -> Result<Pictures> {
        let training = data::load(source, limited(format))?;
        report::tell_about(&training);
        Ok(self.matched(training))
    }

    /// Evaluates pictures, and writes the contact sheet.
    pub fn evaluate(&self, generated: GeneratedSet, comparison: &Comparison) -> Result<Evaluation> {
        let GeneratedSet { pictures, labelled, .. } = generated;
        let (format, real) = (limited(pictures.format), &comparison.real);
        let pictures = self.matched(pictures.fitted(format));
        let sets = SampleSets::draw(&pictures, real, &self.network, self.device, comparison.seed)?;
        let mut measurements = vec![];
        let predictions = if labelled {
            let evaluate = |pictures| classification::evaluate(&self.network, pictures, self.device);
            let [generated, real] = [evaluate(&pictures)?, evaluate(real)?];
            let [value, baseline] = [&generated, &real].map(|found| found.confusion.accuracy());
            measurements.push(Measurement::new("accuracy", value, Some(baseline)));
            Predictions::Labelled([generated, real])
        } else {
            let count = |sample: &Features| sample.class_counts(self.classes.len());
            Predictions::Unlabelled([&sets.generated, &sets.reference].map(count))
        };
        measurements.extend(sets.measure()?);
        if let Some(training) = &comparison.training {
            let neighbours = sets.neighbours(&Features::of(training, &self.network, self.device)?)?;
            measurements.push(neighbours.measure());
            if let Some(path) = comparison.contact_sheet {
                contact_sheet::write(path, [&pictures, real, training], &sets, &neighbours)?;
            }
        }
        let compared = sets.count();
        if compared < pictures.len() {
            tell!(
                "note: the distances are of {compared} of {} pictures, since they take twice as many real ones",
                pictures.len()
            );
        }
        if compared <= WIDTH {
            tell!(
                "warning: {compared} pictures have no full covariance of {WIDTH} features, so the Fréchet distance is \
                 unreliable; compare thousands"
            );
        }
        Ok(Evaluation { measurements, compared, predictions, classes: self.classes.clone() })
    }

    /// Evaluates pictures and gives the text or JSON to print.
    pub fn report(&self, generated: GeneratedSet, comparison: &Comparison, as_json: bool) -> Result<String> {
        let (about, facts, count) = (generated.about.clone(), generated.facts.clone(), generated.pictures.len());
        let real = &comparison.real;
        tell!("{about}: {count} pictures against {} real ones from {}", real.len(), real.name);
        let evaluation = self.evaluate(generated, comparison)?;
        if as_json {
            let mut object = report::evaluation_json(&about, &real.name, count, &evaluation.measurements);
            object["made"] = facts;
            evaluation.add_to(&mut object, count);
            return Ok(format!("{object}\n"));
        }
        Ok(report::measurements(&evaluation.measurements, meaning) + LEGEND + &evaluation.tables())
    }
}

impl Evaluation {
    /// The predictions by class as text.
    pub fn tables(&self) -> String {
        let tables = match &self.predictions {
            Predictions::Labelled([generated, real]) => {
                report::classes(&generated.confusion, Some(&real.confusion), &self.classes)
            }
            Predictions::Unlabelled(counts) => report::shares(counts, &self.classes),
        };
        format!("\n{tables}")
    }

    /// Adds the predictions to the JSON, and how many of `count` pictures were compared where not all were.
    pub fn add_to(&self, object: &mut Value, count: usize) {
        if self.compared < count {
            object["compared"] = json!(self.compared);
        }
        object["classes"] = json!(self.classes);
        match &self.predictions {
            Predictions::Labelled([generated, _]) => object["confusion"] = json!(generated.confusion.rows()),
            Predictions::Unlabelled([generated, real]) => {
                object["answers"] = json!({ "made": generated, "real": real });
            }
        }
    }
}

/// A name for each class, its number where there is none.
pub fn class_names(names: &[String], count: usize) -> Vec<String> {
    (0..count).map(|label| names.get(label).cloned().unwrap_or_else(|| label.to_string())).collect()
}

/// The format in which pictures of a format are held.
pub fn limited(format: PictureFormat) -> PictureFormat {
    let PictureFormat { channels, height, width } = format;
    PictureFormat { channels, height: height.min(LARGEST), width: width.min(LARGEST) }
}

/// How to read the metrics.
pub const LEGEND: &str = "
The baseline is the score of real pictures, noise that of noise. Distances depend on the number of pictures and on the
classifier; compare only those where both are equal. The features of noise may lie among those of real pictures, so read
precision together with recall and the distances.
";

/// What a metric measures.
pub fn meaning(name: &str) -> String {
    match name {
        "accuracy" => "share that the classifier assigns to the right class".into(),
        "frechet" => format!("Fr\u{e9}chet distance of the classifier's {WIDTH} features"),
        "kernel" => "kernel distance of the features; 0 for equal distributions".into(),
        "precision" => "share on the manifold of real pictures: quality".into(),
        "recall" => "share of real pictures on the manifold of these: coverage".into(),
        "balance" => "distance between the class distributions, 0 to 1".into(),
        _ => "share as close to a training picture as the closest 1 % of real ones: copies".into(),
    }
}
