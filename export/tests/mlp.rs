//! Models for tables: from a run to a file.

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device, Tensor};
use easel_export::export::{ExportOptions, ExportedModel, export};
use easel_export::verify::verify_file;
use easel_export::{Error, Storage, models, verify};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::card::{Columns, Kind, Provenance, TabularTask};
use easel_runtime::{ModelCard, Random};
use easel_train::networks::mlp::{Mlp, Moments, Sizes};
use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::Record;
use easel_train::{Params, Weights};

fn network(task: TabularTask, target: Option<Moments>) -> (Mlp, Weights) {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(3, 0));
    let sizes = Sizes { columns: 3, hidden: vec![16, 8], task };
    let network = Mlp::new(params.root(), sizes).unwrap();
    let moments = [(1e6, 250.0), (-3e-5, 2e-6), (7.0, 0.0)].map(|(mean, std)| Moments { mean, std });
    network.standardise(&moments, target).unwrap();
    let architecture = network.sizes().architecture();
    (network, Weights { architecture, provenance: Provenance::default(), tensors: params.to_tensors() })
}

fn options(columns: &[&str], classes: &[&str]) -> ExportOptions {
    let text = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let columns = Some(Columns { features: text(columns), target: "worth".into() });
    ExportOptions { columns, classes: text(classes), ..ExportOptions::default() }
}

fn exported(network: &Mlp, options: &ExportOptions) -> easel_export::Result<ExportedModel> {
    export(network, network.sizes().architecture(), Provenance::default(), options)
}

#[test]
fn inputs_and_outputs_have_the_tables_units() {
    for target in [Moments { mean: 3e8, std: 2e7 }, Moments { mean: 1e-9, std: 1e-9 }] {
        let (network, _) = network(TabularTask::Regression, Some(target));
        let file = exported(&network, &options(&["a", "b", "c"], &[])).unwrap();
        assert_eq!(file.bytes, exported(&network, &options(&["a", "b", "c"], &[])).unwrap().bytes);
        assert_eq!(file.card.kind, Kind::Tabular { column_count: 3, task: TabularTask::Regression });
        assert_eq!((&file.card.picture, file.card.golden.len()), (&None, 1));
        assert_eq!(ModelCard::from_model(&file.bytes).unwrap(), file.card);
        assert!(verify_file(&file.bytes, None).unwrap().max_difference < 1e-5);

        let mut engine = OrtEngine::load(&file.bytes, &EngineOptions::default()).unwrap();
        let mean = easel_runtime::Tensor::new([1, 3], vec![1e6, -3e-5, 9.0]).unwrap();
        let found = engine.run_blocking(&[("features", &mean)]).unwrap().remove(0);
        let own = Tensor::new(&[[1e6f32, -3e-5, 7.0]], &Device::Cpu).unwrap();
        let expected = network.predict(&own).unwrap().to_vec2::<f32>().unwrap()[0][0];
        assert_eq!((found.0.as_str(), found.1.shape()), ("prediction", &[1, 1][..]));
        let difference = f64::from(found.1.as_f32().unwrap()[0] - expected).abs();
        assert!(difference < 1e-5 * target.mean.max(target.std), "{difference}");
    }
}

#[test]
fn names_are_as_many_as_columns_and_classes() {
    let (network, _) = network(TabularTask::Classification { class_count: 2 }, None);
    let with = |columns: &[&str], classes: &[&str]| exported(&network, &options(columns, classes));
    let file = with(&["a", "b", "c"], &["low", "high"]).unwrap();
    assert_eq!((file.card.classes.len(), file.card.columns.unwrap().features.len()), (2, 3));
    assert!(matches!(with(&["a"], &[]), Err(Error::ColumnCount { names: 1, network: 3 })));
    assert!(matches!(with(&["a", "b", "c"], &["low"]), Err(Error::ClassCount { names: 1, network: 2 })));
    let nameless = exported(&network, &ExportOptions::default()).unwrap();
    assert!(nameless.card.columns.is_none() && verify_file(&nameless.bytes, None).is_ok());
}

#[test]
fn another_networks_file_is_refused() {
    let (network, _) = network(TabularTask::Regression, Some(Moments { mean: 5e4, std: 1e4 }));
    let file = exported(&network, &ExportOptions::default()).unwrap();
    let other = Sizes { hidden: vec![16], ..network.sizes().clone() };
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(3, 0));
    let other = Mlp::new(params.root(), other).unwrap();
    let error = verify::verify(&file.bytes, &other, None).unwrap_err();
    assert!(matches!(error, Error::OutputDifference { output, .. } if output == "prediction"));
}

#[test]
fn weights_are_stored_in_half_precision() {
    let (network, weights) = network(TabularTask::Regression, Some(Moments { mean: 3e8, std: 2e7 }));
    let stored = models::of_network(&Storage::Half.round(&weights).unwrap().network().unwrap()).unwrap();
    let rounding = verify::network_difference(&network, &*stored).unwrap();
    let options = ExportOptions { storage: Storage::Half, rounding: Some(rounding), ..ExportOptions::default() };
    let file = export(&*stored, network.sizes().architecture(), Provenance::default(), &options).unwrap();
    assert!(rounding > 0.0 && rounding < 1e-2, "{rounding}");
    assert!(verify_file(&file.bytes, None).unwrap().max_difference < 1e-5);
}

#[test]
fn a_runs_columns_are_in_the_card() {
    let folder = tempfile::tempdir().unwrap();
    let (run, model) = (folder.path().join("run"), folder.path().join("m.onnx"));
    let Weights { architecture, provenance, tensors } = network(TabularTask::Classification { class_count: 2 }, None).1;
    let ExportOptions { columns, classes, .. } = options(&["long", "wide", "deep"], &["low", "high"]);
    let (title, trainer, session) = (None, serde_json::Value::Null, serde_json::Value::Null);
    let record = Record { step: 4, provenance, title, classes, columns, trainer, session, fingerprint: None };
    let checkpoint = Checkpoint { architecture, weights: tensors, state: Default::default(), record };
    checkpoint.save(&run.join("checkpoints"), 1, &[]).unwrap();

    success(&[&run, "-o".as_ref(), &model]);
    success(&["verify".as_ref(), &model, "--update".as_ref()]);
    let text = success(&["inspect".as_ref(), &model]);
    for line in [
        "kind         tabular model",
        "architecture mlp (classes 2, columns 3, hidden [16,8])",
        "columns      long, wide, deep",
        "target       worth",
        "classes      low, high",
        "input        features float [batch, 3]",
        "output       logits float [batch, 2]",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("picture"), "{text}");
    // Weights without metadata are recognised by their names.
    let weights = folder.path().join("w.safetensors");
    let tensors = network(TabularTask::Regression, None).1.tensors;
    candle_core::safetensors::save(&tensors.into_iter().collect(), &weights).unwrap();
    assert!(success(&["inspect".as_ref(), &weights]).contains("kind         tabular model"));
}

/// The stdout of a call that must succeed.
fn success(arguments: &[&Path]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_export-onnx")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
