//! The forms that weights are accepted in, and what is refused, for the tests of every program that opens weights.

#![allow(dead_code, reason = "no test uses everything")]

pub mod pytorch;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Architecture, Provenance};
use easel_train::param::Scope;
use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::{Record, WEIGHTS};
use easel_train::{Params, Result, Weights};

pub type Tensors = BTreeMap<String, Tensor>;

/// The title and the classes in [`accepted`]'s checkpoints.
pub const TITLE: &str = "Digits";
pub const CLASSES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// A network's initial weights, each of them a float16.
pub fn tensors<T>(make: impl FnOnce(Scope) -> Result<T>) -> Tensors {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
    make(params.root()).unwrap();
    to_float32(&to_float16(&params.to_tensors()))
}

pub fn to_float16(tensors: &Tensors) -> Tensors {
    convert(tensors, DType::F16)
}

pub fn to_float32(tensors: &Tensors) -> Tensors {
    convert(tensors, DType::F32)
}

/// Converts floats and leaves integers as they are.
fn convert(tensors: &Tensors, dtype: DType) -> Tensors {
    let convert = |tensor: &Tensor| if tensor.dtype().is_float() { tensor.to_dtype(dtype) } else { Ok(tensor.clone()) };
    tensors.iter().map(|(name, tensor)| (name.clone(), convert(tensor).unwrap())).collect()
}

/// Adds the counter of batches that PyTorch keeps with the statistics of each batch norm.
pub fn with_batch_counts(mut tensors: Tensors) -> Tensors {
    let norms: Vec<_> = tensors.keys().filter_map(|name| name.strip_suffix("running_mean").map(String::from)).collect();
    let count = |norm: String| (format!("{norm}num_batches_tracked"), Tensor::new(3i64, &Device::Cpu).unwrap());
    tensors.extend(norms.into_iter().map(count));
    tensors
}

pub fn wrapped(tensors: &Tensors, wrapper: &str) -> Tensors {
    tensors.iter().map(|(name, tensor)| (format!("{wrapper}{name}"), tensor.clone())).collect()
}

/// A checkpoint with [`TITLE`] and [`CLASSES`] in a run's folder.
pub fn checkpoint(run: &Path, step: u64, architecture: &Architecture, tensors: &Tensors) -> PathBuf {
    let record = Record {
        step,
        provenance: Provenance { data: Some("digits".into()), ..Provenance::default() },
        title: Some(TITLE.into()),
        classes: CLASSES.map(String::from).to_vec(),
        fingerprint: None,
        columns: None,
        trainer: serde_json::Value::Null,
        session: serde_json::Value::Null,
    };
    let (architecture, weights, state) = (architecture.clone(), tensors.clone(), BTreeMap::new());
    Checkpoint { architecture, weights, state, record }.save(&run.join("checkpoints"), 9, &[]).unwrap()
}

/// The same weights in every form but a model file. The run's newest checkpoint is damaged.
pub fn accepted(folder: &Path, architecture: &Architecture, tensors: &Tensors) -> Vec<PathBuf> {
    let run = folder.join("run");
    let good = checkpoint(&run, 7, architecture, tensors);
    fs::write(checkpoint(&run, 8, architecture, tensors).join(WEIGHTS), "damaged").unwrap();
    let ours =
        Weights { architecture: architecture.clone(), provenance: Provenance::default(), tensors: tensors.clone() };
    let safetensors = |tensors: &Tensors| safetensors::serialize(tensors, None).unwrap();
    let files = [
        ("ours.safetensors", ours.to_bytes().unwrap()),
        ("plain.safetensors", safetensors(tensors)),
        ("half.safetensors", safetensors(&to_float16(tensors))),
        ("compiled.safetensors", safetensors(&wrapped(tensors, "_orig_mod."))),
        ("fsdp.safetensors", safetensors(&wrapped(tensors, "_fsdp_wrapped_module._orig_mod.model."))),
        ("lightning.ckpt", pytorch::zipped(&wrapped(tensors, "model."), &["state_dict"])),
        ("zip.pt", pytorch::zipped(tensors, &[])),
        ("nested.pt", pytorch::zipped(tensors, &["checkpoint", "model"])),
        ("half.pth", pytorch::zipped(&to_float16(tensors), &["state_dict"])),
        ("parallel.pt", pytorch::zipped(&wrapped(tensors, "module."), &[])),
        ("both.pt", pytorch::zipped(&wrapped(tensors, "_orig_mod.module."), &["net"])),
        ("old.pth", pytorch::old(tensors, &[])),
        ("old-nested.model", pytorch::old(&wrapped(tensors, "module._orig_mod."), &["model"])),
    ];
    let files = files.map(|(name, bytes)| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    });
    [run, good].into_iter().chain(files).collect()
}

/// What cannot be read, each with a part of the reason.
pub fn refused(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let at = |name: &str| folder.join(name);
    let tensors = Tensors::from([("a".into(), Tensor::ones(9, DType::F32, &Device::Cpu).unwrap())]);
    let safetensors = safetensors::serialize(&tensors, None).unwrap();
    let zipped = pytorch::zipped(&tensors, &[]);
    let old = pytorch::old(&tensors, &[]);
    fs::create_dir_all(at("empty")).unwrap();
    fs::create_dir_all(at("young/checkpoints")).unwrap();
    let model = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx")).unwrap();
    for (name, bytes) in [
        ("text", b"no weights"),
        ("cut.safetensors", &safetensors[..safetensors.len() - 1]),
        ("cut.pt", &zipped[..zipped.len() / 2]),
        ("cut-old.pt", &old[..old.len() - 1]),
        ("cut.onnx", &model[..model.len() - 1]),
    ] as [(&str, &[u8]); 5]
    {
        fs::write(at(name), bytes).unwrap();
    }
    [
        ("missing", "no such file or folder"),
        ("empty", "neither a run nor a checkpoint"),
        ("young", "without a checkpoint"),
        ("text", "give the model or the weights themselves"),
        ("cut.safetensors", "safetensors"),
        ("cut.pt", "PyTorch"),
        ("cut-old.pt", "PyTorch"),
        ("cut.onnx", "truncated"),
    ]
    .map(|(name, reason)| (at(name), reason))
    .to_vec()
}
