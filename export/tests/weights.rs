//! Weights in every form that `easel_train::weights` opens, exported and inspected. The tests of train look at the same
//! forms.

#[path = "../../train/tests/weight_files/mod.rs"]
mod weight_files;

use std::path::Path;
use std::process::{Command, Output};

use candle_core::{DType, Device};
use easel_export::export::{ExportOptions, export, export_int8};
use easel_export::quantise::CalibrationSet;
use easel_export::{Error, inspect, models};
use easel_runtime::card::Architecture;
use easel_runtime::{ModelCard, Random};
use easel_train::networks::{denoiser, gan, lenet, progan, style};
use easel_train::{Params, Weights, weights};
use weight_files::{CLASSES, TITLE, Tensors, accepted, refused, tensors, to_float32, with_batch_counts};

fn export_onnx(args: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_export-onnx")).args(args).output().unwrap()
}

fn success(args: &[&Path]) -> String {
    let output = export_onnx(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn bytes(tensors: &Tensors) -> Vec<u8> {
    safetensors::serialize(to_float32(tensors), None).unwrap()
}

/// A small network of each kind.
fn networks() -> Vec<(Architecture, Tensors)> {
    let gan = gan::Sizes { z_dim: 3, hidden: 4, picture: [1, 4, 4] };
    let progan = progan::Sizes { z_dim: 4, width: 16, channels: 3, resolution: 8 };
    let style = style::Sizes { width: 4 };
    let denoiser = denoiser::Sizes { labels: 4, base_channels: 2, embedding_size: 6, hidden: 4, ..Default::default() };
    let lenet = lenet::Sizes::default();
    let stage = progan::Stage::grown(1);
    vec![
        (gan.architecture(), tensors(|scope| gan::Generator::new(scope, gan))),
        (progan.architecture(stage), tensors(|scope| progan::Generator::new(scope, progan))),
        (style.architecture(), tensors(|scope| style::Stylizer::new(scope, style))),
        (
            denoiser::DenoisingTask::classic().architecture(&denoiser),
            with_batch_counts(tensors(|scope| denoiser::Denoiser::new(scope, denoiser))),
        ),
        (lenet.architecture(), tensors(|scope| lenet::Lenet::new(scope, lenet))),
    ]
}

#[test]
fn every_form_of_every_network_is_opened() {
    for (architecture, tensors) in networks() {
        let folder = tempfile::tempdir().unwrap();
        for path in accepted(folder.path(), &architecture, &tensors) {
            let file = weights::open(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(file.architecture.as_ref(), Some(&architecture), "{}", path.display());
            assert_eq!(bytes(file.tensors()), bytes(&tensors), "{}", path.display());
            models::of_network(&file.network(&Device::Cpu).unwrap()).unwrap();
        }
        // Nested, wrapped, and with what PyTorch counts.
        let (path, model) = (folder.path().join("both.pt"), folder.path().join("m.onnx"));
        success(&[&path, "-o".as_ref(), &model]);
        let found = weights::open(&model).unwrap();
        let expected = weights::open(&path).unwrap().weights().unwrap();
        let folded = easel_export::fold::fold(&expected).unwrap();
        assert_eq!(found.architecture, Some(folded.architecture));
        let mut folded = folded.tensors;
        folded.retain(|name, _| !name.ends_with("num_batches_tracked"));
        assert_eq!(bytes(found.tensors()), bytes(&folded), "{}", architecture.name);
    }
}

#[test]
fn every_form_is_exported_and_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let (architecture, tensors) = networks().pop().unwrap();
    let model = folder.path().join("m.onnx");
    let paths = accepted(folder.path(), &architecture, &tensors);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx");
    for path in paths.iter().chain([&shipped]) {
        success(&[path, "-o".as_ref(), &model]);
        let exported = std::fs::read(&model).unwrap();
        let card = ModelCard::from_model(&exported).unwrap();
        let file = weights::open(path).unwrap();
        assert_eq!((&card.architecture, &card.provenance.weights_sha256), (&architecture, &file.sha256));
        assert_eq!((&card.classes, card.licence), (&file.classes, file.licence.unwrap_or("unknown".into())));
        assert_eq!(card.title, file.title.unwrap_or("LeNet".into()));
        assert!(success(&["inspect".as_ref(), path]).contains("kind         classifier\n"), "{}", path.display());
        assert!(inspect::describe(path).unwrap().text.contains("kind         classifier\n"), "{}", path.display());
    }
    let card = |path: &Path| {
        success(&[path, "-o".as_ref(), &model]);
        ModelCard::from_model(&std::fs::read(&model).unwrap()).unwrap()
    };
    let run = card(&paths[0]);
    assert_eq!((run.title.as_str(), &run.classes[..]), (TITLE, &CLASSES.map(String::from)[..]));
    assert_eq!(run.provenance.data.as_deref(), Some("digits"));
    // A model file keeps what its card says.
    std::fs::rename(&model, folder.path().join("again.onnx")).unwrap();
    let again = card(&folder.path().join("again.onnx"));
    assert_eq!((again.title, again.classes, again.provenance.data), (run.title, run.classes, run.provenance.data));
}

#[test]
fn what_is_refused_is_named_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.onnx");
    for (path, reason) in refused(folder.path()) {
        let (path, model) = (path.as_path(), model.as_path());
        for args in [&[path, Path::new("-o"), model][..], &[Path::new("inspect"), path]] {
            let output = export_onnx(args);
            let error = String::from_utf8(output.stderr).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(error.starts_with("error: ") && error.lines().count() == 1 && error.contains(name), "{error}");
            // What is not weights is taken for a model file.
            assert!(error.contains(reason) || args.len() == 2 && error.contains("ONNX"), "{error}");
        }
        assert!(!model.exists());
    }
}

#[test]
fn an_unknown_network_is_inspected_and_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zip.pth");
    std::fs::write(&path, include_bytes!("../../train/src/tensors/zip.pth")).unwrap();
    let listed = success(&["inspect".as_ref(), &path]);
    assert!(listed.contains("kind         tensors of no known network\nweights      2 tensors, 7 values\n  b [1] F32"));
    let error = weights::open(&path).unwrap().weights().unwrap_err();
    assert!(matches!(error, easel_train::Error::UnknownNetwork { tensors, .. } if tensors == ["b", "w"]));
    let output = export_onnx(&[&path, "-o".as_ref(), &folder.path().join("m.onnx")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("zip.pth: "));
}

/// What cannot be used is listed by `inspect` and refused by an export.
#[test]
fn a_needed_tensor_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, model) = (folder.path().join("w.safetensors"), folder.path().join("m.onnx"));
    let (_, mut tensors) = networks().pop().unwrap();
    let ema = tensors.iter().map(|(name, tensor)| (format!("ema.{name}"), tensor.clone())).collect::<Tensors>();
    tensors.insert("fc2.bias".into(), tensors["fc2.bias"].to_dtype(DType::I64).unwrap());
    tensors.extend(ema);
    std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let output = export_onnx(&[&path, "-o".as_ref(), &model]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && error.contains("w.safetensors") && error.contains("`fc2.bias`"),
        "{error}"
    );
    assert!(!model.exists());
    let listed = export_onnx(&["inspect".as_ref(), &path]);
    assert_eq!(listed.status.code(), Some(1));
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("\n  fc2.bias [84] I64\n") && listed.contains("\nproblem "), "{listed}");
    success(&[&path, "--part".as_ref(), "ema".as_ref(), "-o".as_ref(), &model]);
    assert!(success(&["inspect".as_ref(), &path, "--part".as_ref(), "ema".as_ref()]).contains("part         ema\n"));
}

#[test]
fn an_int8_model_has_no_weights_and_a_half_one_has() {
    let folder = tempfile::tempdir().unwrap();
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(5, 0));
    let network = style::Stylizer::new(params.root(), style::Sizes { width: 4 }).unwrap();
    let (architecture, options) = (network.sizes().architecture(), ExportOptions::default());
    let pictures = CalibrationSet::split((0..9).map(|at| easel_scenes::scene(0, at, 48, 48).0)).unwrap();
    let int8 = export_int8(&network, architecture.clone(), Default::default(), &pictures, 0.0, &options).unwrap();
    let path = folder.path().join("int8.onnx");
    std::fs::write(&path, &int8.bytes).unwrap();
    let error = weights::open(&path).unwrap_err();
    assert!(matches!(&error, easel_train::Error::Int8Model { path: found } if found == &path), "{error}");
    let features = easel_train::networks::features::Features::load(&path, &Device::Cpu).unwrap_err();
    assert!(matches!(features, easel_train::Error::Int8Model { .. }));
    assert!(matches!(easel_export::verify::verify_file(&int8.bytes, None), Err(Error::Int8Model)));
    assert!(inspect::describe(&path).unwrap().text.contains("kind         stylizer"));

    let weights = Weights { architecture, provenance: Default::default(), tensors: params.to_tensors() };
    let rounded = easel_export::Storage::Half.round(&weights).unwrap();
    let model = models::of_network(&rounded.network().unwrap()).unwrap();
    let options = ExportOptions { storage: easel_export::Storage::Half, ..options };
    let half = export(&*model, rounded.architecture.clone(), Default::default(), &options).unwrap();
    std::fs::write(&path, &half.bytes).unwrap();
    assert_eq!(bytes(weights::open(&path).unwrap().tensors()), bytes(&rounded.tensors));
}

#[test]
fn the_best_checkpoint_is_exported_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (architecture, tensors) = networks().pop().unwrap();
    let [best, newest] = [3, 5]
        .map(|step| weight_files::checkpoint(folder.path(), step, &architecture, &tensors).join("weights.safetensors"));
    let (run, model, flag) = (folder.path(), folder.path().join("m.onnx"), Path::new("--best"));
    let export = |more: &[&Path]| export_onnx(&[&[run, Path::new("-o"), model.as_path()][..], more].concat());
    assert_eq!(export(&[flag]).status.code(), Some(1));
    std::fs::write(run.join("best.json"), r#"{"step": 3}"#).unwrap();
    for (more, checkpoint) in [(&[flag][..], best), (&[][..], newest)] {
        let said = String::from_utf8(export(more).stderr).unwrap();
        assert!(said.contains(&checkpoint.parent().unwrap().display().to_string()), "{said}");
    }
}
