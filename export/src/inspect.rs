//! Readable descriptions of model files and weights.

mod json;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_onnx::onnx::tensor_proto::DataType;
use candle_onnx::onnx::tensor_shape_proto::Dimension;
use candle_onnx::onnx::tensor_shape_proto::dimension::Value as DimValue;
use candle_onnx::onnx::type_proto::Value as TypeValue;
use candle_onnx::onnx::{GraphProto, ModelProto, TensorProto, ValueInfoProto};
use easel_runtime::card::{Evaluation, Int8, MetricValue, Verification};
use easel_runtime::onnx::{MAKE_ONE_FILE, external_files, metadata};
use easel_runtime::polarity::Border;
use easel_runtime::text::escaped;
use easel_runtime::{FileKind, ModelCard};
use easel_train::tensors::{Entry, Format};
use easel_train::{WeightsFile, networks, weights};
use prost::Message;

use crate::error::{Error, Result};
use crate::models;

pub use json::describe_json;

/// What a file holds.
pub struct Description {
    /// Lines of text.
    pub text: String,
    /// Why the model or the network cannot be used all the same; it names the file.
    pub error: Option<Error>,
}

/// Describes a model file, or weights in any form that [`weights::open`] takes. The error names the file.
///
/// ```
/// # let models = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../models"));
/// let text = easel_export::inspect::describe(&models.join("gan-mnist.onnx"))?.text;
/// assert!(text.contains("kind         generator"));
/// # Ok::<(), easel_export::Error>(())
/// ```
pub fn describe(path: &Path) -> Result<Description> {
    describe_part(path, None)
}

/// Describes the part of a file that [`weights::open_part`] takes. The error names the file.
pub fn describe_part(path: &Path, part: Option<&str>) -> Result<Description> {
    Ok(match open(path, part)? {
        Opened::Model(bytes) => {
            let text = describe_model(&bytes).map_err(|error| unreadable(path, &error))?;
            Description { text, error: card_error(path, &bytes) }
        }
        Opened::Weights(file) => Description { text: describe_weights(&file), error: network_error(&file) },
    })
}

/// What a path holds.
enum Opened {
    Model(Vec<u8>),
    Weights(Box<WeightsFile>),
}

fn open(path: &Path, part: Option<&str>) -> Result<Opened> {
    if path.is_file() && part.is_none() {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &format!("cannot read: {error}")))?;
        if Format::of(&bytes).is_none() && FileKind::of(&bytes) != Some(FileKind::ShardIndex) {
            return Ok(Opened::Model(bytes));
        }
    }
    Ok(Opened::Weights(Box::new(weights::open_part(path, part)?)))
}

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    easel_train::Error::Unreadable { path: path.into(), reason: reason.to_string() }.into()
}

/// Why a model's card cannot be used.
fn card_error(path: &Path, bytes: &[u8]) -> Option<Error> {
    match ModelCard::from_model(bytes) {
        Ok(_) | Err(easel_runtime::Error::NoCard) => None,
        Err(error) => Some(unreadable(path, &error)),
    }
}

/// Why a known network cannot be built of its weights.
fn network_error(file: &WeightsFile) -> Option<Error> {
    if let (None, Some(problem)) = (&file.architecture, &file.problem) {
        return Some(unreadable(&file.path, problem));
    }
    file.architecture.as_ref()?;
    file.network(&Device::Cpu).err().map(|error| unreadable(&file.path, &error))
}

fn decode(model: &[u8]) -> Result<(ModelProto, GraphProto)> {
    // Unlike the decoder's errors, these distinguish a truncated file from another format.
    metadata(model)?;
    let mut model = ModelProto::decode(model).map_err(|error| Error::DamagedModel(error.to_string()))?;
    let graph = model.graph.take().ok_or_else(|| Error::DamagedModel("it has no graph".into()))?;
    Ok((model, graph))
}

/// Describes an ONNX model: its card, inputs, outputs, operators and size. A model of another program has no card.
pub fn describe_model(bytes: &[u8]) -> Result<String> {
    let (model, graph) = decode(bytes)?;
    let mut text = String::new();
    match ModelCard::from_model(bytes) {
        Ok(card) => text += &describe_card(&card),
        Err(error) => writeln!(text, "card         {}", escaped(&error.to_string())).expect("strings take all"),
    }
    let optional: Vec<_> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut line =
        |name: &str, value: String| writeln!(text, "{name:<12} {}", escaped(&value)).expect("strings take all");
    for input in &graph.input {
        let note = if optional.contains(&input.name.as_str()) { " (optional)" } else { "" };
        line("input", describe_value(input) + note);
    }
    for output in &graph.output {
        line("output", describe_value(output));
    }
    let mut operators = BTreeMap::<&str, usize>::new();
    graph.node.iter().for_each(|node| *operators.entry(&node.op_type).or_default() += 1);
    let operators: Vec<_> = operators.iter().map(|(name, count)| format!("{count} {name}")).collect();
    line("operators", operators.join(", "));
    let weights: i64 =
        graph.initializer.iter().filter(is_float).map(|tensor| tensor.dims.iter().product::<i64>()).sum();
    line("constants", format!("{weights} floats"));
    let files = external_files(bytes)?;
    if !files.is_empty() {
        line("weights", format!("in a second file, {}; {MAKE_ONE_FILE}", files.join(", ")));
    }
    let opset = model.opset_import.first().map_or(0, |opset| opset.version);
    line("format", format!("ONNX opset {opset}, IR {}, {} bytes", model.ir_version, bytes.len()));
    Ok(text)
}

fn is_float(tensor: &&TensorProto) -> bool {
    [DataType::Float as i32, DataType::Float16 as i32].contains(&tensor.data_type)
}

fn describe_card(card: &ModelCard) -> String {
    let json = |value: serde_json::Result<String>| value.expect("cards have only string keys");
    let sizes: Vec<_> = card.architecture.sizes.iter().map(|(name, size)| format!("{name} {size}")).collect();
    let (from, check) = (&card.provenance, &card.verification);
    let mut rows = vec![
        ("title", card.title.clone()),
        ("kind", card.kind.name().to_string()),
        ("architecture", format!("{} ({})", card.architecture.name, sizes.join(", "))),
        ("picture", card.picture.as_ref().map_or(String::new(), |picture| json(serde_json::to_string(picture)))),
        ("columns", card.columns.as_ref().map_or(String::new(), |columns| columns.features.join(", "))),
        ("target", card.columns.as_ref().map_or(String::new(), |columns| columns.target.clone())),
        ("classes", card.classes.join(", ")),
        ("run", from.run.clone().unwrap_or_default()),
        ("style", from.style.clone().unwrap_or_default()),
        ("data", from.data.clone().unwrap_or_default()),
        (
            "border",
            from.border.map_or(String::new(), |Border { mean, std }| {
                format!("mean {mean} of the training pictures, std {std}")
            }),
        ),
        ("steps", from.steps.map(|steps| steps.to_string()).unwrap_or_default()),
        ("seed", from.seed.map(|seed| seed.to_string()).unwrap_or_default()),
        ("weights", format!("sha256 {}", from.weights_sha256)),
        ("program", from.program.clone()),
        ("licence", card.licence.clone()),
        (
            "stored",
            match (check.rounding, check.int8) {
                (_, Some(_)) => "in int8, for integer arithmetic".into(),
                (Some(by), None) => format!("in half precision, which changes outputs by at most {by:e}"),
                (None, None) => String::new(),
            },
        ),
        (
            "sample",
            card.sample.as_ref().map(|sample| format!("{}, {}", sample.about, sample.media_type)).unwrap_or_default(),
        ),
        ("verified", describe_check(check)),
        (
            "golden",
            match card.golden.len() {
                0 => String::new(),
                count => format!("{count} elements of output, to check engines with"),
            },
        ),
    ];
    rows.extend(card.evaluations.iter().map(|evaluation| ("evaluation", describe_evaluation(evaluation))));
    rows.retain(|(_, value)| !value.is_empty());
    rows.iter().map(|(name, value)| format!("{name:<12} {}\n", escaped(value))).collect()
}

fn describe_check(check: &Verification) -> String {
    let Verification { engine, max_difference, .. } = check;
    match check.int8 {
        Some(Int8 { calibrated_on, evaluated_on, psnr, worst_psnr }) => format!(
            "{psnr:.2} dB PSNR from float32 (worst picture: {worst_psnr:.2}) on {evaluated_on} pictures in {engine}, calibrated on \
             {calibrated_on} others"
        ),
        None => format!("{max_difference:e} from candle in {engine}"),
    }
}

fn describe_evaluation(evaluation: &Evaluation) -> String {
    let Evaluation { about, data, count, compared, metrics } = evaluation;
    let compared = compared.map(|compared| format!(" (distances of {compared})")).unwrap_or_default();
    let metric = |(name, MetricValue { value, baseline, .. }): (&String, &MetricValue)| {
        format!(
            "{name} {value:.4}{}",
            baseline.map(|baseline| format!(" (baseline: {baseline:.4})")).unwrap_or_default()
        )
    };
    format!(
        "{about}: {} of {count}{compared} against {data}",
        metrics.iter().map(metric).collect::<Vec<_>>().join(", ")
    )
}

fn describe_value(value: &ValueInfoProto) -> String {
    match value_parts(value) {
        (name, Some(element), dims) => format!("{name} {element} [{}]", dims.join(", ")),
        (name, None, _) => format!("{name} (not a tensor)"),
    }
}

/// The name, element type and dimensions of a value; no type if it is not a tensor.
fn value_parts(value: &ValueInfoProto) -> (&str, Option<String>, Vec<String>) {
    let Some(TypeValue::TensorType(tensor)) = value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return (&value.name, None, vec![]);
    };
    let element = DataType::try_from(tensor.elem_type).map_or("unknown", |element| element.as_str_name());
    let dim = |dim: &Dimension| match &dim.value {
        Some(DimValue::DimValue(size)) => size.to_string(),
        Some(DimValue::DimParam(name)) => name.clone(),
        None => "?".into(),
    };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim).map(dim).collect();
    (&value.name, Some(element.to_lowercase()), dims)
}

/// Describes weights. Where the network is unknown or cannot be used it lists all dictionaries of tensors in the file.
pub fn describe_weights(file: &WeightsFile) -> String {
    let mut text = format!("file         {}\n", file.path.display());
    let line = |name: &str, value: &str| format!("{name:<12} {}\n", escaped(value));
    let Some(architecture) = &file.architecture else {
        let names = file.tensors().keys().map(String::as_str);
        let advice = networks::other_network(names).map_or(String::new(), |advice| format!("; {advice}"));
        text += &line("kind", &format!("tensors of no known network{advice}"));
        if let Some(problem) = &file.problem {
            text += &line("problem", problem);
        }
        for dictionary in &file.dictionaries {
            let path = dictionary.path();
            let path = if path.is_empty() { path } else { format!("{}: ", path.escape_debug()) };
            let shapes = dictionary.tensors().map(|(_, entry)| entry.shape.as_deref().unwrap_or(&[0]));
            text += &line("weights", &(path + &describe_count(shapes)));
            text.extend(dictionary.tensors().map(describe_entry));
        }
        return text;
    };
    if let Some(network) = file.network(&Device::Cpu).ok().and_then(|it| models::of_network(&it).ok()) {
        text += &line("kind", network.kind().name());
    }
    text += &line("architecture", &serde_json::to_string(architecture).expect("cards have only string keys"));
    if !file.part.is_empty() {
        text += &line("part", &file.part);
    }
    if !file.other_parts.is_empty() {
        text += &line("other parts", &format!("{}; --part chooses", file.other_parts.join(", ")));
    }
    let count = describe_count(file.tensors().values().map(Tensor::dims));
    text += &line("weights", &format!("{count}, sha256 {}", file.sha256));
    for note in &file.notes {
        text += &line("note", note);
    }
    if let Some(run) = &file.provenance.run {
        text += &line("run", &format!("{run}, {} steps", file.provenance.steps.unwrap_or_default()));
    }
    text.extend(file.tensors().iter().map(describe_tensor));
    text
}

fn describe_count<'a>(shapes: impl Iterator<Item = &'a [usize]>) -> String {
    let counts: Vec<_> =
        shapes.map(|shape| shape.iter().fold(1usize, |count, size| count.saturating_mul(*size))).collect();
    let count = counts.iter().fold(0usize, |sum, count| sum.saturating_add(*count));
    format!("{} tensors, {count} values", counts.len())
}

fn describe_tensor((name, tensor): (&String, &Tensor)) -> String {
    // Names in files of others may hold a terminal's control characters.
    format!("  {} {:?} {:?}\n", name.escape_debug(), tensor.dims(), tensor.dtype())
}

/// A tensor that may not be readable.
fn describe_entry((name, entry): (&str, &Entry)) -> String {
    let shape = entry.shape.as_ref().map_or("[?]".into(), |shape| format!("{shape:?}"));
    format!("  {} {shape} {}\n", name.escape_debug(), entry.dtype.escape_debug())
}

#[cfg(test)]
mod tests {
    use candle_onnx::onnx::StringStringEntryProto;
    use candle_onnx::onnx::tensor_proto::DataLocation;

    use super::*;

    #[test]
    fn weights_in_a_second_file_are_named() {
        let place = StringStringEntryProto { key: "location".into(), value: "m.onnx.data".into() };
        let tensor = TensorProto {
            name: "w".into(),
            dims: vec![2, 3],
            data_type: DataType::Float as i32,
            data_location: DataLocation::External as i32,
            external_data: vec![place],
            ..Default::default()
        };
        let graph = GraphProto { initializer: vec![tensor], ..Default::default() };
        let model = ModelProto { ir_version: 8, graph: Some(graph), ..Default::default() };
        let text = describe_model(&model.encode_to_vec()).unwrap();
        let line = text.lines().find(|line| line.starts_with("weights")).unwrap();
        assert!(line.contains("m.onnx.data") && line.contains("onnx.save("), "{text}");
        assert!(text.contains("6 floats"), "{text}");
    }
}
