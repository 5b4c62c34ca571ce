//! A classifier that judges made pictures beside real ones, whatever made them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use easel_runtime::{Error, ModelCard};
use easel_train::Weights;
use easel_train::data::{self, PictureFormat, Pictures, Source};
use easel_train::metrics::Measure;
use easel_train::metrics::features::{self, Features, Samples};
use easel_train::networks::Network;
use easel_train::networks::lenet::{Lenet, WIDTH};
use easel_train::run::Checkpoint;
use easel_train::trainers::judgement;
use easel_train::trainers::lenet::load_test;
use serde_json::{Value, json};

use super::{checkpoint_of, report};

/// The classifier that is there without a file: of MNIST's digits.
const SHIPPED: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/lenet-mnist.onnx"));

/// Real pictures are first brought to the size of the judged ones, up to this one: above it, that changes nothing that
/// the classifier could see.
const LARGEST: usize = 128;

/// The classifier.
pub struct Judge<'a> {
    network: Lenet,
    classes: Vec<String>,
    device: &'a Device,
}

/// Pictures to be judged.
pub struct Made {
    /// All of one size. Their labels are the judge's, where they are known.
    pub pictures: Pictures,
    /// Whether they are.
    pub labelled: bool,
    /// What the pictures are, for people: their folder's name, or how they were made.
    pub about: String,
    /// The same for programs.
    pub facts: Value,
}

impl<'a> Judge<'a> {
    /// Takes the shipped classifier or the one of a run, a checkpoint, a model file or a weights file.
    pub fn open(from: Option<&Path>, device: &'a Device) -> Result<Self> {
        let (weights, classes) = match from {
            None => of_model(SHIPPED, &ModelCard::from_model(SHIPPED)?)?,
            Some(path) => read(path)?,
        };
        let Network::Lenet(network) = Network::on(&weights.architecture, &weights.tensors, device)? else {
            let found = &weights.architecture.name;
            bail!("{}: a {found}, but a classifier is needed", from.unwrap_or(Path::new("")).display());
        };
        Ok(Self { classes: named(&classes, network.sizes().classes), network, device })
    }

    /// The classes' names.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.network.sizes().channels
    }

    /// The real pictures to compare with, after they were like the judged ones, of this format.
    pub fn reals(&self, source: &Source, format: PictureFormat) -> Result<Pictures> {
        let real = load_test(source, limited(format), &self.classes)?;
        real.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
        Ok(real.fitted(features::format(&self.network)))
    }

    /// The pictures that a model was trained on, after they were like the judged ones, of this format.
    pub fn trained_on(&self, source: &Source, format: PictureFormat) -> Result<Pictures> {
        let training = data::load(source, limited(format))?;
        training.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
        Ok(training.fitted(features::format(&self.network)))
    }

    /// Judges pictures and gives what is to be printed. The seed is of what is drawn from them and the real ones.
    pub fn eval(
        &self,
        made: Made,
        real: &Pictures,
        training: Option<&Pictures>,
        seed: u64,
        as_json: bool,
    ) -> Result<String> {
        let Made { pictures, labelled, about, facts } = made;
        let size = limited(pictures.format);
        let pictures = pictures.fitted(size).fitted(features::format(&self.network));
        let samples = Samples::draw(&pictures, real, &self.network, self.device, seed)?;
        let mut measures = vec![];
        let judge = |pictures| judgement::judge(&self.network, pictures, self.device);
        let judged = if labelled { Some((judge(&pictures)?, judge(real)?)) } else { None };
        if let Some((made, real)) = &judged {
            let (value, floor) = (made.accuracy(), Some(real.accuracy()));
            measures.push(Measure { name: "accuracy".into(), value, floor, ceiling: None, spread: None });
        }
        measures.extend(samples.measures()?);
        if let Some(training) = training {
            measures.push(samples.near(&Features::of(training, &self.network, self.device)?)?);
        }

        let (count, compared) = (pictures.len(), samples.count());
        eprintln!("{about}: {count} pictures beside {} real ones from {}", real.len(), real.name);
        if compared < count {
            eprintln!("note: the distances are those of {compared} of them: it takes twice as many real ones");
        }
        if compared <= WIDTH {
            eprintln!(
                "warning: {compared} pictures have no full covariance of {WIDTH} features, so the distance says little; \
                 thousands are best"
            );
        }
        if as_json {
            let metrics = report::measures_json(&measures);
            let mut object =
                json!({ "about": about, "data": real.name, "count": count, "metrics": metrics, "made": facts });
            if compared < count {
                object["compared"] = json!(compared);
            }
            if let Some((made, _)) = &judged {
                object["classes"] = json!(self.classes);
                object["confusion"] = json!(made.confusion);
            }
            return Ok(format!("{object}\n"));
        }
        let mut text = report::measures(&measures, meaning) + LEGEND;
        if let Some((made, real)) = &judged {
            text.push('\n');
            text += &report::classes(made, Some(real), &self.classes);
        }
        Ok(text)
    }
}

/// A name for each class: its number where there are no names.
pub fn named(names: &[String], count: usize) -> Vec<String> {
    (0..count).map(|label| names.get(label).cloned().unwrap_or_else(|| label.to_string())).collect()
}

/// The size at which pictures are held.
pub fn limited(format: PictureFormat) -> PictureFormat {
    let PictureFormat { channels, height, width } = format;
    PictureFormat { channels, height: height.min(LARGEST), width: width.min(LARGEST) }
}

const LEGEND: &str = "
The floor is what real pictures get in place of these, the ceiling what noise gets. Distances of other numbers of
pictures, or by another classifier, cannot be compared.
";

fn meaning(name: &str) -> String {
    match name {
        "accuracy" => "the part that the classifier takes for what it should be".into(),
        "frechet" => format!("Fr\u{e9}chet distance of the classifier's {WIDTH} features"),
        "kernel" => "kernel distance of the same; 0 is the same distribution".into(),
        "precision" => "the part that lies where real ones do: how good they are".into(),
        "recall" => "the part of real ones that lies where these do: how much is left out".into(),
        "balance" => "the part that would have to be of another class to be as real ones are".into(),
        _ => "the part as near to a picture of the training data as 1 % of real ones: copies".into(),
    }
}

/// A classifier's weights, and its classes' names as far as they are known.
fn read(path: &Path) -> Result<(Weights, Vec<String>)> {
    if let Some(folder) = checkpoint_of(path)? {
        let Checkpoint { architecture, weights, record, .. } = Checkpoint::load(&folder)?;
        return Ok((Weights { architecture, provenance: record.provenance, tensors: weights }, record.classes));
    }
    let at = || path.display().to_string();
    let bytes = std::fs::read(path)
        .with_context(|| format!("{}: cannot read; give a run, a checkpoint, an .onnx or a .safetensors", at()))?;
    match ModelCard::from_model(&bytes) {
        Ok(card) => of_model(&bytes, &card).with_context(at),
        Err(Error::NotOnnx(_)) => Ok((Weights::from_bytes(&bytes, path)?, vec![])),
        Err(error) => Err(error).with_context(at),
    }
}

fn of_model(bytes: &[u8], card: &ModelCard) -> Result<(Weights, Vec<String>)> {
    Ok((Weights::from_model(bytes, card)?, card.classes.clone()))
}
