//! A classifier that judges made pictures beside real ones, whatever made them.

use std::path::Path;

use anyhow::{Result, bail};
use candle_core::Device;
use easel_train::data::{self, PictureFormat, Pictures, Source};
use easel_train::metrics::Measure;
use easel_train::metrics::features::{Features, Samples};
use easel_train::networks::Network;
use easel_train::networks::lenet::{Lenet, WIDTH};
use easel_train::trainers::judgement::{self, Judgement};
use easel_train::trainers::lenet::{load_unseen, relabelled};
use easel_train::weights::{self, WeightsFile};
use serde_json::{Value, json};

use super::{report, sheet};

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

/// What made pictures are compared with.
pub struct Beside<'a> {
    /// Real pictures, of the made ones' format.
    pub real: Pictures,
    /// The pictures that the model was trained on, of the same.
    pub training: Option<Pictures>,
    /// Where a sheet of the pictures that are nearest to those is drawn.
    pub sheet: Option<&'a Path>,
    /// The seed of what is drawn from all of them.
    pub seed: u64,
}

/// What was found.
pub struct Verdict {
    /// The numbers.
    pub measures: Vec<Measure>,
    /// How many of the pictures the distances are of.
    pub compared: usize,
    /// What the classifier takes them for.
    pub answers: Answers,
    classes: Vec<String>,
}

/// What the classifier takes pictures for, and real ones.
pub enum Answers {
    /// Of pictures whose classes are known.
    Judged([Judgement; 2]),
    /// How many of each class, of as many pictures whose classes are not.
    Counted([Vec<u64>; 2]),
}

impl<'a> Judge<'a> {
    /// Takes the shipped classifier or the one of a run, a checkpoint, a model file or a weights file.
    pub fn open(from: Option<&Path>, device: &'a Device) -> Result<Self> {
        let file = match from {
            None => WeightsFile::from_bytes(SHIPPED, Path::new(""))?,
            Some(path) => weights::open(path)?,
        };
        let Network::Lenet(network) = file.network(device)? else {
            bail!("{}: a {}, but a classifier is needed", file.path.display(), file.weights()?.architecture.name);
        };
        Ok(Self { classes: named(&file.classes, network.sizes().classes), network, device })
    }

    /// The classes' names.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.network.sizes().channels
    }

    /// Real pictures to compare with those of a format: of the source's test set where it has one.
    pub fn reals(&self, source: &Source, format: PictureFormat) -> Result<Pictures> {
        let real = relabelled(load_unseen(source, limited(format))?, &source.to_string(), &self.classes)?;
        real.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
        Ok(real)
    }

    /// The same of some classes, or of all where none is named, whether the classifier knows them or not.
    pub fn any_reals(&self, source: &Source, format: PictureFormat, only: &[String]) -> Result<Pictures> {
        Ok(load_unseen(source, limited(format))?.of_classes(only)?)
    }

    /// The pictures that a model was trained on, for those of a format.
    pub fn trained_on(&self, source: &Source, format: PictureFormat) -> Result<Pictures> {
        let training = data::load(source, limited(format))?;
        training.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
        Ok(training)
    }

    /// Judges pictures, and draws the sheet.
    pub fn judge(&self, made: Made, beside: &Beside) -> Result<Verdict> {
        let Made { pictures, labelled, .. } = made;
        let (format, real) = (limited(pictures.format), &beside.real);
        let pictures = pictures.fitted(format);
        let samples = Samples::draw(&pictures, real, &self.network, self.device, beside.seed)?;
        let mut measures = vec![];
        let answers = if labelled {
            let judge = |pictures| judgement::judge(&self.network, pictures, self.device);
            let [made, real] = [judge(&pictures)?, judge(real)?];
            let (value, floor) = (made.accuracy(), Some(real.accuracy()));
            measures.push(Measure { name: "accuracy".into(), value, floor, ceiling: None, spread: None });
            Answers::Judged([made, real])
        } else {
            Answers::Counted([&samples.judged, &samples.real].map(|sample| self.count(sample)))
        };
        measures.extend(samples.measures()?);
        if let Some(training) = &beside.training {
            let neighbours = samples.neighbours(&Features::of(training, &self.network, self.device)?)?;
            measures.push(neighbours.near());
            if let Some(path) = beside.sheet {
                sheet::write(path, [&pictures, real, training], &samples, &neighbours)?;
            }
        }
        let compared = samples.count();
        if compared < pictures.len() {
            eprintln!("note: the distances are those of {compared} of them: it takes twice as many real ones");
        }
        if compared <= WIDTH {
            eprintln!(
                "warning: {compared} pictures have no full covariance of {WIDTH} features, so the distance says little; \
                 thousands are best"
            );
        }
        Ok(Verdict { measures, compared, answers, classes: self.classes.clone() })
    }

    /// How many pictures are taken for each class.
    fn count(&self, sample: &Features) -> Vec<u64> {
        let mut counts = vec![0; self.classes.len()];
        sample.answers().iter().for_each(|answer| counts[*answer as usize] += 1);
        counts
    }

    /// Judges pictures and gives what is to be printed.
    pub fn eval(&self, made: Made, beside: &Beside, as_json: bool) -> Result<String> {
        let (about, facts, count) = (made.about.clone(), made.facts.clone(), made.pictures.len());
        let real = &beside.real;
        eprintln!("{about}: {count} pictures beside {} real ones from {}", real.len(), real.name);
        let verdict = self.judge(made, beside)?;
        if as_json {
            let metrics = report::measures_json(&verdict.measures);
            let mut object =
                json!({ "about": about, "data": real.name, "count": count, "metrics": metrics, "made": facts });
            verdict.add_to(&mut object, count);
            return Ok(format!("{object}\n"));
        }
        Ok(report::measures(&verdict.measures, meaning) + LEGEND + &verdict.tables())
    }
}

impl Verdict {
    /// What there is by class, for people.
    pub fn tables(&self) -> String {
        let tables = match &self.answers {
            Answers::Judged([made, real]) => report::classes(made, Some(real), &self.classes),
            Answers::Counted(counts) => report::shares(counts, &self.classes),
        };
        format!("\n{tables}")
    }

    /// The same for programs, and how many of `count` pictures were compared where these were not all.
    pub fn add_to(&self, object: &mut Value, count: usize) {
        if self.compared < count {
            object["compared"] = json!(self.compared);
        }
        object["classes"] = json!(self.classes);
        match &self.answers {
            Answers::Judged([made, _]) => object["confusion"] = json!(made.confusion),
            Answers::Counted([made, real]) => object["answers"] = json!({ "made": made, "real": real }),
        }
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

/// What the numbers are read by.
pub const LEGEND: &str = "
The floor is what real pictures get in place of these, the ceiling what noise gets. Distances of other numbers of
pictures, or by another classifier, cannot be compared. Noise may lie among a classifier's features of real pictures, so
precision is to be read with recall and the distances.
";

/// What a number is.
pub fn meaning(name: &str) -> String {
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
