//! `train eval` of generators as a person calls it. Classifiers are in `lenet.rs`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use candle_core::{DType, Device};
use common::{digits, failure, success, train, utf8};
use easel_runtime::Random;
use easel_runtime::card::Architecture;
use easel_train::networks::progan::Stage;
use easel_train::networks::{gan, progan, style};
use easel_train::param::Scope;
use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::Record;
use easel_train::{Params, Result};

/// A checkpoint of a network with its initial weights.
fn checkpoint<T>(at: &Path, architecture: Architecture, make: impl FnOnce(Scope) -> Result<T>) -> PathBuf {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(3, 0));
    make(params.root()).unwrap();
    let record = Record {
        step: 7,
        provenance: Default::default(),
        title: None,
        classes: vec![],
        trainer: serde_json::Value::Null,
        session: serde_json::Value::Null,
    };
    let checkpoint = Checkpoint { architecture, weights: params.to_tensors(), state: Default::default(), record };
    checkpoint.save(&at.join("checkpoints"), 1, &[]).unwrap();
    at.to_path_buf()
}

fn untrained_gan(at: &Path) -> PathBuf {
    let sizes = gan::Sizes { z_dim: 4, hidden: 8, picture: [1, 28, 28] };
    checkpoint(at, sizes.architecture(), |scope| gan::Generator::new(scope, sizes))
}

fn eval(run: &Path, data: &Path, more: &[&str]) -> Output {
    train(&[&["eval", utf8(run), "--data", utf8(data)], more].concat())
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&success(output).1).unwrap()
}

#[test]
fn an_untrained_generator_is_far_from_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let (run, data) = (untrained_gan(&folder.path().join("run")), folder.path().join("digits"));
    digits(&data, 60, 10);
    let (said, table) = success(&eval(&run, &data, &["-n", "20"]));
    assert!(said.contains("20 pictures of 28x28 beside real ones from digits") && !said.contains("note"), "{said}");
    let names: Vec<_> = table.lines().take(4).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["metric", "swd_28", "swd", "ms_ssim"]);
    let found = json(&eval(&run, &data, &["-n", "20", "--json", "--threads", "1"]));
    assert_eq!(found, json(&eval(&run, &data, &["-n", "20", "--json", "--threads", "3"])));
    assert_ne!(found, json(&eval(&run, &data, &["-n", "20", "--json", "--seed", "1"])));
    assert_eq!((found["count"].as_u64(), found["width"].as_u64()), (Some(20), Some(28)));
    let swd = &found["metrics"]["swd"];
    assert!(swd["value"].as_f64().unwrap() > 3.0 * swd["floor"].as_f64().unwrap(), "{found}");
}

#[test]
fn progan_is_judged_where_it_has_grown_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("digits");
    digits(&data, 30, 10);
    let sizes = progan::Sizes { z_dim: 4, width: 8, channels: 3, resolution: 64 };
    for (stage, levels) in [
        (Stage::grown(0), vec!["swd_4"]),
        (Stage { step: 3, alpha: 0.5 }, vec!["swd_32", "swd_16"]),
        (Stage::grown(4), vec!["swd_64", "swd_32", "swd_16"]),
    ] {
        let run = folder.path().join(stage.step.to_string());
        let run = checkpoint(&run, sizes.architecture(stage), |scope| progan::Generator::new(scope, sizes));
        let (said, table) = success(&eval(&run, &data, &["--class", "1", "7"]));
        assert!(said.contains("note: 3 pictures are compared, not 2048: digits has 6"), "{said}");
        let names: Vec<_> = table.lines().skip(1).map_while(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, [levels, vec!["swd", "ms_ssim"]].concat());
    }
}

#[test]
fn a_single_picture_has_no_floor() {
    let folder = tempfile::tempdir().unwrap();
    let (run, data) = (untrained_gan(&folder.path().join("run")), folder.path().join("one"));
    fs::create_dir(&data).unwrap();
    image::RgbImage::from_fn(9, 12, |x, y| image::Rgb([20 * x as u8, 20 * y as u8, 0]))
        .save(data.join("1.png"))
        .unwrap();
    let found = json(&eval(&run, &data, &["--json"]));
    assert!(found["metrics"]["swd"]["value"].as_f64().unwrap() > 0.0, "{found}");
    assert!(found["metrics"]["swd"]["floor"].is_null() && found["metrics"].get("ms_ssim").is_none(), "{found}");
}

#[test]
fn what_cannot_be_judged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = style::Sizes { width: 4 };
    let stylizer =
        checkpoint(&folder.path().join("style"), sizes.architecture(), |scope| style::Stylizer::new(scope, sizes));
    let error = failure(&train(&["eval", utf8(&stylizer), "--data", "synthetic"]));
    assert!(error.contains("only classifiers and generators"), "{error}");
    let run = untrained_gan(&folder.path().join("run"));
    let error = failure(&eval(&run, &folder.path().join("nothing"), &[]));
    assert!(error.contains("nothing: cannot open"), "{error}");
    let error = failure(&train(&["eval", utf8(&run), "--data", "synthetic", "--class", "eleven"]));
    assert!(error.contains("no class `eleven`"), "{error}");
}
