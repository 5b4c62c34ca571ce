//! Readable descriptions of model files and weights.

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
use easel_runtime::onnx::metadata;
use easel_runtime::text::escaped;
use easel_runtime::{FileKind, ModelCard};
use easel_train::tensors::{Dictionary, Format};
use easel_train::{WeightsFile, networks, weights};
use prost::Message;

use crate::error::{Error, Result};
use crate::models;

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
    if path.is_file() {
        let unreadable = |reason| easel_train::Error::Unreadable { path: path.into(), reason };
        let bytes = std::fs::read(path).map_err(|error| unreadable(format!("cannot read: {error}")))?;
        if Format::of(&bytes).is_none() && FileKind::of(&bytes) != Some(FileKind::ShardIndex) {
            let text = describe_model(&bytes).map_err(|error| unreadable(error.to_string()))?;
            let error = match ModelCard::from_model(&bytes) {
                Ok(_) | Err(easel_runtime::Error::NoCard) => None,
                Err(error) => Some(unreadable(error.to_string()).into()),
            };
            return Ok(Description { text, error });
        }
    }
    let file = weights::open(path)?;
    let built = file.architecture.as_ref().map(|_| file.network(&Device::Cpu)).transpose();
    let error = built
        .err()
        .map(|error| easel_train::Error::Unreadable { path: file.path.clone(), reason: error.to_string() }.into());
    Ok(Description { text: describe_weights(&file), error })
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
    let Some(TypeValue::TensorType(tensor)) = value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return format!("{} (not a tensor)", value.name);
    };
    let element = DataType::try_from(tensor.elem_type).map_or("unknown", |element| element.as_str_name());
    let dim = |dim: &Dimension| match &dim.value {
        Some(DimValue::DimValue(size)) => size.to_string(),
        Some(DimValue::DimParam(name)) => name.clone(),
        None => "?".into(),
    };
    let dims: Vec<_> = tensor.shape.iter().flat_map(|shape| &shape.dim).map(dim).collect();
    format!("{} {} [{}]", value.name, element.to_lowercase(), dims.join(", "))
}

/// Describes weights. Of an unknown network it lists all dictionaries of tensors in the file.
pub fn describe_weights(file: &WeightsFile) -> String {
    let mut text = format!("file         {}\n", file.path.display());
    let line = |name: &str, value: &str| format!("{name:<12} {}\n", escaped(value));
    let Some(architecture) = &file.architecture else {
        let names = file.tensors().keys().map(String::as_str);
        let advice = networks::other_network(names).map_or(String::new(), |advice| format!("; {advice}"));
        text += &line("kind", &format!("tensors of no known network{advice}"));
        for Dictionary { path, tensors } in &file.dictionaries {
            let path = if path.is_empty() { String::new() } else { format!("{}: ", path.escape_debug()) };
            text += &line("weights", &(path + &describe_count(tensors)));
            text.extend(tensors.iter().map(describe_tensor));
        }
        return text;
    };
    if let Some(network) = file.network(&Device::Cpu).ok().and_then(|it| models::of_network(&it).ok()) {
        text += &line("kind", network.kind().name());
    }
    text += &line("architecture", &serde_json::to_string(architecture).expect("cards have only string keys"));
    text += &line("weights", &format!("{}, sha256 {}", describe_count(file.tensors()), file.sha256));
    if let Some(run) = &file.provenance.run {
        text += &line("run", &format!("{run}, {} steps", file.provenance.steps.unwrap_or_default()));
    }
    text.extend(file.tensors().iter().map(describe_tensor));
    text
}

fn describe_count(tensors: &BTreeMap<String, Tensor>) -> String {
    let count: usize = tensors.values().map(Tensor::elem_count).sum();
    format!("{} tensors, {count} values", tensors.len())
}

fn describe_tensor((name, tensor): (&String, &Tensor)) -> String {
    // Names in files of others may hold a terminal's control characters.
    format!("  {} {:?} {:?}\n", name.escape_debug(), tensor.dims(), tensor.dtype())
}
