//! `train lenet` and `train eval` at the command line.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use easel_runtime::card::Evaluation;

use common::{
    bits, checkpoints, digits, failure, latest, names, run_folder, stats, stats_steps, success, text, train, utf8,
};

/// Data and runs; the settings file makes a run short.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// 60 training and 40 test pictures, 8 steps an epoch, 2 epochs.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        digits(&folder.path().join("digits"), 60, 40);
        let settings = "device = \"cpu\"\nbatch = 8\nepochs = 2\nlog_every = 5\naverage = 0.9\n";
        fs::write(folder.path().join("short.toml"), settings).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(&self, data: &str, more: &[&str]) -> Output {
        let (settings, out) = (self.at("short.toml"), self.at("runs"));
        train(&[&["lenet", "--data", data, "--config", utf8(&settings), "--out", utf8(&out)], more].concat())
    }

    fn run(&self, more: &[&str]) -> PathBuf {
        run_folder(&self.train(utf8(&self.at("digits")), more))
    }
}

fn eval(run: &Path, data: &str, more: &[&str]) -> Output {
    train(&[&["eval", utf8(run), "--data", data], more].concat())
}

#[test]
fn each_epoch_is_measured() {
    let place = Place::new();
    let output = place.train(utf8(&place.at("digits")), &[]);
    let (said, run) = success(&output);
    let run = PathBuf::from(run.trim_end());
    assert!(run.ends_with("00000-lenet-digits"), "{}", run.display());
    assert!(said.contains("60 pictures of 10 classes from digits, 40 more for validation; 16 steps"), "{said}");
    for epoch in ["epoch 1 of 2: train loss ", "epoch 2 of 2: train loss "] {
        let line = said.lines().find(|line| line.starts_with(epoch)).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("; validation loss ") && line.matches(", accuracy ").count() == 2, "{line}");
    }
    assert_eq!(stats_steps(&run), [5, 8, 10, 15, 16]);
    let lines = stats(&run);
    for (line, epoch) in [(&lines[1], 1.0), (&lines[4], 2.0)] {
        assert_eq!(line["epoch"].as_f64(), Some(epoch));
        for name in ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "loss", "accuracy"] {
            assert!(line[name].as_f64().unwrap() >= 0.0, "{name}");
        }
    }
    assert!(lines[0].get("validation_loss").is_none());
    let inside = names(&run);
    assert_eq!(inside.len(), 6, "{inside:?}");
    let best: serde_json::Value = serde_json::from_slice(&fs::read(run.join("best.json")).unwrap()).unwrap();
    let measured: Vec<f64> = [1, 4].map(|line: usize| lines[line]["validation_accuracy"].as_f64().unwrap()).to_vec();
    let wanted = if measured[1] > measured[0] { (16, measured[1]) } else { (8, measured[0]) };
    assert_eq!((best["step"].as_u64(), best["value"].as_f64()), (Some(wanted.0), Some(wanted.1)));
    assert!(checkpoints(&run).contains(&wanted.0));
}

#[test]
fn the_best_is_kept_beside_the_last() {
    let place = Place::new();
    // At a learning rate this high any epoch may be the best; its checkpoint is kept.
    let run = place.run(&["--epochs", "6", "--keep", "1", "--checkpoint-every", "3", "--lr", "0.02"]);
    let lines = stats(&run);
    let measured =
        lines.iter().filter_map(|line| Some((line["step"].as_u64()?, line.get("validation_accuracy")?.as_f64()?)));
    let best = measured.fold((0, f64::MIN), |best, next| if next.1 > best.1 { next } else { best });
    let kept = checkpoints(&run);
    let mut wanted = vec![48, best.0];
    wanted.dedup();
    assert_eq!(kept, wanted);
}

#[test]
fn a_resumed_run_has_the_bits_of_an_uninterrupted_one() {
    let place = Place::new();
    let whole = place.run(&["--steps", "16", "--checkpoint-every", "5", "--keep", "9"]);
    // Back to the middle of the first epoch.
    let again = place.run(&["--steps", "16", "--checkpoint-every", "5", "--keep", "9"]);
    for step in ["000008", "000010", "000015", "000016"] {
        let _ = fs::remove_dir_all(again.join("checkpoints").join(step));
    }
    assert_eq!(checkpoints(&again), [5]);
    success(&train(&["lenet", "--resume", utf8(&again), "--workers", "3"]));
    assert_eq!(bits(&latest(&again)), bits(&latest(&whole)));
    assert_eq!(stats(&again), stats(&whole));
}

#[test]
fn eval_counts_every_picture() {
    let place = Place::new();
    let run = place.run(&["--epochs", "20", "--lr", "5e-3"]);
    let lines = stats(&run);
    let validated = lines.last().unwrap()["validation_accuracy"].as_f64().unwrap();
    let data = place.at("digits");
    let (_, table) = success(&eval(&run, utf8(&data), &[]));
    assert!(
        table.starts_with(&format!("accuracy {:.2} % ({:.0} of 40)", 100.0 * validated, 40.0 * validated)),
        "{table}"
    );
    assert!(table.contains("\nclass ") && table.contains("\nconfusion matrix: "), "{table}");

    let (_, json) = success(&eval(&run, utf8(&data), &["--json"]));
    let evaluation: Evaluation = serde_json::from_str(&json).unwrap();
    let of = |name: &str| evaluation.metrics[name].value;
    assert_eq!((of("accuracy"), evaluation.count, evaluation.data.as_str()), (validated, 40, "digits"));
    assert_eq!(Some(of("loss")), lines.last().unwrap()["validation_loss"].as_f64());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let rows = json["confusion"].as_array().unwrap();
    let row = |row: &serde_json::Value| row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(rows.iter().map(row).collect::<Vec<_>>(), [4; 10]);
    let right: u64 = (0..10).map(|class| rows[class][class].as_u64().unwrap()).sum();
    assert_eq!(right as f64, 40.0 * validated);
    assert!(validated > 0.5, "it has learnt next to nothing: {validated}");

    // A folder of class folders, with classes in another order and not all of them.
    let folder = place.at("some");
    let drawn = easel_train::data::synthetic::digits(
        20,
        9,
        easel_train::data::PictureFormat { channels: 1, height: 28, width: 28 },
    );
    for index in [3usize, 7, 13] {
        let at = folder.join(drawn.labels[index].to_string());
        fs::create_dir_all(&at).unwrap();
        let picture = image::GrayImage::from_raw(28, 28, drawn.pixels_of(index).to_vec()).unwrap();
        picture.save(at.join(format!("{index}.png"))).unwrap();
    }
    let (_, json) = success(&eval(&run.join("checkpoints/000160"), utf8(&folder), &["--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let counts: Vec<_> = json["confusion"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(counts, [0, 0, 0, 2, 0, 0, 0, 1, 0, 0]);
    fs::rename(folder.join("3"), folder.join("three")).unwrap();
    let error = failure(&eval(&run, utf8(&folder), &[]));
    assert!(error.contains("`three` is not one of the classifier's"), "{error}");
}

/// Dark digits on white paper are those of the same pictures in negative.
#[test]
fn the_other_polarity_is_inverted() {
    let place = Place::new();
    let run = place.run(&["--epochs", "12", "--lr", "5e-3"]);
    let border = latest(&run).record.provenance.border.unwrap();
    assert!(border.mean < 0.01 && border.std < 0.01, "{border:?}");
    let format = easel_train::data::PictureFormat { channels: 1, height: 32, width: 32 };
    let drawn = easel_train::data::synthetic::digits(40, 9, format);
    for (name, mask) in [("light", 0), ("dark", 255)] {
        for index in 0..drawn.len() {
            let at = place.at(name).join(drawn.labels[index].to_string());
            fs::create_dir_all(&at).unwrap();
            let pixels = drawn.pixels_of(index).iter().map(|value| value ^ mask).collect();
            image::GrayImage::from_raw(32, 32, pixels).unwrap().save(at.join(format!("{index}.png"))).unwrap();
        }
    }
    let measured = |name: &str, flags: &[&str]| {
        let (said, json) = success(&eval(&run, utf8(&place.at(name)), &[flags, &["--json"]].concat()));
        (said.matches("note: ").count(), serde_json::from_str::<serde_json::Value>(&json).unwrap())
    };
    let (notes, light) = measured("light", &[]);
    assert_eq!((notes, light["about"].as_str()), (0, Some("classification")));
    let (notes, dark) = measured("dark", &[]);
    assert_eq!((notes, dark["about"].as_str()), (1, Some("classification, 40 inverted")));
    assert_eq!((&dark["metrics"], &dark["confusion"]), (&light["metrics"], &light["confusion"]));
    let (notes, kept) = measured("dark", &["--invert", "off"]);
    assert_eq!((notes, measured("light", &["--invert", "on"]).1["metrics"] == kept["metrics"]), (0, true));
    assert_ne!(kept["metrics"], light["metrics"]);
}

#[test]
fn what_cannot_be_evaluated_is_named() {
    let place = Place::new();
    let error = failure(&eval(&place.at("nowhere"), "synthetic", &[]));
    assert!(error.contains("nowhere: not found"), "{error}");
    let run = place.run(&["--steps", "1"]);
    let error = failure(&eval(&run, "synthetic", &["-n", "5"]));
    assert!(error.contains("a classifier takes no -n"), "{error}");
}

#[test]
fn a_part_of_other_data_is_held_out() {
    let place = Place::new();
    let data = place.at("photos");
    for (class, colour) in [("cats", [200, 40, 40]), ("dogs", [40, 40, 200])] {
        fs::create_dir_all(data.join(class)).unwrap();
        for index in 0..10 {
            let picture = image::RgbImage::from_pixel(40 + index, 30, image::Rgb(colour));
            picture.save(data.join(class).join(format!("{index}.png"))).unwrap();
        }
    }
    let output = place.train(utf8(&data), &["--channels", "3", "--held-out", "0.2", "--epochs", "15", "--lr", "5e-3"]);
    let (said, run) = success(&output);
    assert!(said.contains("16 pictures of 2 classes from photos, 4 more for validation"), "{said}");
    let checkpoint = latest(Path::new(run.trim_end()));
    assert_eq!(checkpoint.record.classes, ["cats", "dogs"]);
    assert_eq!(checkpoint.weights["conv1.weight"].dims(), [6, 3, 5, 5]);
    let (_, table) = success(&eval(Path::new(run.trim_end()), utf8(&data), &[]));
    assert!(table.starts_with("accuracy 100.00 % (20 of 20)"), "{table}");
}

#[test]
fn more_classes_than_the_data_has() {
    let place = Place::new();
    let run = place.run(&["--classes", "12"]);
    let checkpoint = latest(&run);
    assert_eq!(checkpoint.weights["fc3.weight"].dims(), [12, 84]);
    assert_eq!(checkpoint.record.classes[9..], ["9", "10", "11"]);
    let error = failure(&place.train(utf8(&place.at("digits")), &["--classes", "3"]));
    assert!(error.contains("classes is 3") && error.contains("at least 10"), "{error}");
}

#[test]
fn a_dry_run_says_what_it_would_take() {
    let place = Place::new();
    let output = place.train(utf8(&place.at("digits")), &["--dry-run"]);
    let (said, settings) = success(&output);
    let settings: toml::Table = settings.parse().unwrap();
    assert_eq!((settings["steps"].as_integer(), settings["shift"].as_integer()), (Some(16), Some(2)));
    for wanted in ["16 steps would take about 0:", " ms a step, ", " ms for each of 2 evaluations)", "MB of disk"] {
        assert!(said.contains(wanted), "{said}");
    }
    assert!(!place.at("runs").exists());
}

#[test]
fn misuse_has_status_2() {
    for (arguments, named) in [
        (&["lenet"][..], "--data"),
        (&["lenet", "--data", "synthetic", "--steps", "5", "--epochs", "5"], "--epochs"),
        (&["lenet", "--resume", "x", "--classes", "5"], "--classes"),
        (&["eval", "run"], "--data"),
        (&["eval", "--data", "synthetic"], "<RUN|CHECKPOINT|FILE|PICTURES>"),
    ] {
        let output = train(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(named), "{arguments:?}: {said}");
    }
    for (flag, wanted) in [("--channels", "channels is 7"), ("--shift", "shift is 77")] {
        let place = Place::new();
        let value = if flag == "--channels" { "7" } else { "77" };
        let error = failure(&place.train("synthetic", &[flag, value]));
        assert!(error.contains(wanted), "{error}");
    }
}
