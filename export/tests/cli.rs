//! The program: its files and its errors.

use std::path::Path;
use std::process::{Command, Output};

use candle_core::{DType, Device};
use easel_runtime::card::{METADATA_KEY, Provenance};
use easel_runtime::onnx::with_metadata;
use easel_runtime::{ModelCard, Random};
use easel_train::networks::gan::{Generator, Sizes};
use easel_train::{Params, Weights};

fn export_onnx(args: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_export-onnx")).args(args).output().unwrap()
}

fn path(text: &str) -> &Path {
    Path::new(text)
}

/// One line on stderr that begins with `error:`, status 1.
fn refused(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    errors[0].to_string()
}

fn weights() -> Vec<u8> {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
    let sizes = Sizes { z_dim: 3, hidden: 4, picture: [1, 2, 2] };
    Generator::new(params.root(), sizes).unwrap();
    let provenance = Provenance { data: Some("dots".into()), steps: Some(12), ..Default::default() };
    Weights { architecture: sizes.architecture(), provenance, tensors: params.to_tensors() }.to_bytes().unwrap()
}

fn without_golden_output(model: &[u8]) -> Vec<u8> {
    let card = ModelCard { golden: Vec::new(), ..ModelCard::from_model(model).unwrap() };
    with_metadata(model, METADATA_KEY, &card.to_json()).unwrap()
}

#[test]
fn a_run_becomes_a_file_that_can_be_inspected_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    for (step, bytes) in [("000010", weights()), ("000020", b"damaged".to_vec())] {
        let checkpoint = folder.path().join("run/checkpoints").join(step);
        std::fs::create_dir_all(&checkpoint).unwrap();
        std::fs::write(checkpoint.join("weights.safetensors"), bytes).unwrap();
    }
    let (run, model) = (folder.path().join("run"), folder.path().join("m.onnx"));
    let output = export_onnx(&[&run, path("-o"), &model, path("--licence"), path("CC0-1.0")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let card = ModelCard::from_model(&std::fs::read(&model).unwrap()).unwrap();
    assert_eq!((card.provenance.data.as_deref(), card.provenance.steps), (Some("dots"), Some(12)));
    assert_eq!((card.licence.as_str(), card.provenance.weights_sha256.len()), ("CC0-1.0", 64));

    let output = export_onnx(&[path("verify"), &model]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // A file of an earlier version gets the card of an export by this one.
    let exported = std::fs::read(&model).unwrap();
    assert_eq!(card.golden.len(), 4);
    std::fs::write(&model, without_golden_output(&exported)).unwrap();
    let link = folder.path().join("link.onnx");
    std::os::unix::fs::symlink(&model, &link).unwrap();
    let output = export_onnx(&[path("verify"), &link, path("--update")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(&model).unwrap() == exported && link.is_symlink());

    for (file, expected) in [(&model, "1 Sigmoid"), (&run, "hidden.weight [4, 3]")] {
        let output = export_onnx(&[path("inspect"), file]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(expected), "{text}");
    }
}

#[test]
fn failures_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let model = at("m.onnx");
    std::fs::write(at("good.safetensors"), weights()).unwrap();
    std::fs::write(at("text"), "no library").unwrap();
    let good = at("good.safetensors");
    let line = refused(&export_onnx(&[&good, path("-o"), &at("nowhere/m.onnx")]));
    assert!(line.contains("nowhere"), "{line}");
    let line = refused(&export_onnx(&[&good, path("-o"), &model, path("--ort-lib"), &at("text")]));
    assert!(line.contains("text") && line.contains("cargo xtask setup"), "{line}");
    for (flag, value) in [("--resolution", "32"), ("--alpha", "0.5")] {
        let line = refused(&export_onnx(&[&good, path("-o"), &model, path(flag), path(value)]));
        assert!(line.contains(&format!("{flag} {value}")) && line.contains("vanilla-gan"), "{line}");
    }
    assert!(!model.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn damaged_models_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("w.safetensors");
    std::fs::write(&good, weights()).unwrap();
    let model = folder.path().join("m.onnx");
    assert!(export_onnx(&[&good, path("-o"), &model]).status.success());
    let cut = folder.path().join("cut.onnx");
    let bytes = std::fs::read(&model).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let picture = folder.path().join("p.onnx");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    for command in ["inspect", "verify"] {
        let line = refused(&export_onnx(&[path(command), &cut]));
        assert!(line.contains("cut.onnx") && line.contains("truncated"), "{line}");
        let line = refused(&export_onnx(&[path(command), &picture]));
        assert!(line.contains("p.onnx") && line.contains("not an ONNX model"), "{line}");
    }
}

#[test]
fn other_files_are_named_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("m.onnx");
    for (name, bytes, next) in [
        ("a.onnx", &b"version https://git-lfs.github.com/spec/v1\noid sha256:4d"[..], "git lfs pull"),
        ("a.pth", b"<!DOCTYPE html><html>", "web page"),
        ("a.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0", "gunzip"),
        ("data.pkl", b"\x80\x02}q\0.", "torch.save"),
        ("a.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0", "Keras"),
        ("a.npy", b"\x93NUMPY\x01\0", "safetensors"),
        ("config.json", b"{\"model_type\": \"bert\"}", "JSON"),
        ("0.distcp", b"PK\x03\x04", "dcp_to_torch"),
        ("empty.pt", b"", "empty"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        for args in [vec![&*file, path("-o"), &output], vec![path("inspect"), &file]] {
            let line = refused(&export_onnx(&args));
            assert!(line.contains(name) && line.contains(next), "{line}");
        }
    }
    std::fs::create_dir(folder.path().join("dcp")).unwrap();
    std::fs::write(folder.path().join("dcp/.metadata"), "").unwrap();
    let line = refused(&export_onnx(&[&folder.path().join("dcp"), path("-o"), &output]));
    assert!(line.contains("dcp_to_torch"), "{line}");
}

#[test]
fn inspect_lists_before_it_complains() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    let whole = Weights::from_bytes(&weights(), &file).unwrap();
    let tensors = whole.tensors.iter().filter(|(name, _)| *name != "out.bias");
    let tensors = tensors.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    std::fs::write(&file, Weights { tensors, ..whole }.to_bytes().unwrap()).unwrap();
    let output = export_onnx(&[path("inspect"), &file]);
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(listed.contains("hidden.weight [4, 3]"), "{listed}");
    let line = refused(&output);
    assert!(line.contains("w.safetensors") && line.contains("`out.bias` is missing"), "{line}");

    // The card of a newer version.
    let model = folder.path().join("m.onnx");
    std::fs::write(&file, weights()).unwrap();
    assert!(export_onnx(&[&file, path("-o"), &model]).status.success());
    let newer = with_metadata(&std::fs::read(&model).unwrap(), METADATA_KEY, "{\"schema\": 99}").unwrap();
    std::fs::write(&model, newer).unwrap();
    let output = export_onnx(&[path("inspect"), &model]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 Sigmoid"));
    let line = refused(&output);
    assert!(line.contains("m.onnx") && line.contains("99"), "{line}");
}

#[test]
fn names_with_terminal_escapes_are_never_printed_raw() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    let tensor = candle_core::Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
    let tensors = std::collections::HashMap::from([("fc\u{1b}[2J\u{9b}.weight".to_string(), tensor)]);
    candle_core::safetensors::save(&tensors, &file).unwrap();
    let model = folder.path().join("m.onnx");
    for args in [vec![path("inspect"), &*file], vec![&*file, path("-o"), &model]] {
        let output = export_onnx(&args);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains("fc\\u{1b}[2J\\u{9b}.weight"), "{text}");
        assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text}");
    }
}

#[test]
fn misuse_has_status_2() {
    let alpha = ["run", "-o", "m.onnx", "--alpha", "1.5"].map(path);
    for args in [vec![], vec![path("run")], vec![path("run"), path("-o")], vec![path("inspect")], alpha.to_vec()] {
        assert_eq!(export_onnx(&args).status.code(), Some(2), "{args:?}");
    }
}
