//! Weights in every form: the library, `train eval` and `train style --features` accept the same ones. The tests of
//! export-onnx use the same forms.

mod common;
mod weight_files;

use std::fs;
use std::path::Path;
use std::process::Output;

use candle_core::Device;
use common::{digits, failure, success, train, utf8};
use easel_runtime::card::Architecture;
use easel_train::networks::Network;
use easel_train::networks::features::Features;
use easel_train::networks::lenet::{self, Lenet};
use easel_train::networks::squeezenet::SqueezeNet;
use easel_train::{Error, WeightsFile, weights};
use weight_files::{CLASSES, TITLE, accepted, checkpoint, refused, tensors, to_float32, wrapped};

fn lenet() -> (Architecture, weight_files::Tensors) {
    let sizes = lenet::Sizes::default();
    (sizes.architecture(), tensors(|scope| Lenet::new(scope, sizes)))
}

/// A narrow one. The networks of perceptual losses have no architecture name of their own.
fn squeezenet() -> (Architecture, weight_files::Tensors) {
    let architecture = Architecture { name: "squeezenet".into(), sizes: Default::default() };
    (architecture, tensors(|scope| SqueezeNet::new(scope, 16)))
}

fn bytes(tensors: &weight_files::Tensors) -> Vec<u8> {
    safetensors::serialize(to_float32(tensors), None).unwrap()
}

fn model() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/lenet-mnist.onnx")
}

#[test]
fn every_form_holds_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (architecture, tensors) = lenet();
    for path in accepted(folder.path(), &architecture, &tensors) {
        let name = path.display();
        let file = weights::open(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(file.architecture.as_ref(), Some(&architecture), "{name}");
        assert_eq!(bytes(file.tensors()), bytes(&tensors), "{name}");
        assert!(matches!(file.network(&Device::Cpu), Ok(Network::Lenet(_))), "{name}");
        assert_eq!((file.sha256.len(), &file.licence), (64, &None), "{name}");
        let in_checkpoint = path.is_dir();
        assert_eq!(file.title.as_deref(), in_checkpoint.then_some(TITLE), "{name}");
        assert_eq!(file.classes, if in_checkpoint { &CLASSES[..] } else { &[] }, "{name}");
        assert_eq!(file.provenance.data.as_deref(), in_checkpoint.then_some("digits"), "{name}");
        assert_eq!(file.unreadable.len(), usize::from(path.ends_with("run")), "{name}");
    }
    let file = weights::open(&model()).unwrap();
    assert_eq!((file.classes.len(), file.licence.is_some(), file.title.is_some()), (10, true, true));
    assert!(matches!(file.network(&Device::Cpu), Ok(Network::Lenet(_))));

    let (architecture, tensors) = squeezenet();
    let folder = tempfile::tempdir().unwrap();
    for path in accepted(folder.path(), &architecture, &tensors) {
        let features = Features::load(&path, &Device::Cpu);
        assert!(matches!(features, Ok(Features::SqueezeNet(_))), "{}: {features:?}", path.display());
    }
}

#[test]
fn the_programs_accept_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    digits(&at("digits"), 10, 10);
    let picture = easel_scenes::scene(4, 2, 40, 40).0;
    easel_pictures::save_picture(&at("style.png"), &picture).unwrap();
    let (data, style) = (at("digits"), at("style.png"));
    let eval = |path: &Path| train(&["eval", utf8(path), "--data", utf8(&data)]);
    let classifier = |path: &Path| train(&["eval", utf8(&data), "--data", utf8(&data), "--classifier", utf8(path)]);
    let features = |path: &Path| {
        let more = ["--size", "32", "--style-size", "32", "--steps", "1", "--batch", "1", "--width", "4", "--dry-run"];
        let inputs = ["style", "--content", "synthetic", "--style", utf8(&style), "--features", utf8(path)];
        train(&[&inputs[..], &more].concat())
    };
    let (architecture, tensors) = lenet();
    let classifiers = accepted(&at(""), &architecture, &tensors);
    for path in classifiers.iter().chain([&model()]) {
        success(&eval(path));
        success(&classifier(path));
        assert!(failure(&features(path)).contains("the network `lenet`"), "{}", path.display());
    }
    let (architecture, tensors) = squeezenet();
    fs::create_dir(at("features")).unwrap();
    for path in accepted(&at("features"), &architecture, &tensors) {
        success(&features(&path));
        let refused = failure(&eval(&path));
        assert!(refused.contains("no known network") || refused.contains("`squeezenet`"), "{refused}");
    }
    for (path, reason) in refused(folder.path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        for output in [classifier(&path), features(&path)] {
            let error = failure(&output);
            assert!(error.contains(name) && error.contains(reason), "{error}");
        }
        // Other folders may be pictures.
        if name != "missing" && name != "empty" {
            assert!(failure(&eval(&path)).contains(reason));
        }
    }
}

#[test]
fn a_part_of_a_file_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    digits(&at("digits"), 10, 10);
    easel_pictures::save_picture(&at("style.png"), &easel_scenes::scene(4, 2, 40, 40).0).unwrap();
    let (data, style) = (at("digits"), at("style.png"));
    let eval = |path: &Path, more: &[&str]| train(&[&["eval", utf8(path), "--data", utf8(&data)][..], more].concat());
    let features = |path: &Path, more: &[&str]| {
        let inputs = ["style", "--data", "synthetic", "--style", utf8(&style), "--features", utf8(path)];
        let sizes = ["--size", "32", "--style-size", "32", "--steps", "1", "--batch", "1", "--width", "4", "--dry-run"];
        train(&[&inputs[..], &sizes, more].concat())
    };
    type Program<'a> = &'a dyn Fn(&Path, &[&str]) -> Output;
    let programs: [(&str, weight_files::Tensors, Program); 2] =
        [("lenet", lenet().1, &eval), ("squeezenet", squeezenet().1, &features)];
    for (name, tensors, program) in programs {
        let path = at(&format!("{name}.safetensors"));
        let parts: weight_files::Tensors =
            [wrapped(&tensors, "model."), wrapped(&tensors, "ema.")].into_iter().flatten().collect();
        fs::write(&path, bytes(&parts)).unwrap();
        let both = program(&path, &[]);
        let said = String::from_utf8(both.stderr.clone()).unwrap();
        success(&both);
        assert!(said.contains("`model`") && said.contains("--part ema"), "{said}");
        let one = program(&path, &["--part", "ema"]);
        success(&one);
        assert!(!String::from_utf8(one.stderr.clone()).unwrap().contains("--part"));
        let error = failure(&program(&path, &["--part", "emma"]));
        assert!(error.contains("`emma`") && error.contains("`ema`") && error.contains(name), "{error}");
    }
    // What holds one network has no parts.
    assert!(failure(&eval(&model(), &["--part", "ema"])).contains("--part"));
    let (architecture, tensors) = lenet();
    checkpoint(&at("run"), 1, &architecture, &tensors);
    assert!(failure(&eval(&at("run"), &["--part", "ema"])).contains("--part"));
}

#[test]
fn what_is_refused_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    for (path, expected) in refused(folder.path()) {
        let Err(Error::Unreadable { path: found, reason }) = weights::open(&path) else { panic!("{}", path.display()) };
        assert!(found == path && reason.contains(expected), "{}: {reason}", found.display());
        assert!(
            matches!(Features::load(&path, &Device::Cpu), Err(Error::Unreadable { path: found, .. }) if found == path)
        );
    }
}

#[test]
fn an_unknown_network_is_an_error_once_it_is_asked_for() {
    let (_, tensors) = squeezenet();
    let file = WeightsFile::from_bytes(&bytes(&tensors), Path::new("w")).unwrap();
    assert_eq!((&file.architecture, file.tensors().len()), (&None, tensors.len()));
    let Err(Error::UnknownNetwork { path, tensors: names }) = file.weights() else { panic!("it is known") };
    assert!(path == Path::new("w") && names.iter().eq(tensors.keys()));

    let (architecture, tensors) = lenet();
    let named = Architecture { name: "holonet".into(), ..architecture.clone() };
    let error = |architecture: &Architecture, tensors: &weight_files::Tensors| {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = checkpoint(folder.path(), 1, architecture, tensors);
        weights::open(&checkpoint).unwrap().network(&Device::Cpu).err().unwrap()
    };
    assert!(matches!(error(&named, &tensors), Error::UnknownArchitecture { name, .. } if name == "holonet"));
    let mut fewer = tensors.clone();
    let (name, _) = fewer.pop_first().unwrap();
    let Error::WeightsMismatch(mismatches) = error(&architecture, &fewer) else { panic!("another error") };
    assert!(mismatches.len() == 1 && mismatches[0].name == name && mismatches[0].found.is_none());
    assert_eq!(mismatches[0].expected.as_deref(), Some(tensors[&name].dims()));
}

#[test]
fn the_best_checkpoint_is_opened_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (architecture, tensors) = lenet();
    let [best, newest] = [3, 5].map(|step| checkpoint(folder.path(), step, &architecture, &tensors));
    assert_eq!(weights::open(folder.path()).unwrap().path, newest);
    let unreadable = |path: &Path| match weights::open_best(path) {
        Err(Error::Unreadable { path, .. }) => path,
        _ => panic!("it is readable"),
    };
    let json = folder.path().join("best.json");
    assert_eq!(unreadable(folder.path()), json);
    fs::write(&json, r#"{"metric": "accuracy", "step": 3, "value": 0.9}"#).unwrap();
    assert_eq!(weights::open_best(folder.path()).unwrap().path, best);
    fs::remove_dir_all(&best).unwrap();
    assert_eq!(unreadable(folder.path()), json);
}
