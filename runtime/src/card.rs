//! The model card: the description embedded in an `.onnx` file.
//!
//! It is JSON under the metadata key [`METADATA_KEY`]. With it, a runtime needs nothing but the file.

mod diffusion;
mod evaluation;
mod picture;
mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::diffusion::{BetaSchedule, Prediction};
pub use self::evaluation::{Evaluation, MetricValue};
pub use self::picture::{PictureFormat, PictureSize};
pub use self::table::{Columns, TabularTask};
use crate::polarity::Border;
use crate::{Error, Result, onnx};

/// The key of the card in `metadata_props`.
pub const METADATA_KEY: &str = "easel";

/// The schema version that this build writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// What a model is and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The version of the card's format: [`SCHEMA`] when written.
    pub schema: u32,
    /// A human-readable title.
    pub title: String,
    /// The kind of model, with its inputs and outputs.
    #[serde(flatten)]
    pub kind: Kind,
    /// The network's name and sizes.
    pub architecture: Architecture,
    /// The pictures that the model takes or returns. Every kind but [`Kind::Tabular`] has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureFormat>,
    /// The class names by label, if the model has classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The names of the table's columns, if the model was trained on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Where the weights came from.
    pub provenance: Provenance,
    /// The licence of the weights, an SPDX expression or `unknown`.
    pub licence: String,
    /// How the export was verified.
    pub verification: Verification,
    /// Evaluation results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
    /// Elements of the model's output for the inputs of [`crate::golden`], to verify an engine with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub golden: Vec<f32>,
    /// A picture that the model made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

/// A picture that the model made, to show beside its title.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// A caption.
    pub about: String,
    /// `image/jpeg`.
    pub media_type: String,
    /// The picture file in base64 (RFC 4648, section 4).
    pub base64: String,
}

/// The kinds of model, each with the fields that only it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// `z [batch, dim] -> image [batch, channel, height, width]`.
    Generator {
        /// The latent vector.
        latent: Latent,
    },
    /// `image [batch, 3, height, width] -> stylized`, the same shape.
    Stylizer,
    /// `image [batch, channel, height, width] -> logits [batch, class_count]`.
    Classifier {
        /// The number of classes. If the card has class names, there are as many.
        class_count: usize,
    },
    /// `x [batch, channel, height, width], t [batch], label [batch] -> prediction`: x is a noisy picture in `[-1, 1]`, t
    /// the timestep; t and label are int64.
    Denoiser {
        /// The number of classes. If the card has class names, there are as many.
        class_count: usize,
        /// The beta schedule.
        schedule: BetaSchedule,
        /// What the network predicts.
        prediction: Prediction,
        /// The label of the unconditional prediction, if the network was trained with condition dropout.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        null_label: Option<usize>,
    },
    /// `features [batch, column_count] -> logits [batch, class_count]` or, for regression, `prediction [batch, 1]`. The
    /// features are rows of a table, in the units of its columns.
    Tabular {
        /// The number of feature columns. If the card has column names, there are as many.
        column_count: usize,
        /// What is predicted from them.
        #[serde(flatten)]
        task: TabularTask,
    },
}

impl Kind {
    /// The kind's name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Generator { .. } => "generator",
            Kind::Stylizer => "stylizer",
            Kind::Classifier { .. } => "classifier",
            Kind::Denoiser { .. } => "denoiser",
            Kind::Tabular { .. } => "tabular model",
        }
    }

    /// The number of classes, if the model has classes.
    pub fn class_count(&self) -> Option<usize> {
        match *self {
            Kind::Classifier { class_count } | Kind::Denoiser { class_count, .. } => Some(class_count),
            Kind::Tabular { task: TabularTask::Classification { class_count }, .. } => Some(class_count),
            Kind::Generator { .. } | Kind::Stylizer | Kind::Tabular { task: TabularTask::Regression, .. } => None,
        }
    }
}

/// A generator's latent vector: its length and the distribution of its elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latent {
    /// The number of elements.
    pub dim: usize,
    /// The elements' distribution.
    #[serde(flatten)]
    pub distribution: Distribution,
}

/// A distribution of independent elements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "distribution", rename_all = "kebab-case")]
pub enum Distribution {
    /// Uniform in the open interval (low, high).
    Uniform {
        /// The lower end.
        low: f32,
        /// The upper end.
        high: f32,
    },
    /// Normal with mean 0 and variance 1.
    Normal,
}

/// A network's name and sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// `vanilla-gan`, `fast-style-transfer`, ...
    pub name: String,
    /// The sizes by name, which together with the network's name determine it: `z_dim`, `hidden`, `width`, ...
    pub sizes: BTreeMap<String, Value>,
}

/// Where weights came from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The name of the training run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The data set's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The borders of a classifier's training pictures, which show whether those were light on dark or dark on light.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<Border>,
    /// A stylizer's style picture: its file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// The number of optimiser steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// The seed of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// SHA-256 of the weights file, hexadecimal; empty, and not written, in that file itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weights_sha256: String,
    /// The program and its version.
    pub program: String,
}

/// How closely the exported graph was found to match the trained network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Verification {
    /// The engine that ran the graph: `ONNX Runtime 1.31.1`.
    pub engine: String,
    /// The largest absolute difference between output elements, for pictures in `[0, 1]`. For regression it is relative to
    /// the target's standard deviation or mean, whichever is larger.
    pub max_difference: f64,
    /// The shapes of the inputs that it was run on.
    pub shapes: Vec<Vec<usize>>,
    /// If weights are stored in half precision: the largest difference that their rounding made to an output element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<f64>,
    /// If the model is quantised to int8: how close it is to the float32 model. `max_difference` and `shapes` are then
    /// those of the evaluation pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub int8: Option<Int8>,
}

/// The accuracy of int8 quantisation, on pictures that were not used for calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Int8 {
    /// The number of calibration pictures.
    pub calibrated_on: usize,
    /// The number of evaluation pictures.
    #[serde(rename = "judged_on")]
    pub evaluated_on: usize,
    /// The peak signal-to-noise ratio over all evaluation pictures, in decibels.
    pub psnr: f64,
    /// The lowest PSNR of a single picture.
    pub worst_psnr: f64,
}

impl ModelCard {
    /// Reads the card of an ONNX file from its bytes.
    pub fn from_model(model: &[u8]) -> Result<Self> {
        let entries = onnx::metadata(model)?;
        let json = entries.into_iter().find(|(key, _)| key == METADATA_KEY).ok_or(Error::NoCard)?.1;
        Self::from_json(&json)
    }

    /// Reads a card from its JSON.
    pub fn from_json(json: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(json).map_err(|e| Error::BadCard(e.to_string()))?;
        // The schema is checked first: a newer card may have values that this build cannot parse.
        match value.get("schema").and_then(Value::as_u64) {
            Some(found) if found > u64::from(SCHEMA) => {
                return Err(Error::NewerCard { found: u32::try_from(found).unwrap_or(u32::MAX), known: SCHEMA });
            }
            Some(_) => {}
            None => return Err(Error::BadCard("it has no schema number".into())),
        }
        let card: Self = serde_json::from_value(value).map_err(|e| Error::BadCard(e.to_string()))?;
        card.check()?;
        Ok(card)
    }

    /// The card as JSON; equal cards give equal bytes.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a card has only string keys")
    }

    /// A generator's latent vector. Fails if the model is of another kind.
    pub fn latent(&self) -> Result<&Latent> {
        match &self.kind {
            Kind::Generator { latent } => Ok(latent),
            other => Err(Error::WrongKind { found: other.name(), wanted: "generator" }),
        }
    }

    /// The pictures that the model takes or returns. Fails if it has none.
    pub fn pictures(&self) -> Result<&PictureFormat> {
        let none = || Error::BadCard(format!("a {} without a picture format", self.kind.name()));
        self.picture.as_ref().ok_or_else(none)
    }

    fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::BadCard(what));
        if !matches!(self.kind, Kind::Tabular { .. }) {
            self.pictures()?.check()?;
        }
        if let Some(class_count) = self.kind.class_count() {
            if !(1..=1 << 20).contains(&class_count) {
                return bad(format!("a {} of {class_count} classes", self.kind.name()));
            }
            if !self.classes.is_empty() && self.classes.len() != class_count {
                return bad(format!("{} names for {class_count} classes", self.classes.len()));
            }
        }
        match &self.kind {
            Kind::Generator { latent } if !(1..=1 << 20).contains(&latent.dim) => {
                bad(format!("a latent vector of {} elements", latent.dim))
            }
            &Kind::Denoiser { class_count, null_label: Some(null), .. } if null != class_count => {
                bad(format!("the null label {null} for {class_count} classes; it must be {class_count}"))
            }
            Kind::Denoiser { schedule, .. } => {
                schedule.schedule().map(drop).or_else(|error| bad(format!("its beta schedule: {error}")))
            }
            &Kind::Tabular { column_count, .. } => self.check_columns(column_count),
            _ => Ok(()),
        }
    }

    fn check_columns(&self, count: usize) -> Result<()> {
        if !(1..=1 << 20).contains(&count) {
            return Err(Error::BadCard(format!("a table of {count} columns")));
        }
        match &self.columns {
            Some(columns) if columns.features.len() != count => {
                Err(Error::BadCard(format!("{} names for {count} columns", columns.features.len())))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
impl ModelCard {
    /// The card of a generator.
    pub(crate) fn example() -> Self {
        Self {
            schema: SCHEMA,
            title: "Digits".into(),
            kind: Kind::Generator {
                latent: Latent { dim: 100, distribution: Distribution::Uniform { low: -1.0, high: 1.0 } },
            },
            architecture: Architecture {
                name: "vanilla-gan".into(),
                sizes: [("z_dim".to_string(), Value::from(100))].into(),
            },
            picture: Some(PictureFormat { channels: 1, size: PictureSize::Fixed { height: 28, width: 28 } }),
            classes: vec![],
            columns: None,
            provenance: Provenance::default(),
            licence: "MIT".into(),
            verification: Verification::default(),
            evaluations: vec![Evaluation {
                about: "DDIM".into(),
                data: "digits".into(),
                count: 100,
                compared: None,
                metrics: [(
                    "accuracy".to_string(),
                    MetricValue { value: 0.5, baseline: Some(1.0), noise_baseline: None, std: None },
                )]
                .into(),
            }],
            golden: vec![0.25, -1e-7],
            sample: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_json() {
        assert_eq!(ModelCard::from_json(&ModelCard::example().to_json()).unwrap(), ModelCard::example());
    }

    #[test]
    fn a_newer_schema_is_reported() {
        let json = r#"{"schema": 7, "kind": "hologram"}"#;
        assert_eq!(ModelCard::from_json(json), Err(Error::NewerCard { found: 7, known: SCHEMA }));
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let size = PictureSize::Fixed { height: 28, width: 28 };
        let huge = PictureSize::Fixed { height: 1 << 30, width: 28 };
        for picture in
            [None, Some(PictureFormat { channels: 1, size: huge }), Some(PictureFormat { channels: 4, size })]
        {
            let absurd = ModelCard { picture, ..ModelCard::example() };
            assert!(ModelCard::from_json(&absurd.to_json()).is_err());
        }
    }

    #[test]
    fn class_names_must_match_the_class_count() {
        let classifier = |class_count, names: &[&str]| ModelCard {
            kind: Kind::Classifier { class_count },
            classes: names.iter().map(|name| name.to_string()).collect(),
            ..ModelCard::example()
        };
        let read = |card: ModelCard| ModelCard::from_json(&card.to_json());
        assert_eq!(read(classifier(2, &["cat", "dog"])).unwrap(), classifier(2, &["cat", "dog"]));
        assert!(read(classifier(2, &[])).is_ok());
        assert!(read(classifier(0, &[])).is_err());
        assert!(read(classifier(3, &["cat", "dog"])).unwrap_err().to_string().contains("2 names for 3 classes"));
    }

    #[test]
    fn a_tabular_model_has_columns_and_no_pictures() {
        let table = |task, features: &[&str]| ModelCard {
            kind: Kind::Tabular { column_count: 2, task },
            picture: None,
            columns: Some(Columns {
                features: features.iter().map(|name| name.to_string()).collect(),
                target: "kind".into(),
            }),
            ..ModelCard::example()
        };
        for task in [TabularTask::Regression, TabularTask::Classification { class_count: 3 }] {
            let card = table(task, &["long", "wide"]);
            assert_eq!(ModelCard::from_json(&card.to_json()).unwrap(), card);
            assert!(card.pictures().is_err());
            let error = ModelCard::from_json(&table(task, &["long"]).to_json()).unwrap_err().to_string();
            assert!(error.contains("1 names for 2 columns"), "{error}");
        }
        let card = table(TabularTask::Classification { class_count: 3 }, &["long", "wide"]);
        let error = ModelCard::from_json(&ModelCard { classes: vec!["rose".into()], ..card }.to_json()).unwrap_err();
        assert!(error.to_string().contains("1 names for 3 classes"), "{error}");
    }

    #[test]
    fn the_null_label_follows_the_class_labels() {
        let denoiser = |null_label| ModelCard {
            kind: Kind::Denoiser {
                class_count: 3,
                schedule: BetaSchedule::Linear { steps: 10, start: 0.01, end: 0.2 },
                prediction: Prediction::Noise,
                null_label,
            },
            ..ModelCard::example()
        };
        for (null_label, right) in [(None, true), (Some(3), true), (Some(1), false), (Some(4), false)] {
            assert_eq!(ModelCard::from_json(&denoiser(null_label).to_json()).is_ok(), right, "{null_label:?}");
        }
    }

    #[test]
    fn a_generator_is_no_stylizer() {
        let stylizer = ModelCard { kind: Kind::Stylizer, ..ModelCard::example() };
        assert!(stylizer.latent().unwrap_err().to_string().contains("stylizer"));
    }
}
