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
fn misuse_has_status_2() {
    let alpha = ["run", "-o", "m.onnx", "--alpha", "1.5"].map(path);
    for args in [vec![], vec![path("run")], vec![path("run"), path("-o")], vec![path("inspect")], alpha.to_vec()] {
        assert_eq!(export_onnx(&args).status.code(), Some(2), "{args:?}");
    }
}
