//! `train eval` of generators, denoisers and pictures at the command line. Classifiers are in `lenet.rs`, tables in
//! `mlp.rs`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use candle_core::{DType, Device};
use common::{digits, failure, success, text, train, utf8};
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
        fingerprint: None,
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
    assert!(said.contains("20 pictures of 28x28") && said.contains("digits") && !said.contains("note"), "{said}");
    let names: Vec<_> = table.lines().take(4).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["metric", "swd_28", "swd", "ms_ssim"]);
    let found = json(&eval(&run, &data, &["-n", "20", "--json", "--threads", "1"]));
    assert_eq!(found, json(&eval(&run, &data, &["-n", "20", "--json", "--threads", "3"])));
    assert_ne!(found, json(&eval(&run, &data, &["-n", "20", "--json", "--seed", "1"])));
    assert_eq!((found["count"].as_u64(), found["made"]["width"].as_u64()), (Some(20), Some(28)));
    for name in ["swd", "frechet"] {
        let number = |of: &str| found["metrics"][name][of].as_f64().unwrap();
        assert!(number("value") > 3.0 * number("floor") && number("ceiling") > 3.0 * number("floor"), "{found}");
    }
    // A generator has no class condition, but each picture is predicted as one.
    assert!(found["metrics"].get("accuracy").is_none() && found["metrics"]["balance"]["value"].as_f64() > Some(0.0));
    for set in ["made", "real"] {
        let counts = found["answers"][set].as_array().unwrap();
        assert_eq!((counts.len(), counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>()), (10, 20));
    }
    assert!(table.contains("\nfrechet ") && table.contains("\npredicted "), "{table}");
}

#[test]
fn a_classifier_evaluates_what_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = progan::Sizes { z_dim: 4, width: 8, channels: 3, resolution: 16 };
    let stage = Stage::grown(2);
    let run = folder.path().join("run");
    let run = checkpoint(&run, sizes.architecture(stage), |scope| progan::Generator::new(scope, sizes));
    let evaluated = |more: &[&str]| train(&[&["eval", utf8(&run), "--data", "scenes:30", "-n", "10"], more].concat());
    let (said, table) = success(&evaluated(&[]));
    assert!(said.contains("note: ") && said.contains("Fréchet") && said.contains("--classifier"), "{said}");
    assert!(!table.contains("frechet"), "{table}");
    let error = failure(&evaluated(&["--training", "scenes:30"]));
    assert!(error.contains("scenes:30: ") && error.contains("0, 1, 2") && error.contains("--classifier"), "{error}");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx");
    let found = json(&evaluated(&["--json", "--classifier", utf8(&shipped)]));
    assert!(found["metrics"]["frechet"]["value"].as_f64().unwrap() > 0.0, "{found}");
}

#[test]
fn model_files_are_evaluated_as_they_draw() {
    let folder = tempfile::tempdir().unwrap();
    let (data, models) = (folder.path().join("digits"), Path::new(env!("CARGO_MANIFEST_DIR")).join("../models"));
    digits(&data, 60, 40);
    let found = json(&eval(&models.join("gan-mnist.onnx"), &data, &["-n", "20", "--json"]));
    let frechet = |of: &str| found["metrics"]["frechet"][of].as_f64().unwrap();
    assert!(2.0 * frechet("value") < frechet("ceiling"), "{found}");
    let scenes = train(&["eval", utf8(&models.join("progan-scenes.onnx")), "--data", "scenes:20", "--json"]);
    assert_eq!(json(&scenes)["made"]["width"], 32);
    let error = failure(&eval(&models.join("ddpm-mnist.onnx"), &data, &[]));
    assert!(error.contains("ddpm-mnist.onnx") && error.contains("`sample -m "), "{error}");
    let (_, table) = success(&eval(&models.join("lenet-mnist.onnx"), &data, &[]));
    assert!(table.starts_with("accuracy "), "{table}");
}

/// Sets are inverted as a whole, so that both are compared in the classifier's polarity.
#[test]
fn a_folder_of_the_other_polarity_is_inverted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("digits");
    digits(&data, 60, 40);
    let format = easel_train::data::PictureFormat { channels: 1, height: 28, width: 28 };
    let drawn = easel_train::data::synthetic::digits(20, 5, format);
    let evaluated = |mask: u8, flags: &[&str]| {
        let at = folder.path().join(format!("drawn-{mask}"));
        for index in 0..drawn.len() {
            let class = at.join(drawn.labels[index].to_string());
            fs::create_dir_all(&class).unwrap();
            let pixels = drawn.pixels_of(index).iter().map(|value| value ^ mask).collect();
            image::GrayImage::from_raw(28, 28, pixels).unwrap().save(class.join(format!("{index}.png"))).unwrap();
        }
        let output = eval(&at, &data, &[flags, &["--json"]].concat());
        (success(&output).0.matches("pictures are dark on light").count(), json(&output)["metrics"].clone())
    };
    let ((none, light), (one, dark), (off, kept)) =
        (evaluated(0, &[]), evaluated(255, &[]), evaluated(255, &["--invert", "off"]));
    assert_eq!(([none, one, off], &dark), ([0, 1, 0], &light));
    assert_ne!(kept, light);
}

#[test]
fn progan_is_evaluated_at_its_resolution() {
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
        assert!(said.contains("note: 3 pictures") && said.contains("2048") && said.contains("digits has 6"), "{said}");
        let names: Vec<_> = table.lines().skip(1).map_while(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, [levels, vec!["swd", "ms_ssim"]].concat());
    }
}

#[test]
fn a_single_picture_has_no_baseline() {
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
fn what_cannot_be_evaluated_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = style::Sizes { width: 4 };
    let stylizer =
        checkpoint(&folder.path().join("style"), sizes.architecture(), |scope| style::Stylizer::new(scope, sizes));
    let error = failure(&train(&["eval", utf8(&stylizer), "--data", "synthetic"]));
    assert!(error.contains(utf8(&stylizer)) && error.contains(&sizes.architecture().name), "{error}");
    let run = untrained_gan(&folder.path().join("run"));
    let error = failure(&eval(&run, &folder.path().join("nothing"), &[]));
    assert!(error.contains("nothing: cannot open"), "{error}");
    let error = failure(&train(&["eval", utf8(&run), "--data", "synthetic", "--class", "eleven"]));
    assert!(error.contains("no class `eleven`"), "{error}");
}

/// Draws pictures of 16x16 of some classes, which have no names.
fn untrained_denoiser(at: &Path, classes: usize) -> PathBuf {
    let sizes =
        denoiser::Sizes { labels: classes, base_channels: 2, embedding_size: 4, hidden: 4, ..Default::default() };
    let task = denoiser::DenoisingTask { side: 16, ..denoiser::DenoisingTask::classic() };
    checkpoint(at, task.architecture(&sizes), |scope| denoiser::Denoiser::new(scope, sizes))
}

/// Writes drawn digits as pictures, those of `data`'s test set or of its training set.
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
fn a_denoiser_is_evaluated_by_class() {
    let folder = tempfile::tempdir().unwrap();
    let (run, data) = (untrained_denoiser(&folder.path().join("run"), 10), folder.path().join("digits"));
    digits(&data, 10, 60);
    let more = ["-n", "20", "--steps", "2"];
    let (said, table) = success(&eval(&run, &data, &more));
    assert!(said.contains("dpm-solver, 2 steps: 20 pictures") && said.contains("60 real ones from digits"), "{said}");
    assert!(said.contains("warning: 20 pictures") && said.contains("84 features"), "{said}");
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
fn pictures_are_evaluated_from_any_source() {
    let folder = tempfile::tempdir().unwrap();
    let (data, drawn) = (folder.path().join("digits"), folder.path().join("drawn"));
    digits(&data, 10, 200);
    pictures(&drawn, &data, true);
    let found = json(&eval(&drawn, &data, &["--json"]));
    assert_eq!((found["count"].as_u64(), found["compared"].as_u64()), (Some(200), Some(100)));
    let accuracy = &found["metrics"]["accuracy"];
    assert_eq!(accuracy["value"], accuracy["floor"]);
    assert!(accuracy["value"].as_f64().unwrap() > 0.5, "{found}");
    // The built-in classifier, as a file and as weights without names.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx");
    assert_eq!(found, json(&eval(&drawn, &data, &["--json", "--classifier", utf8(&shipped)])));
    let bytes = fs::read(&shipped).unwrap();
    let card = easel_runtime::ModelCard::from_model(&bytes).unwrap();
    let weights = folder.path().join("lenet.safetensors");
    fs::write(&weights, easel_train::Weights::from_model(&bytes, &card).unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!(found, json(&eval(&drawn, &data, &["--json", "--classifier", utf8(&weights)])));
    // Copies of training pictures are found, and so are real pictures that are among them.
    let copied = folder.path().join("copied");
    pictures(&copied, &data, false);
    let sheet = folder.path().join("nearest.png");
    let near = |flag: &str, training: &Path| {
        eval(&copied, &data, &["--json", "--training", utf8(training), flag, utf8(&sheet)])
    };
    let found = &json(&near("--contact-sheet", &data))["metrics"]["near"];
    assert!(found["value"] == 1.0 && found["floor"].as_f64() < Some(0.5), "{found}");
    // Ten are compared, in a row above the pictures that they are copies of, and below them real ones above others.
    let image = image::open(&sheet).unwrap().to_luma8();
    assert_eq!(image.dimensions(), (2 + 8 * 16 + 2 + 10 * 86, 2 + 4 * 86));
    let row = |row: u32| image::imageops::crop_imm(&image, 2 + 8 * 16, 2 + row * 86, 10 * 86, 84).to_image();
    assert!(row(0) == row(1) && row(2) != row(3));
    fs::remove_file(&sheet).unwrap();
    let refused = near("--sheet", &drawn);
    let line: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    let error = line["error"].as_str().unwrap();
    assert!(refused.status.code() == Some(1) && error.contains("among the training pictures"), "{error}");
    assert!(text(&refused.stderr).contains(error) && !sheet.exists());
    // Without classes there is no accuracy.
    let loose = json(&eval(&drawn.join("3"), &data, &["--json"]));
    assert_eq!(
        loose["metrics"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["balance", "frechet", "kernel", "precision", "recall"]
    );
    assert!(loose.get("confusion").is_none() && loose["metrics"]["frechet"]["value"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_does_not_fit_the_subject_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    digits(&at("digits"), 10, 20);
    let error = |subject: &Path, more: &[&str]| failure(&eval(subject, &at("digits"), more));
    let run = untrained_denoiser(&at("run"), 10);
    for (more, wanted) in [
        (&["--guidance", "2"][..], "run/checkpoints/000007: guidance 2"),
        (&["--steps", "2000"], "from 1 to 1000"),
        (&["--eta", "1"], "--sampler ddim, not to dpm-solver"),
        (&["--class", "1"], "a denoiser takes no --class"),
        (&["-n", "1", "--steps", "1"], "too few"),
        (&["--classifier", utf8(&run)], "a denoiser is not a classifier"),
        (&["--classifier", utf8(&at("digits"))], "cannot read"),
        (&["--training", "synthetic", "--contact-sheet", "no/where.png"], "no/where.png: there is no folder no"),
        (&["--training", "synthetic", "--contact-sheet", "sheet.txt"], "sheet.txt"),
    ] {
        let error = error(&run, more);
        assert!(error.contains(wanted), "{error}");
    }
    let many = untrained_denoiser(&at("many"), 11);
    assert!(error(&many, &[]).contains("many/checkpoints/000007: its class `10`"));

    fs::create_dir_all(at("out/three")).unwrap();
    assert!(error(&at("out"), &[]).contains("no training pictures"));
    image::GrayImage::new(8, 8).save(at("out/three/1.png")).unwrap();
    assert!(error(&at("out"), &[]).contains("out: its class `three`"));
    assert!(error(&at("out"), &["--steps", "3"]).contains("a folder of pictures takes no --steps"));
    assert!(failure(&eval(&run, &at("out"), &[])).contains("out: its class `three`"));
    let shipped = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx")).unwrap();
    fs::write(at("cut.onnx"), &shipped[..shipped.len() - 1]).unwrap();
    assert!(error(&run, &["--classifier", utf8(&at("cut.onnx"))]).contains("cut.onnx: "));
    fs::create_dir_all(at("young/checkpoints")).unwrap();
    assert!(error(&at("young"), &[]).contains("young: a run without a checkpoint"));
}
