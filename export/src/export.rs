//! The way from a network to a verified file.

use std::path::{Path, PathBuf};

use candle_onnx::onnx;
use easel_runtime::card::{
    Architecture, Columns, Evaluation, Int8, Kind, METADATA_KEY, Provenance, SCHEMA, Verification,
};
use easel_runtime::{ModelCard, golden};
use easel_train::networks::style::Stylizer;
use prost::Message;

use crate::models::Exportable;
use crate::quantise::{Pictures, quantise};
use crate::sample::sample;
use crate::verify::{self, verify};
use crate::{Error, Graph, NormForm, Result, Storage};

/// How to export.
#[derive(Debug, Clone)]
pub struct Options {
    /// How instance normalisation is written.
    pub norms: NormForm,
    /// How weights are stored. With [`Storage::Half`] the network is to have the weights that are stored
    /// ([`Storage::stored`]): it is what the file is verified against.
    pub storage: Storage,
    /// Where weights are stored rounded: how far that took the network's outputs ([`distance`](crate::storage::distance)), for the card.
    pub rounding: Option<f64>,
    /// A title instead of the network's own.
    pub title: Option<String>,
    /// The licence of the weights, an SPDX expression.
    pub licence: String,
    /// Who made the weights.
    pub author: Option<String>,
    /// The names of the data's classes by label. A model that knows classes takes them into its card; there may be none.
    pub classes: Vec<String>,
    /// The names of the data's columns. A tabular model takes them into its card; there may be none.
    pub columns: Option<Columns>,
    /// How good what it makes was found to be, for the card.
    pub evaluations: Vec<Evaluation>,
    /// ONNX Runtime's library, where it is not in one of the usual places.
    pub library: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            norms: NormForm::default(),
            storage: Storage::default(),
            rounding: None,
            title: None,
            licence: "unknown".into(),
            author: None,
            classes: Vec::new(),
            columns: None,
            evaluations: Vec::new(),
            library: None,
        }
    }
}

/// A model file that has been verified.
pub struct Exported {
    /// The file's bytes, the same for the same network and options.
    pub bytes: Vec<u8>,
    /// The card inside.
    pub card: ModelCard,
}

/// Records the network, verifies the result and gives the file. Nothing is written.
pub fn export(
    network: &dyn Exportable,
    architecture: Architecture,
    provenance: Provenance,
    options: &Options,
) -> Result<Exported> {
    let graph = Graph::new(options.norms, options.storage);
    network.record(&graph)?;
    let mut card = unverified(network, architecture, provenance, options)?;
    let found = verify(&to_bytes(&graph, &card, options), network, options.library.as_deref())?;
    card.verification = Verification { rounding: options.rounding.map(two_digits), ..rounded(found) };
    finish(&graph, card, options)
}

/// Records a stylizer in eight bits, with ranges taken from some pictures, and judges it on others. How norms and
/// weights are written is not for the options to say here. Nothing is written.
///
/// Fails below `least` decibels.
pub fn export_int8(
    network: &Stylizer,
    architecture: Architecture,
    provenance: Provenance,
    pictures: &Pictures,
    least: f64,
    options: &Options,
) -> Result<Exported> {
    let graph = Graph::new(NormForm::Statistics, Storage::Float32);
    network.record(&graph)?;
    let mut card = unverified(network, architecture, provenance, options)?;
    let whole = to_bytes(&graph, &card, options);
    verify(&whole, network, options.library.as_deref())?;
    let (graph, found) = quantise(network, &whole, pictures, options.library.as_deref())?;
    let decibels = |value: f64| (value * 100.0).round() / 100.0;
    let int8 = found.int8.map(|int8| Int8 { psnr: decibels(int8.psnr), worst_psnr: decibels(int8.worst_psnr), ..int8 });
    card.verification = Verification { int8, ..rounded(found) };
    match int8 {
        // Written so that NaN fails.
        Some(int8) if int8.psnr >= least => finish(&graph, card, options),
        _ => Err(Error::Verification(format!(
            "in eight bits it is {:.2} dB from float32 on {} pictures that it was not calibrated on (at least {least} is \
             wanted); calibrate it on more pictures of the kind it is for, or write it all the same with --force",
            int8.map_or(f64::NAN, |int8| int8.psnr),
            pictures.judged.len()
        ))),
    }
}

/// The card of a network whose file was not looked at yet.
fn unverified(
    network: &dyn Exportable,
    architecture: Architecture,
    provenance: Provenance,
    options: &Options,
) -> Result<ModelCard> {
    Ok(ModelCard {
        schema: SCHEMA,
        title: options.title.clone().unwrap_or_else(|| network.title()),
        kind: network.kind(),
        architecture,
        picture: network.picture(),
        classes: class_names(&network.kind(), &options.classes)?,
        columns: column_names(&network.kind(), options.columns.as_ref())?,
        provenance,
        licence: options.licence.clone(),
        verification: Verification::default(),
        evaluations: options.evaluations.clone(),
        golden: Vec::new(),
        sample: None,
    })
}

/// The file, with what a verified model makes in its card.
fn finish(graph: &Graph, mut card: ModelCard, options: &Options) -> Result<Exported> {
    let (bytes, library) = (to_bytes(graph, &card, options), options.library.as_deref());
    card.golden = golden_of(&bytes, &card, library)?;
    card.sample = sample(&bytes, &card.kind, library)?;
    Ok(Exported { bytes: to_bytes(graph, &card, options), card })
}

/// A finished file, verified anew, with a card that says what was found; all else in it stays.
pub fn update(model: &[u8], library: Option<&Path>) -> Result<Exported> {
    let found = verify::verify_file(model, library)?;
    let mut card = ModelCard::from_model(model)?;
    card.verification = Verification { rounding: card.verification.rounding, ..rounded(found) };
    card.golden = golden_of(model, &card, library)?;
    card.sample = sample(model, &card.kind, library)?;
    let mut proto = onnx::ModelProto::decode(model).map_err(|error| Error::Source(error.to_string()))?;
    for entry in proto.metadata_props.iter_mut().filter(|entry| entry.key == METADATA_KEY) {
        entry.value = card.to_json();
    }
    Ok(Exported { bytes: proto.encode_to_vec(), card })
}

fn rounded(found: Verification) -> Verification {
    Verification { max_difference: two_digits(found.max_difference), ..found }
}

/// What ONNX Runtime gives on the card's golden inputs, in four digits: more are the machine's.
pub(crate) fn golden_of(model: &[u8], card: &ModelCard, library: Option<&Path>) -> Result<Vec<f32>> {
    let output = pollster::block_on(golden::output(&mut verify::engine(model, library)?, card))?;
    Ok(output.iter().map(|value| format!("{value:.3e}").parse().expect("a printed number can be read")).collect())
}

/// The last bits of a difference are the machine's; two digits are what a reader needs.
fn two_digits(difference: f64) -> f64 {
    format!("{difference:.1e}").parse().expect("a printed number can be read")
}

/// The names for the card. Fails where there are some, but not one for each class.
fn class_names(kind: &Kind, names: &[String]) -> Result<Vec<String>> {
    let Some(class_count) = kind.class_count() else { return Ok(Vec::new()) };
    if !names.is_empty() && names.len() != class_count {
        return Err(Error::Source(format!("the data has {} classes, the network {class_count}", names.len())));
    }
    Ok(names.to_vec())
}

/// The same for a table's columns.
fn column_names(kind: &Kind, names: Option<&Columns>) -> Result<Option<Columns>> {
    match (kind, names) {
        (Kind::Tabular { column_count, .. }, Some(names)) if names.features.len() != *column_count => {
            Err(Error::Source(format!("the data has {} columns, the network {column_count}", names.features.len())))
        }
        (Kind::Tabular { .. }, names) => Ok(names.cloned()),
        _ => Ok(None),
    }
}

fn to_bytes(graph: &Graph, card: &ModelCard, options: &Options) -> Vec<u8> {
    let mut metadata = Vec::new();
    if let Some(picture) = &card.picture {
        let pixel_format = if picture.channels == 1 { "Gray8" } else { "Rgb8" };
        metadata.push(("Image.BitmapPixelFormat".to_string(), pixel_format.to_string()));
        metadata.push(("Image.NominalPixelRange".to_string(), "Normalized_0_1".to_string()));
    }
    metadata.push(("model_license".to_string(), options.licence.clone()));
    metadata.extend(options.author.iter().map(|author| ("model_author".to_string(), author.clone())));
    metadata.push((METADATA_KEY.to_string(), card.to_json()));
    graph.to_model(&card.architecture.name, &metadata)
}
