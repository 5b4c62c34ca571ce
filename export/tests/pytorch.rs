//! Checkpoints as PyTorch writes them, of every network.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device, Tensor};
use easel_runtime::{ModelCard, Random};
use easel_train::networks::{denoiser, gan, lenet, progan, style, vae};
use easel_train::param::Scope;
use easel_train::{Params, Result, Weights};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

type Tensors = BTreeMap<String, Tensor>;

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn int(value: usize) -> Vec<u8> {
    [&b"J"[..], &(value as i32).to_le_bytes()].concat()
}

fn sizes(sizes: &[usize]) -> Vec<u8> {
    [&b"("[..], &sizes.iter().flat_map(|size| int(*size)).collect::<Vec<_>>(), b"t"].concat()
}

/// A pickled state dictionary below some keys, beside an epoch's number, as `torch.save` writes it: the storages' keys are
/// the tensors' numbers.
fn pickled(tensors: &Tensors, keys: &[&str]) -> Vec<u8> {
    let tensor = |(number, (name, tensor)): (usize, (&String, &Tensor))| {
        let kind = match tensor.dtype() {
            DType::F16 => "ctorch\nHalfStorage\n",
            DType::I64 => "ctorch\nLongStorage\n",
            _ => "ctorch\nFloatStorage\n",
        };
        let (dims, count) = (tensor.dims(), tensor.elem_count());
        let strides: Vec<usize> = (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect();
        let key = text(&number.to_string());
        let storage = [&b"("[..], &text("storage"), kind.as_bytes(), &key, &text("cpu"), &int(count), b"NtQ"].concat();
        let function = b"ctorch._utils\n_rebuild_tensor_v2\n(";
        let made = [&function[..], &storage, &int(0), &sizes(dims), &sizes(&strides)].concat();
        [text(name), made, b"\x89ccollections\nOrderedDict\n)RtR".to_vec()].concat()
    };
    let items: Vec<u8> = tensors.iter().enumerate().flat_map(tensor).collect();
    let network = [&b"ccollections\nOrderedDict\n)R("[..], &items, b"u"].concat();
    let below =
        |inside: Vec<u8>, key: &&str| [&b"}("[..], &text("epoch"), b"K\x03", &text(key), &inside, b"u"].concat();
    let object = keys.iter().rev().fold(network, below);
    [&b"\x80\x02"[..], &object, b"."].concat()
}

fn elements(tensor: &Tensor) -> Vec<u8> {
    let flat = tensor.flatten_all().unwrap();
    match tensor.dtype() {
        DType::F16 => flat.to_vec1::<half::f16>().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::I64 => flat.to_vec1::<i64>().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect(),
        _ => flat.to_vec1::<f32>().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn zipped(tensors: &Tensors, keys: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: String, bytes: &[u8]| {
        zip.start_file(format!("best/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("data.pkl".into(), &pickled(tensors, keys));
    tensors.values().enumerate().for_each(|(number, tensor)| add(format!("data/{number}"), &elements(tensor)));
    add("version".into(), b"3\n");
    zip.finish().unwrap().into_inner()
}

/// The format of versions before 1.6.
fn old(tensors: &Tensors, keys: &[&str]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    file.extend(pickled(tensors, keys));
    let storages: Vec<u8> = (0..tensors.len()).flat_map(|number| text(&number.to_string())).collect();
    file.extend([&b"\x80\x02]("[..], &storages, b"e."].concat());
    for tensor in tensors.values() {
        file.extend((tensor.elem_count() as i64).to_le_bytes());
        file.extend(elements(tensor));
    }
    file
}

/// A network's initial weights, in half precision and back, and what PyTorch counts beside batch norm's statistics.
fn rounded<T>(make: impl FnOnce(Scope) -> Result<T>) -> Tensors {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
    make(params.root()).unwrap();
    let half = |(name, tensor): (String, Tensor)| (name, tensor.to_dtype(DType::F16).unwrap());
    let mut tensors: Tensors = params.to_tensors().into_iter().map(half).collect();
    let norms: Vec<_> = tensors.keys().filter_map(|name| name.strip_suffix("running_mean").map(String::from)).collect();
    let count = |norm: String| (format!("{norm}num_batches_tracked"), Tensor::new(3i64, &Device::Cpu).unwrap());
    tensors.extend(norms.into_iter().map(count));
    tensors
}

fn full(tensors: &Tensors) -> Tensors {
    let full = |tensor: &Tensor| match tensor.dtype() {
        DType::F16 => tensor.to_dtype(DType::F32).unwrap(),
        _ => tensor.clone(),
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), full(tensor))).collect()
}

fn renamed(tensors: &Tensors, wrapper: &str) -> Tensors {
    tensors.iter().map(|(name, tensor)| (format!("{wrapper}{name}"), tensor.clone())).collect()
}

fn exported(file: &Path) -> (ModelCard, Weights) {
    let model = file.with_extension("onnx");
    let output =
        Command::new(env!("CARGO_BIN_EXE_export-onnx")).args([file, Path::new("-o"), &model]).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(model).unwrap();
    let card = ModelCard::from_model(&bytes).unwrap();
    let weights = Weights::from_model(&bytes, &card).unwrap();
    (card, weights)
}

#[test]
fn checkpoints_of_every_network_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    let gan = gan::Sizes { z_dim: 3, hidden: 4, picture: [1, 4, 4] };
    let progan = progan::Sizes { z_dim: 4, width: 16, channels: 3, resolution: 8 };
    let denoiser = denoiser::Sizes { labels: 4, base: 2, embedding: 6, hidden: 4, ..Default::default() };
    let vae = vae::Sizes { z_dim: 3, base_channels: 2, channels: 3, side: 16 };
    for (name, tensors) in [
        ("gan", rounded(|scope| gan::Generator::new(scope, gan))),
        ("progan", rounded(|scope| progan::Generator::new(scope, progan))),
        ("style", rounded(|scope| style::Stylizer::new(scope, style::Sizes { width: 4 }))),
        ("ddpm", rounded(|scope| denoiser::Denoiser::new(scope, denoiser))),
        ("vae", rounded(|scope| vae::Decoder::new(scope, vae))),
        ("lenet", rounded(|scope| lenet::Lenet::new(scope, lenet::Sizes::default()))),
    ] {
        let write = |ending: &str, bytes: Vec<u8>| {
            let file = folder.path().join(format!("{name}-{ending}"));
            std::fs::write(&file, bytes).unwrap();
            exported(&file)
        };
        let safetensors = safetensors::serialize(full(&tensors), None).unwrap();
        let (wanted, wanted_weights) = write("plain.safetensors", safetensors);
        for (ending, bytes) in [
            ("half.pt", zipped(&tensors, &["state_dict"])),
            ("full.pth", zipped(&full(&tensors), &["checkpoint", "model"])),
            ("half-old.pth", old(&tensors, &["model"])),
            ("full-old.model", old(&full(&tensors), &[])),
            ("parallel.pt", zipped(&renamed(&tensors, "module."), &[])),
        ] {
            let (card, weights) = write(ending, bytes);
            assert_eq!((card.kind, card.architecture), (wanted.kind.clone(), wanted.architecture.clone()), "{ending}");
            let bytes = |weights: &Weights| safetensors::serialize(&weights.tensors, None).unwrap();
            assert_eq!(bytes(&weights), bytes(&wanted_weights), "{name} {ending}");
        }
    }
}
