//! `train style` at the command line.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use common::{bits, failure, latest, names, run_folder, stats, stats_steps, success, text, utf8};
use easel_runtime::Random;
use easel_train::networks::Network;
use easel_train::networks::squeezenet::SqueezeNet;
use easel_train::networks::vgg::Vgg16;
use easel_train::{Params, Weights};

fn train(arguments: &[&str]) -> Output {
    common::train(&[&["style"], arguments].concat())
}

/// A place with a few photos at different depths, a style picture, narrow loss networks and settings for a short run.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for index in 0..6u64 {
            let (scene, _) = easel_scenes::scene(3, index, 40, 48 + index as usize);
            place.picture(&format!("photos/{}/{index}.png", index % 2), scene);
        }
        place.picture("the_red_wave.png", easel_scenes::scene(4, 2, 70, 60).0);
        place.weights("features.safetensors", |params| drop(SqueezeNet::new(params.root(), 16).unwrap()));
        let settings = "device = \"cpu\"\nthreads = 1\nwidth = 4\nsize = 32\nstyle_size = 40\nbatch = 2\nsteps = 6\n\
                        enlarge_from = 2.0\nenlarge = 2.0\njitter = 7\nlog_every = 2\nsample_every = 4\ncheckpoint_every = 3\n";
        fs::write(place.at("short.toml"), settings).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn picture(&self, name: &str, picture: easel_runtime::Picture) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        easel_pictures::save_picture(&path, &picture).unwrap();
    }

    /// Writes the parameters of a network with random weights and some bias, so that nothing in it is dead.
    fn weights(&self, name: &str, make: impl FnOnce(&Params)) {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(9, 0));
        make(&params);
        let mut tensors = params.to_tensors();
        for (_, bias) in tensors.iter_mut().filter(|(name, _)| name.ends_with("bias")) {
            *bias = bias.ones_like().unwrap();
        }
        if tensors.contains_key("features.0.weight") {
            // torchvision's files also have a classifier.
            tensors.insert("classifier.1.bias".into(), Tensor::zeros(10, DType::F32, &Device::Cpu).unwrap());
        }
        candle_core::safetensors::save(&tensors.into_iter().collect(), self.at(name)).unwrap();
    }

    fn train_with(&self, [content, style, features]: [&str; 3], more: &[&str]) -> Output {
        let paths = [content, style, features].map(|name| match name {
            "synthetic" => name.to_string(),
            name => utf8(&self.at(name)).to_string(),
        });
        let (settings, out) = (self.at("short.toml"), self.at("runs"));
        let [content, style, features] = &paths;
        let arguments =
            ["--content", content, "--style", style, "--features", features, "--config", utf8(&settings), "--out"];
        train(&[&arguments[..], &[utf8(&out)], more].concat())
    }

    fn train(&self, more: &[&str]) -> Output {
        self.train_with(["photos", "the_red_wave.png", "features.safetensors"], more)
    }

    fn run(&self, more: &[&str]) -> PathBuf {
        run_folder(&self.train(more))
    }

    /// Fails, and has made nothing.
    fn refusal(&self, inputs: [&str; 3], more: &[&str]) -> String {
        let error = failure(&self.train_with(inputs, more));
        assert!(!self.at("runs").exists(), "a run was made in spite of: {error}");
        error
    }
}

#[test]
fn a_run_folder_is_complete() {
    let place = Place::new();
    let output = place.train(&["--seed", "3"]);
    let (said, run) = success(&output);
    let run = PathBuf::from(run.trim_end());
    assert!(run.ends_with("00000-style-the_red_wave"), "{}", run.display());
    assert!(said.contains("The Red Wave: 6 pictures from photos, loss by SqueezeNet 1.1; 6 steps"), "{said}");
    assert_eq!(names(&run.join("samples")), ["000004.png", "000006.png"]);
    assert_eq!(names(&run.join("checkpoints")), ["000003", "000006"]);
    assert_eq!(stats_steps(&run), [2, 4, 6]);
    for line in stats(&run) {
        let value = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"));
        let parts = value("style") + value("content") + value("total_variation");
        assert!(value("content") > 0.0 && value("total_variation") > 0.0);
        assert!((value("loss") - parts).abs() < 1e-4 * parts, "{line}");
        let layers: f64 = (1..=4).map(|layer| value(&format!("style_layer_{layer}"))).sum();
        assert!((layers - value("style")).abs() < 1e-4 * layers && layers > 0.0, "{line}");
    }
    // Six pairs of content and result, each 32 pixels wide, in one row.
    let grid = image::open(run.join("samples/000006.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (12 * 32 + 11 * 2 + 4, 32 + 4));
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!(config["title"].as_str(), Some("The Red Wave"));
    // The network's defaults are written to the settings.
    for key in ["style_weight", "content_weight", "tv_weight", "relative_loss", "style_layers", "content_layers"] {
        assert!(config.contains_key(key), "{key}");
    }
    let checkpoint = latest(&run);
    assert_eq!(checkpoint.record.title.as_deref(), Some("The Red Wave"));
    assert_eq!(checkpoint.record.provenance.style.as_deref(), Some("the_red_wave.png"));
    assert_eq!(checkpoint.record.provenance.data.as_deref(), Some("photos"));
    let weights = run.join("checkpoints/000006/weights.safetensors");
    let weights = Weights::from_bytes(&fs::read(&weights).unwrap(), &weights).unwrap();
    let Network::Style(network) = weights.network().unwrap() else { panic!("another network came back") };
    assert_eq!(network.sizes().width, 4);
}

#[test]
fn a_resumed_run_has_the_bits_of_an_uninterrupted_one() {
    let place = Place::new();
    let augmented = ["--augment", "--smallest-crop", "0.5", "--lr-shape", "cosine", "--keep", "9"];
    let whole = place.run(&augmented);
    let again = place.run(&augmented);
    fs::remove_dir_all(again.join("checkpoints/000006")).unwrap();
    // Version 0.1 called the architecture `imfw`.
    let newest = again.join(format!("checkpoints/{:06}/weights.safetensors", latest(&again).record.step));
    let mut weights = Weights::from_bytes(&fs::read(&newest).unwrap(), &newest).unwrap();
    weights.architecture.name = "imfw".into();
    fs::write(&newest, weights.to_bytes().unwrap()).unwrap();
    success(&train(&["--resume", utf8(&again), "--workers", "3"]));
    assert_eq!(bits(&latest(&again)), bits(&latest(&whole)));
    assert_eq!(stats(&again), stats(&whole));
    assert_eq!(
        fs::read(again.join("samples/000006.png")).unwrap(),
        fs::read(whole.join("samples/000006.png")).unwrap()
    );
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_with_the_same_bits() {
    let place = Place::new();
    let whole = place.run(&["--steps", "40"]);
    let (settings, out) = (place.at("short.toml"), place.at("killed"));
    let mut child = Command::new(common::PROGRAM)
        .args(["style", "--content", utf8(&place.at("photos")), "--style", utf8(&place.at("the_red_wave.png"))])
        .args(["--features", utf8(&place.at("features.safetensors")), "--config", utf8(&settings)])
        .args(["--steps", "40", "--out", utf8(&out)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run = out.join("00000-style-the_red_wave");
    let until = Instant::now() + Duration::from_secs(60);
    while !run.join("checkpoints/000006").is_dir() {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "the run has come to a standstill");
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(latest(&run).record.step < 40, "the run ended before it was killed");
    success(&train(&["--resume", utf8(&run)]));
    assert_eq!(bits(&latest(&run)), bits(&latest(&whole)));
    assert_eq!(stats(&run), stats(&whole));
}

#[test]
fn the_loss_falls() {
    let place = Place::new();
    let run = place.run(&["--steps", "60", "--lr", "5e-3", "--log-every", "10", "--average", "0.9"]);
    let losses: Vec<f64> = stats(&run).iter().map(|line| line["loss"].as_f64().unwrap()).collect();
    assert!(losses[5] < 0.7 * losses[0], "{losses:?}");
}

#[test]
fn previews_are_stylized_whole() {
    let place = Place::new();
    place.picture("wide.jpg", easel_scenes::scene(4, 0, 300, 1001).0);
    place.picture("odd.png", easel_scenes::scene(4, 1, 37, 53).0);
    let (wide, odd) = (place.at("wide.jpg"), place.at("odd.png"));
    let run = place.run(&["--steps", "1", "--preview", utf8(&wide), "--preview", utf8(&odd), "--title", "Waves"]);
    let grid = image::open(run.join("samples/000001.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (2 * 512 + 2 + 4, 153 + 2 + 37 + 4));
    assert_eq!(latest(&run).record.title.as_deref(), Some("Waves"));
}

#[test]
fn either_loss_network_works_and_scenes_are_drawn() {
    let place = Place::new();
    place.weights("vgg.safetensors", |params| drop(Vgg16::new(params.root(), 32).unwrap()));
    let inputs = ["synthetic", "the_red_wave.png", "vgg.safetensors"];
    let output = place.train_with(inputs, &["--steps", "2", "--style-layers", "relu1_2=1,relu2_2=0.5"]);
    let (said, run) = success(&output);
    assert!(said.contains("240 pictures from synthetic, loss by VGG16"), "{said}");
    let config = fs::read_to_string(Path::new(run.trim_end()).join("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!((config["style_weight"].as_float(), config["relative_loss"].as_bool()), (Some(1e5), Some(false)));
    assert_eq!(config["style_layers"].as_table().unwrap().len(), 2);
    assert_eq!(config["content_layers"]["relu3_3"].as_float(), Some(1.0));
}

#[test]
fn broken_pictures_are_named_and_left_out() {
    let place = Place::new();
    fs::write(place.at("photos/notes.txt"), "no picture").unwrap();
    let bytes = fs::read(place.at("photos/0/0.png")).unwrap();
    fs::write(place.at("photos/0/broken.png"), &bytes[..bytes.len() / 2]).unwrap();
    let (said, _) = success(&place.train(&[]));
    assert!(said.contains("skipped 1 files that are not pictures: ") && said.contains("notes.txt"), "{said}");
    assert!(said.contains("replaced 1 that could not be read as pictures: ") && said.contains("broken.png"), "{said}");
}

#[test]
fn what_cannot_be_used_is_named() {
    let place = Place::new();
    let good = ["photos", "the_red_wave.png", "features.safetensors"];
    let [photos, style, features] = good;
    let refused = |inputs: [&str; 3], more: &[&str], wanted: &[&str]| {
        let error = place.refusal(inputs, more);
        assert!(wanted.iter().all(|wanted| error.contains(wanted)), "{error}");
    };
    refused([photos, style, "nowhere.pth"], &[], &["nowhere.pth: no such file", "vgg16-397923af.pth", "squeezenet1_1"]);
    refused([photos, style, style], &[], &["the_red_wave.png: a picture (PNG)"]);
    place.weights("gan.safetensors", |params| {
        drop(easel_train::networks::gan::Generator::new(params.root(), Default::default()).unwrap());
    });
    refused([photos, style, "gan.safetensors"], &[], &["gan.safetensors: weights of the network `vanilla-gan`"]);
    // SqueezeNet without one of its tensors.
    let mut tensors: BTreeMap<_, _> =
        candle_core::safetensors::load(place.at(features), &Device::Cpu).unwrap().into_iter().collect();
    tensors.remove("features.9.squeeze.bias");
    candle_core::safetensors::save(&tensors.into_iter().collect(), place.at("part.safetensors")).unwrap();
    refused([photos, style, "part.safetensors"], &[], &["part.safetensors: ", "`features.9.squeeze.bias` is missing"]);

    fs::write(place.at("text.jpg"), "no picture").unwrap();
    refused([photos, "text.jpg", features], &[], &["text.jpg: not readable as a picture"]);
    place.picture("tiny.png", easel_runtime::Picture::filled(3, 20, 3, 9));
    refused([photos, "tiny.png", features], &[], &["tiny.png: 3x20 pixels are too few"]);
    refused([photos, "nowhere.png", features], &[], &["nowhere.png: not readable"]);
    fs::create_dir(place.at("empty")).unwrap();
    refused(["empty", style, features], &[], &["empty: no pictures"]);
    refused([style, style, features], &[], &["the_red_wave.png: not a folder"]);
    fs::write(place.at("empty/cut.png"), &fs::read(place.at(style)).unwrap()[..200]).unwrap();
    refused(["empty", style, features], &[], &["cut.png"]);

    for (more, wanted) in [
        (&["--style-weight", "nan"][..], "style_weight is NaN"),
        (&["--content-weight=-1"], "content_weight is -1"),
        (&["--size", "50"], "size is 50; expected a multiple of 4"),
        (&["--size", "12"], "pixels for SqueezeNet 1.1"),
        (&["--style-size", "9"], "style_size is 9"),
        (&["--style-layers", "relu1_2=1"], "no layer `relu1_2`"),
        (&["--preview", "nowhere.png"], "nowhere.png: not readable"),
    ] {
        refused(good, more, &[wanted]);
    }
}

#[test]
fn a_loss_that_breaks_ends_the_run() {
    let place = Place::new();
    let error = failure(&place.train(&["--lr", "1e30"]));
    assert!(error.contains("step 2") || error.contains("step 3"), "{error}");
    assert!(error.contains("the loss `") && error.contains("learning rate"), "{error}");
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    let (said, settings) = success(&place.train(&["--dry-run", "--epochs", "4"]));
    let settings: toml::Table = settings.parse().unwrap();
    assert_eq!((settings["steps"].as_integer(), settings["batch"].as_integer()), (Some(12), Some(2)));
    assert!(said.contains("12 steps would take about") && !place.at("runs").exists(), "{said}");
}

#[test]
fn misuse_has_status_2() {
    for (arguments, named) in [
        (&[][..], "--data"),
        (&["--content", "x", "--steps", "5", "--epochs", "5"], "--epochs"),
        (&["--resume", "x", "--width", "8"], "--width"),
        (&["--content", "x", "--style-layers", "features.0"], "--style-layers"),
        (&["--content", "x", "--lr-shape", "zigzag"], "--lr-schedule"),
    ] {
        let output = train(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(named), "{arguments:?}: {said}");
    }
    let error = failure(&train(&["--content", "synthetic", "--style", "x.jpg"]));
    assert!(error.contains("features") && error.contains("vgg16-397923af.pth"), "{error}");
}
