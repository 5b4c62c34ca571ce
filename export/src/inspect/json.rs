//! Descriptions as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_onnx::onnx::ValueInfoProto;
use easel_runtime::ModelCard;
use easel_runtime::onnx::external_files;
use easel_train::WeightsFile;
use easel_train::tensors::Dictionary;
use serde_json::{Value, json};

use super::{Opened, card_error, decode, is_float, network_error, open, unreadable, value_parts};
use crate::error::Result;
use crate::models;

/// What [`describe_part`](super::describe_part) says, as one object. Its errors are the same.
///
/// A model file has `file`, `kind` (null without a card), `card` (the card as it is in the file, or null), `inputs` and
/// `outputs` (`name`, `type`, `dims`, numbers or names; inputs also `optional`), `operators` (counts by name), `constants` (floats), `opset`,
/// `ir`, `bytes` and `external_files` (second files that hold weights). Weights have `file`, `kind` and `architecture` (null for no known network), `notes`, `problem` (why the
/// likeliest part cannot be used), `part` and `other_parts` (keys of a file of another program), `sha256`, `run`, `steps`
/// and `dictionaries`: each with its `key` in the file and its `tensors` (`name`, `shape`, `type`). `error` says why a model or a network cannot be used all the same.
pub fn describe_json(path: &Path, part: Option<&str>) -> Result<Value> {
    let (mut object, error) = match open(path, part)? {
        Opened::Model(bytes) => (model(path, &bytes)?, card_error(path, &bytes)),
        Opened::Weights(file) => (weights_of(&file), network_error(&file)),
    };
    if let Some(error) = error {
        object["error"] = json!(error.to_string());
    }
    Ok(object)
}

fn model(path: &Path, bytes: &[u8]) -> Result<Value> {
    let (model, graph) = decode(bytes).map_err(|error| unreadable(path, &error))?;
    let card = ModelCard::from_model(bytes).ok();
    let initial: Vec<_> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let value = |value: &ValueInfoProto| {
        let (name, element, dims) = value_parts(value);
        let dim = |dim: String| dim.parse::<u64>().map_or_else(|_| json!(dim), |size| json!(size));
        let dims: Vec<_> = dims.into_iter().map(dim).collect();
        json!({ "name": name, "type": element, "dims": dims })
    };
    let input = |input: &ValueInfoProto| {
        let mut object = value(input);
        object["optional"] = json!(initial.contains(&input.name.as_str()));
        object
    };
    let mut operators = BTreeMap::<&str, usize>::new();
    graph.node.iter().for_each(|node| *operators.entry(&node.op_type).or_default() += 1);
    let floats = graph.initializer.iter().filter(is_float);
    let constants: i64 = floats.map(|tensor| tensor.dims.iter().product::<i64>()).sum();
    Ok(json!({
        "file": path.to_string_lossy(),
        "kind": card.as_ref().map(|card| card.kind.name()),
        "card": card,
        "inputs": graph.input.iter().map(input).collect::<Vec<_>>(),
        "outputs": graph.output.iter().map(value).collect::<Vec<_>>(),
        "operators": operators,
        "constants": constants,
        "opset": model.opset_import.first().map_or(0, |opset| opset.version),
        "ir": model.ir_version,
        "bytes": bytes.len(),
        "external_files": external_files(bytes)?,
    }))
}

fn weights_of(file: &WeightsFile) -> Value {
    let network = file.architecture.as_ref().and_then(|_| file.network(&Device::Cpu).ok());
    let kind = network.and_then(|network| Some(models::of_network(&network).ok()?.kind().name()));
    let dictionary = |dictionary: &Dictionary| {
        let tensors = dictionary
            .tensors()
            .map(|(name, entry)| json!({ "name": name, "shape": entry.shape, "type": entry.dtype }));
        json!({ "key": dictionary.path(), "tensors": tensors.collect::<Vec<_>>() })
    };
    let mut dictionaries: Vec<_> = file.dictionaries.iter().map(dictionary).collect();
    if dictionaries.is_empty() {
        let tensor = |(name, tensor): (&String, &Tensor)| json!({ "name": name, "shape": tensor.dims(), "type": format!("{:?}", tensor.dtype()) });
        dictionaries.push(json!({ "key": "", "tensors": file.tensors().iter().map(tensor).collect::<Vec<_>>() }));
    }
    json!({
        "file": file.path.to_string_lossy(),
        "kind": kind,
        "architecture": file.architecture,
        "problem": file.problem,
        "notes": file.notes,
        "part": file.part,
        "other_parts": file.other_parts,
        "sha256": file.sha256,
        "run": file.provenance.run,
        "steps": file.provenance.steps,
        "dictionaries": dictionaries,
    })
}
