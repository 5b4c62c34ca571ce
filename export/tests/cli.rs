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
    let engines: Vec<_> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.contains(" from candle in ")).collect();
    assert_eq!(engines, [true, true]);

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

/// `train eval --json` has one shape for every network, with more than the card keeps.
#[test]
fn evaluations_of_every_network_go_into_the_card() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("w.safetensors"), weights()).unwrap();
    let classified = r#"{"about": "classification", "data": "digits", "count": 40, "classes": ["0", "1"],
        "metrics": {"accuracy": {"value": 0.75}, "loss": {"value": 0.5}}, "confusion": [[20, 0], [10, 10]]}"#;
    let table = r#"{"about": "regression", "data": "plane", "count": 80, "metrics": {"rmse": {"value": 2.5}}}"#;
    let drawn = r#"{"about": "seed 0", "data": "digits", "count": 9, "made": {"height": 2, "width": 2, "seed": 0},
        "metrics": {"swd": {"value": 9.0, "floor": 1.0, "ceiling": 30.0}}, "answers": {"made": [9], "real": [9]}}"#;
    let mut args = vec![at("w.safetensors"), "-o".into(), at("m.onnx")];
    for (name, text) in [("c.json", classified), ("t.json", table), ("d.json", drawn)] {
        std::fs::write(at(name), text).unwrap();
        args.extend(["--evaluation".into(), at(name)]);
    }
    let output = export_onnx(&args.iter().map(|arg| arg.as_path()).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let evaluations = ModelCard::from_model(&std::fs::read(at("m.onnx")).unwrap()).unwrap().evaluations;
    let found: Vec<_> = evaluations.iter().map(|found| (found.count, found.metrics.len())).collect();
    assert_eq!(found, [(40, 2), (80, 1), (9, 1)]);
    let text = String::from_utf8(export_onnx(&[path("inspect"), &at("m.onnx")]).stdout).unwrap();
    assert!(text.contains("classification: accuracy 0.7500, loss 0.5000 of 40 against digits"), "{text}");
}

#[test]
fn descriptions_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let (file, model) = (folder.path().join("w.safetensors"), folder.path().join("m.onnx"));
    std::fs::write(&file, weights()).unwrap();
    assert!(export_onnx(&[&file, path("-o"), &model]).status.success());
    let inspect = |file: &Path| -> (Option<i32>, serde_json::Value) {
        let output = export_onnx(&[path("inspect"), path("--json"), file]);
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    };
    let (status, found) = inspect(&model);
    assert_eq!((status, &found["kind"], &found["operators"]["Sigmoid"]), (Some(0), &"generator".into(), &1.into()));
    assert_eq!(
        found["card"]["title"],
        serde_json::json!(ModelCard::from_model(&std::fs::read(&model).unwrap()).unwrap().title)
    );
    assert_eq!(found["inputs"][0]["dims"], serde_json::json!(["batch", 3]));
    let (status, found) = inspect(&file);
    assert_eq!(
        (status, &found["kind"], found["sha256"].as_str().map(str::len)),
        (Some(0), &"generator".into(), Some(64))
    );
    let tensors = found["dictionaries"][0]["tensors"].as_array().unwrap();
    assert!(
        tensors.iter().any(|tensor| tensor["name"] == "hidden.weight" && tensor["shape"] == serde_json::json!([4, 3]))
    );
    let (status, found) = inspect(&folder.path().join("gone.onnx"));
    assert!(status == Some(1) && found["error"].as_str().unwrap().contains("gone.onnx"), "{found}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_description_that_cannot_be_printed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    std::fs::write(&file, weights()).unwrap();
    for arguments in [&[path("inspect"), &file][..], &[path("inspect"), path("--json"), &file], &[path("--help")]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_export-onnx"));
        let line = refused(&command.args(arguments).stdout(full).output().unwrap());
        assert!(line.starts_with("error: standard output: cannot write: "), "{line}");
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
