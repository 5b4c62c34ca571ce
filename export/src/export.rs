//! Export: from a network to a verified file.

use std::path::{Path, PathBuf};

use easel_runtime::card::{
    Architecture, Columns, Evaluation, Int8, Kind, METADATA_KEY, Provenance, SCHEMA, Verification,
};
use easel_runtime::onnx::with_metadata;
use easel_runtime::{ModelCard, golden};
use easel_train::networks::style::Stylizer;

use crate::error::{Error, Result};
use crate::exportable::Exportable;
use crate::graph::{ConvForm, Graph, NormForm};
use crate::quantise::{CalibrationSet, quantise};
use crate::sample::sample;
use crate::storage::Storage;
use crate::verify::{self, verify};

/// The settings of an export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The form of instance normalisation.
    pub norms: NormForm,
    /// The form of convolutions of few output channels.
    pub convolutions: ConvForm,
    /// The precision of stored weights. With [`Storage::Half`] the network must have the rounded weights
    /// ([`Storage::round`]), since the file is verified against it.
    pub storage: Storage,
    /// Where weights are rounded, the effect on the network's outputs
    /// ([`network_difference`](crate::verify::network_difference)), for the card.
    pub rounding: Option<f64>,
    /// The title; by default the network's own.
    pub title: Option<String>,
    /// The licence of the weights, an SPDX expression.
    pub licence: String,
    /// The author of the weights.
    pub author: Option<String>,
    /// The names of the classes by label, for the card of a model with classes; may be empty.
    pub classes: Vec<String>,
    /// The names of the table's columns, for the card of a tabular model.
    pub columns: Option<Columns>,
    /// Evaluations, for the card.
    pub evaluations: Vec<Evaluation>,
    /// ONNX Runtime's library, where it is not in one of the usual places.
    pub library: Option<PathBuf>,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            norms: NormForm::default(),
            convolutions: ConvForm::default(),
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

/// A verified model file.
pub struct ExportedModel {
    /// The file's bytes, the same for the same network and options.
    pub bytes: Vec<u8>,
    /// The card inside.
    pub card: ModelCard,
}

/// Exports a network: records it, verifies the graph in ONNX Runtime against candle, and gives the file's bytes. Nothing
/// is written.
///
/// Fails as [`verify`](crate::verify::verify) does, and with [`Error::ClassCount`], [`Error::ColumnCount`] or
/// [`Error::Float16Overflow`].
///
/// ```
/// use candle_core::{DType, Device};
/// use easel_export::export::{ExportOptions, export};
/// use easel_runtime::ModelCard;
/// use easel_train::Params;
/// use easel_train::networks::lenet::{Lenet, Sizes};
///
/// let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(1, 0));
/// let network = Lenet::new(params.root(), Sizes { channels: 1, classes: 2 })?;
/// let options = ExportOptions { classes: vec!["cat".into(), "dog".into()], ..Default::default() };
/// let file = export(&network, network.sizes().architecture(), Default::default(), &options)?;
/// assert_eq!(ModelCard::from_model(&file.bytes)?.classes, ["cat", "dog"]);
/// # Ok::<(), easel_export::Error>(())
/// ```
pub fn export(
    network: &dyn Exportable,
    architecture: Architecture,
    provenance: Provenance,
    options: &ExportOptions,
) -> Result<ExportedModel> {
    let graph = Graph::new(options.norms, options.convolutions, options.storage);
    network.record(&graph)?;
    let mut card = unverified(network, architecture, provenance, options)?;
    let found = verify(&to_bytes(&graph, &card, options), network, options.library.as_deref())?;
    card.verification = Verification { rounding: options.rounding.map(two_digits), ..rounded(found) };
    finish(&graph, card, options)
}

/// Exports a stylizer in int8, with ranges observed on the calibration pictures, and evaluates it on the others. The
/// options' `norms`, `convolutions`, `storage` and `rounding` are ignored. Nothing is written.
///
/// Fails with [`Error::LowPsnr`] below `min_psnr` decibels, with [`Error::NotQuantisable`], with [`Error::NotFinite`], and
/// as [`export`] does.
///
/// ```
/// use candle_core::{DType, Device};
/// use easel_export::export::{ExportOptions, export_int8};
/// use easel_export::quantise::{CalibrationSet, MIN_PSNR};
/// use easel_train::Params;
/// use easel_scenes::scene;
/// use easel_train::networks::style::{Sizes, Stylizer};
///
/// let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(5, 0));
/// let network = Stylizer::new(params.root(), Sizes { width: 4 })?;
/// let pictures = CalibrationSet::split((0..9).map(|at| scene(0, at, 48, 48).0)).unwrap();
/// let (architecture, options) = (network.sizes().architecture(), ExportOptions::default());
/// let file = export_int8(&network, architecture, Default::default(), &pictures, MIN_PSNR, &options)?;
/// assert!(file.card.verification.int8.unwrap().psnr >= MIN_PSNR);
/// # Ok::<(), easel_export::Error>(())
/// ```
pub fn export_int8(
    network: &Stylizer,
    architecture: Architecture,
    provenance: Provenance,
    pictures: &CalibrationSet,
    min_psnr: f64,
    options: &ExportOptions,
) -> Result<ExportedModel> {
    let graph = Graph::default();
    network.record(&graph)?;
    let mut card = unverified(network, architecture, provenance, options)?;
    let float32 = to_bytes(&graph, &card, options);
    verify(&float32, network, options.library.as_deref())?;
    let (graph, found) = quantise(network, &float32, pictures, options.library.as_deref())?;
    let decibels = |value: f64| (value * 100.0).round() / 100.0;
    let int8 = found.int8.map(|int8| Int8 { psnr: decibels(int8.psnr), worst_psnr: decibels(int8.worst_psnr), ..int8 });
    card.verification = Verification { int8, ..rounded(found) };
    match int8 {
        // Written so that NaN fails.
        Some(int8) if int8.psnr >= min_psnr => finish(&graph, card, options),
        _ => Err(Error::LowPsnr {
            psnr: int8.map_or(f64::NAN, |int8| int8.psnr),
            min: min_psnr,
            pictures: pictures.evaluation.len(),
        }),
    }
}

/// The card before verification.
fn unverified(
    network: &dyn Exportable,
    architecture: Architecture,
    provenance: Provenance,
    options: &ExportOptions,
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

/// The file, with golden output and sample in its card.
fn finish(graph: &Graph, mut card: ModelCard, options: &ExportOptions) -> Result<ExportedModel> {
    let (bytes, library) = (to_bytes(graph, &card, options), options.library.as_deref());
    card.golden = golden_of(&bytes, &card, library)?;
    card.sample = sample(&bytes, &card.kind, library)?;
    Ok(ExportedModel { bytes: to_bytes(graph, &card, options), card })
}

/// Verifies a model file again and updates its card: the verification, the golden output and the sample. Everything else
/// in it stays as it is.
pub fn update(model: &[u8], library: Option<&Path>) -> Result<ExportedModel> {
    let found = verify::verify_file(model, library)?;
    let mut card = ModelCard::from_model(model)?;
    card.verification = Verification { rounding: card.verification.rounding, ..rounded(found) };
    card.golden = golden_of(model, &card, library)?;
    card.sample = sample(model, &card.kind, library)?;
    Ok(ExportedModel { bytes: with_metadata(model, METADATA_KEY, &card.to_json())?, card })
}

/// The verification with two digits of the difference.
fn rounded(found: Verification) -> Verification {
    Verification { max_difference: two_digits(found.max_difference), ..found }
}

/// The output on the card's golden inputs in ONNX Runtime, with four digits: the others depend on the machine.
fn golden_of(model: &[u8], card: &ModelCard, library: Option<&Path>) -> Result<Vec<f32>> {
    let output = pollster::block_on(golden::output(&mut verify::engine(model, library)?, card))?;
    Ok(output.iter().map(|value| format!("{value:.3e}").parse().expect("a printed number can be read")).collect())
}

/// The last bits of a difference depend on the machine.
fn two_digits(difference: f64) -> f64 {
    format!("{difference:.1e}").parse().expect("a printed number can be read")
}

/// The class names for the card.
fn class_names(kind: &Kind, names: &[String]) -> Result<Vec<String>> {
    let Some(class_count) = kind.class_count() else { return Ok(Vec::new()) };
    if !names.is_empty() && names.len() != class_count {
        return Err(Error::ClassCount { names: names.len(), network: class_count });
    }
    Ok(names.to_vec())
}

/// The column names for the card.
fn column_names(kind: &Kind, names: Option<&Columns>) -> Result<Option<Columns>> {
    match (kind, names) {
        (Kind::Tabular { column_count, .. }, Some(names)) if names.features.len() != *column_count => {
            Err(Error::ColumnCount { names: names.features.len(), network: *column_count })
        }
        (Kind::Tabular { .. }, names) => Ok(names.cloned()),
        _ => Ok(None),
    }
}

fn to_bytes(graph: &Graph, card: &ModelCard, options: &ExportOptions) -> Vec<u8> {
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
