//! `train eval` of generators, denoisers and pictures as a person calls it. Classifiers are in `lenet.rs`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use candle_core::{DType, Device};
use common::{digits, failure, success, train, utf8};
use easel_runtime::Random;
use easel_runtime::card::Architecture;
use easel_train::networks::progan::Stage;
use easel_train::networks::{denoiser, gan, progan, style};
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
        columns: None,
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
    digits(&data, 60, 40);
    let (said, table) = success(&eval(&run, &data, &["-n", "20"]));
    assert!(said.contains("20 pictures of 28x28 beside real ones from digits") && !said.contains("note"), "{said}");
    let names: Vec<_> = table.lines().take(4).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["metric", "swd_28", "swd", "ms_ssim"]);
    let found = json(&eval(&run, &data, &["-n", "20", "--json", "--threads", "1"]));
    assert_eq!(found, json(&eval(&run, &data, &["-n", "20", "--json", "--threads", "3"])));
    assert_ne!(found, json(&eval(&run, &data, &["-n", "20", "--json", "--seed", "1"])));
    assert_eq!((found["count"].as_u64(), found["width"].as_u64()), (Some(20), Some(28)));
    for name in ["swd", "frechet"] {
        let number = |of: &str| found["metrics"][name][of].as_f64().unwrap();
        assert!(number("value") > 3.0 * number("floor") && number("ceiling") > 3.0 * number("floor"), "{found}");
    }
    // Nobody asked for a class, but all are taken for one.
    assert!(found["metrics"].get("accuracy").is_none() && found["metrics"]["balance"]["value"].as_f64() > Some(0.0));
    for set in ["made", "real"] {
        let counts = found["answers"][set].as_array().unwrap();
        assert_eq!((counts.len(), counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>()), (10, 20));
    }
    assert!(table.contains("\nfrechet ") && table.contains("\ntaken for      made  real ones\n0 "), "{table}");
}

#[test]
fn a_classifier_judges_what_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = progan::Sizes { z_dim: 4, width: 8, channels: 3, resolution: 16 };
    let stage = Stage::grown(2);
    let run = folder.path().join("run");
    let run = checkpoint(&run, sizes.architecture(stage), |scope| progan::Generator::new(scope, sizes));
    let judged = |more: &[&str]| train(&[&["eval", utf8(&run), "--data", "scenes:30", "-n", "10"], more].concat());
    let (said, table) = success(&judged(&[]));
    assert!(said.contains("note: no Fréchet distance") && said.contains("--classifier"), "{said}");
    assert!(!table.contains("frechet"), "{table}");
    let error = failure(&judged(&["--training", "scenes:30"]));
    assert!(error.contains("scenes:30: the classifier that is built in knows 0, 1, 2"), "{error}");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx");
    let found = json(&judged(&["--json", "--classifier", utf8(&shipped)]));
    assert!(found["metrics"]["frechet"]["value"].as_f64().unwrap() > 0.0, "{found}");
}

#[test]
fn model_files_are_judged_as_they_draw() {
    let folder = tempfile::tempdir().unwrap();
    let (data, models) = (folder.path().join("digits"), Path::new(env!("CARGO_MANIFEST_DIR")).join("../models"));
    digits(&data, 60, 40);
    let found = json(&eval(&models.join("gan-mnist.onnx"), &data, &["-n", "20", "--json"]));
    let frechet = |of: &str| found["metrics"]["frechet"][of].as_f64().unwrap();
    assert!(2.0 * frechet("value") < frechet("ceiling"), "{found}");
    let scenes = train(&["eval", utf8(&models.join("progan-scenes.onnx")), "--data", "scenes:20", "--json"]);
    assert_eq!(json(&scenes)["width"], 32);
    let error = failure(&eval(&models.join("ddpm-mnist.onnx"), &data, &[]));
    assert!(error.contains("`sample -m ") && error.contains("judge that folder"), "{error}");
    let (_, table) = success(&eval(&models.join("lenet-mnist.onnx"), &data, &[]));
    assert!(table.starts_with("accuracy "), "{table}");
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
    assert!(error.contains("only classifiers, generators, denoisers and networks for tables"), "{error}");
    let run = untrained_gan(&folder.path().join("run"));
    let error = failure(&eval(&run, &folder.path().join("nothing"), &[]));
    assert!(error.contains("nothing: cannot open"), "{error}");
    let error = failure(&train(&["eval", utf8(&run), "--data", "synthetic", "--class", "eleven"]));
    assert!(error.contains("no class `eleven`"), "{error}");
}

/// Makes pictures of 16x16 of so many classes, which have no names.
fn untrained_denoiser(at: &Path, classes: usize) -> PathBuf {
    let sizes = denoiser::Sizes { labels: classes, base: 2, embedding: 4, hidden: 4, ..Default::default() };
    let task = denoiser::Task { side: 16, ..denoiser::Task::classic() };
    checkpoint(at, task.architecture(&sizes), |scope| denoiser::Denoiser::new(scope, sizes))
}

/// Drawn digits as pictures, those of `data`'s test set or those to train on.
fn pictures(at: &Path, data: &Path, test: bool) {
    let source = easel_train::data::Source::Path(data.into());
    let format = easel_train::data::PictureFormat { channels: 1, height: 28, width: 28 };
    let classes: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let drawn = match test {
        true => easel_train::recipes::lenet::load_test(&source, format, &classes).unwrap(),
        false => easel_train::data::load(&source, format).unwrap(),
    };
    for (index, label) in drawn.labels.iter().enumerate() {
        let class = at.join(label.to_string());
        fs::create_dir_all(&class).unwrap();
        let picture = image::GrayImage::from_raw(28, 28, drawn.pixels_of(index).to_vec()).unwrap();
        picture.save(class.join(format!("{index:05}.png"))).unwrap();
    }
}

#[test]
fn a_denoiser_is_judged_by_class() {
    let folder = tempfile::tempdir().unwrap();
    let (run, data) = (untrained_denoiser(&folder.path().join("run"), 10), folder.path().join("digits"));
    digits(&data, 10, 60);
    let more = ["-n", "20", "--steps", "2"];
    let (said, table) = success(&eval(&run, &data, &more));
    assert!(said.contains("dpm-solver, 2 steps: 20 pictures beside 60 real ones from digits"), "{said}");
    assert!(said.contains("warning: 20 pictures have no full covariance"), "{said}");
    let names: Vec<_> = table.lines().map_while(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["metric", "accuracy", "frechet", "kernel", "precision", "recall", "balance"]);
    let json_of = |flags: &[&str]| json(&eval(&run, &data, &[&more, flags, &["--json"]].concat()));
    let found = json_of(&["--threads", "1"]);
    assert_eq!(found, json_of(&["--threads", "3"]));
    for other in [&["--seed", "1"][..], &["--sampler", "ddim"], &["--sampler", "ddim", "--eta", "1"]] {
        assert_ne!(found["metrics"], json_of(other)["metrics"], "{other:?}");
    }
    let row = |row: &serde_json::Value| row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    let rows: Vec<u64> = found["confusion"].as_array().unwrap().iter().map(row).collect();
    assert_eq!((rows, &found["made"]["steps"]), (vec![2; 10], &2.into()));
    let number = |of: &str, name: &str| found["metrics"][of][name].as_f64().unwrap();
    assert!(number("accuracy", "floor") > number("accuracy", "value"), "{found}");
    assert!(number("frechet", "value") > 3.0 * number("frechet", "floor"), "{found}");
    assert!(number("frechet", "ceiling") > 3.0 * number("frechet", "floor"), "{found}");
}

#[test]
fn pictures_are_judged_whatever_made_them() {
    let folder = tempfile::tempdir().unwrap();
    let (data, made) = (folder.path().join("digits"), folder.path().join("made"));
    digits(&data, 10, 200);
    pictures(&made, &data, true);
    let found = json(&eval(&made, &data, &["--json"]));
    assert_eq!((found["count"].as_u64(), found["compared"].as_u64()), (Some(200), Some(100)));
    let accuracy = &found["metrics"]["accuracy"];
    assert_eq!(accuracy["value"], accuracy["floor"]);
    assert!(accuracy["value"].as_f64().unwrap() > 0.5, "{found}");
    // The classifier that is built in, as a file and as weights without names.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx");
    assert_eq!(found, json(&eval(&made, &data, &["--json", "--classifier", utf8(&shipped)])));
    let bytes = fs::read(&shipped).unwrap();
    let card = easel_runtime::ModelCard::from_model(&bytes).unwrap();
    let weights = folder.path().join("lenet.safetensors");
    fs::write(&weights, easel_train::Weights::from_model(&bytes, &card).unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!(found, json(&eval(&made, &data, &["--json", "--classifier", utf8(&weights)])));
    // What was copied from the training data is found out, and real pictures that are in it themselves.
    let copied = folder.path().join("copied");
    pictures(&copied, &data, false);
    let sheet = folder.path().join("nearest.png");
    let near =
        |training: &Path| eval(&copied, &data, &["--json", "--training", utf8(training), "--sheet", utf8(&sheet)]);
    let found = &json(&near(&data))["metrics"]["near"];
    assert!(found["value"] == 1.0 && found["floor"].as_f64() < Some(0.5), "{found}");
    // Ten are compared, in a row above the pictures that they are copies of, and below real ones above others.
    let drawn = image::open(&sheet).unwrap().to_luma8();
    assert_eq!(drawn.dimensions(), (2 + 8 * 16 + 2 + 10 * 86, 2 + 4 * 86));
    let row = |row: u32| image::imageops::crop_imm(&drawn, 2 + 8 * 16, 2 + row * 86, 10 * 86, 84).to_image();
    assert!(row(0) == row(1) && row(2) != row(3));
    fs::remove_file(&sheet).unwrap();
    assert!(failure(&near(&made)).contains("never saw") && !sheet.exists());
    // Without classes there is no accuracy.
    let loose = json(&eval(&made.join("3"), &data, &["--json"]));
    assert_eq!(
        loose["metrics"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["balance", "frechet", "kernel", "precision", "recall"]
    );
    assert!(loose.get("confusion").is_none() && loose["metrics"]["frechet"]["value"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_nobody_can_judge_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    digits(&at("digits"), 10, 20);
    let error = |subject: &Path, more: &[&str]| failure(&eval(subject, &at("digits"), more));
    let run = untrained_denoiser(&at("run"), 10);
    for (more, wanted) in [
        (&["--guidance", "2"][..], "run/checkpoints/000007: a guidance of 2 for a model that was not trained for it"),
        (&["--steps", "2000"], "from 1 to 1000"),
        (&["--eta", "1"], "--eta is for --sampler ddim, not for dpm-solver"),
        (&["--class", "1"], "--class for a denoiser: leave it out"),
        (&["-n", "1", "--steps", "1"], "too few"),
        (&["--classifier", utf8(&run)], "a denoiser, but a classifier is needed"),
        (&["--classifier", utf8(&at("digits"))], "cannot read"),
        (&["--training", "synthetic", "--sheet", "no/where.png"], "no/where.png: there is no folder no"),
        (&["--training", "synthetic", "--sheet", "sheet.txt"], "pictures are written as png"),
    ] {
        let error = error(&run, more);
        assert!(error.contains(wanted), "{error}");
    }
    let many = untrained_denoiser(&at("many"), 11);
    assert!(error(&many, &[]).contains("many/checkpoints/000007: its class `10` is none of the classifier's (0, 1, "));

    fs::create_dir_all(at("out/three")).unwrap();
    assert!(error(&at("out"), &[]).contains("no training pictures"));
    image::GrayImage::new(8, 8).save(at("out/three/1.png")).unwrap();
    assert!(error(&at("out"), &[]).contains("out: its class `three` is none of the classifier's"));
    assert!(error(&at("out"), &["--steps", "3"]).contains("--steps for a folder of pictures"));
    assert!(failure(&eval(&run, &at("out"), &[])).contains("out: its class `three`"));
    let shipped = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx")).unwrap();
    fs::write(at("cut.onnx"), &shipped[..shipped.len() - 1]).unwrap();
    assert!(error(&run, &["--classifier", utf8(&at("cut.onnx"))]).contains("cut.onnx: the model file is truncated"));
    fs::create_dir_all(at("young/checkpoints")).unwrap();
    assert!(error(&at("young"), &[]).contains("a run without a checkpoint yet"));
}
