//! `train ddpm` at the command line.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{bits, checkpoints, failure, latest, names, run_folder, stats, stats_steps, success, text, utf8};
use easel_train::Weights;
use easel_train::networks::Network;

/// A place with drawn digits and settings for a short run.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let settings = "device = \"cpu\"\nthreads = 1\nsize = 16\nbase = 2\nembedding = 6\nbatch = 8\nlog_every = 5\n\
                        sample_steps = 2\nkeep = 99\n";
        fs::write(place.at("short.toml"), settings).unwrap();
        common::digits(&place.at("digits"), 20, 4);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self, data: &str, out: &str, more: &[&str]) -> Vec<String> {
        let (data, settings, out) = (self.at(data), self.at("short.toml"), self.at(out));
        let arguments =
            ["ddpm", "--data", utf8(&data), "--preset", "quick", "--config", utf8(&settings), "--out", utf8(&out)];
        [&arguments, more].concat().into_iter().map(String::from).collect()
    }

    fn train(&self, data: &str, out: &str, more: &[&str]) -> Output {
        Command::new(common::PROGRAM).args(self.arguments(data, out, more)).output().unwrap()
    }
}

#[test]
fn a_run_folder_is_complete() {
    let place = Place::new();
    let more =
        ["--steps", "10", "--sample-every", "5", "--checkpoint-every", "5", "--label-dropout", "0.2", "--seed", "3"];
    let (said, run) = success(&place.train("digits", "runs", &more));
    let run = PathBuf::from(run.trim_end());
    assert!(run.ends_with("00000-ddpm-digits"), "{}", run.display());
    assert!(said.contains("20 pictures of 10 classes from digits; 10 steps, 3 an epoch, on the CPU"), "{said}");
    assert_eq!(names(&run.join("samples")), ["000005.png", "000010.png"]);
    assert_eq!((checkpoints(&run), stats_steps(&run)), (vec![10, 5], vec![5, 10]));
    let path = run.join("checkpoints/000010/weights.safetensors");
    let weights = Weights::from_bytes(&fs::read(&path).unwrap(), &path).unwrap();
    let Network::Denoiser { network, task } = weights.network().unwrap() else { panic!("another network came back") };
    assert_eq!((network.sizes().labels, network.sizes().base_channels, task.null_label), (11, 2, Some(10)));
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!((config["seed"].as_integer(), config["condition_dropout"].as_float()), (Some(3), Some(0.2)));
    assert_eq!(latest(&run).record.classes.len(), 10);
}

#[test]
fn a_run_that_is_killed_resumes_with_the_same_bits() {
    let place = Place::new();
    let more = ["--steps", "40", "--checkpoint-every", "1", "--sample-every", "7", "--workers", "2"];
    let whole = run_folder(&place.train("digits", "whole", &more));
    let mut child = Command::new(common::PROGRAM)
        .args(place.arguments("digits", "killed", &more))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run = place.at("killed/00000-ddpm-digits");
    let until = Instant::now() + Duration::from_secs(60);
    while !run.join("checkpoints/000009").is_dir() {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "the run has come to a standstill");
        sleep(Duration::from_micros(500));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let reached = checkpoints(&run)[0];
    assert!((9..40).contains(&reached), "it was killed after step {reached}");
    run_folder(&common::train(&["ddpm", "--resume", utf8(&run), "--workers", "0"]));
    assert_eq!(bits(&latest(&run)), bits(&latest(&whole)));
    assert_eq!(stats(&run), stats(&whole));
    let grid = |run: &PathBuf| fs::read(run.join("samples/000040.png")).unwrap();
    assert_eq!(grid(&run), grid(&whole));
}

#[test]
fn what_cannot_be_is_refused() {
    let place = Place::new();
    for (data, more, wanted) in [
        ("digits", &["--size", "28"][..], "16 or 32"),
        ("digits", &["--label-dropout", "1"], "condition_dropout is 1"),
        ("digits", &["--min-snr=-1"], "min_snr_gamma is -1"),
        ("digits", &["--sample-steps", "1001"], "sample_steps is 1001"),
        ("digits", &["--channels", "2"], "channels is 2"),
        ("digits", &["--batch", "1"], "batch is 1"),
        ("nowhere", &[], "nowhere: cannot open"),
    ] {
        let error = failure(&place.train(data, "runs", more));
        assert!(error.contains(wanted), "{error}");
        assert!(!place.at("runs").exists(), "a run was made in spite of: {error}");
    }
    for (arguments, named) in [
        (&["ddpm"][..], "--data"),
        (&["ddpm", "--data", "x", "--prediction", "x"], "--prediction"),
        (&["ddpm", "--resume", "x", "--base", "8"], "--base-channels"),
    ] {
        let output = common::train(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn a_dry_run_measures() {
    let place = Place::new();
    let (said, settings) =
        success(&place.train("digits", "runs", &["--conditioning", "input", "--epochs", "4", "--dry-run"]));
    let settings: toml::Table = settings.parse().unwrap();
    assert_eq!((settings["steps"].as_integer(), settings["conditioning"].as_str()), (Some(12), Some("input")));
    assert!(said.contains("12 steps would take about"), "{said}");
    assert!(!place.at("runs").exists());
}
