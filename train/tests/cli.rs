//! `train gan` at the command line.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{bits, failure, idx, latest, names, run_folder, stats, stats_steps, text, utf8};

fn train(arguments: &[&str]) -> Output {
    common::train(&[&["gan"], arguments].concat())
}

/// A place for data and runs; the settings file makes a run short.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = "device = \"cpu\"\nhidden = 16\nbatch = 8\nlog_every = 5\nsteps = 12\nsample_every = 10\n";
        fs::write(folder.path().join("short.toml"), settings).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains on data with the short settings.
    fn train(&self, data: &str, more: &[&str]) -> Output {
        let (settings, out) = (self.at("short.toml"), self.at("runs"));
        train(&[&["--data", data, "--config", utf8(&settings), "--out", utf8(&out)], more].concat())
    }

    /// Fails on bad data, and has made nothing.
    fn refusal(&self, data: &Path) -> String {
        let error = failure(&self.train(utf8(data), &[]));
        assert!(!self.at("runs").exists(), "a run was made in spite of: {error}");
        error
    }

    /// Trains and gives the run's folder.
    fn run(&self, data: &str, more: &[&str]) -> PathBuf {
        run_folder(&self.train(data, more))
    }
}

fn mnist(place: &Place, images: &[u8], labels: &[u8]) -> PathBuf {
    let folder = place.at("mnist");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), labels).unwrap();
    folder
}

#[test]
fn a_run_folder_is_complete() {
    let place = Place::new();
    let run = place.run("synthetic", &["--seed", "3", "--checkpoint-every", "5", "--keep", "2"]);
    assert!(run.ends_with("00000-gan-synthetic"), "{}", run.display());
    let inside = names(&run);
    assert_eq!(
        [&inside[0], &inside[1], &inside[2], &inside[4], &inside[5]],
        ["card.md", "checkpoints", "config.toml", "samples", "stats.jsonl"]
    );
    assert!(inside[3].starts_with("events.out.tfevents."));
    assert_eq!(names(&run.join("samples")), ["000010.png", "000012.png"]);
    assert_eq!(names(&run.join("checkpoints")), ["000010", "000012"]);
    assert_eq!(stats_steps(&run), [5, 10, 12]);
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!((config["seed"].as_integer(), config["hidden"].as_integer()), (Some(3), Some(16)));
    assert_eq!(config["lr"].as_float(), Some(2e-4));
    let checkpoint = latest(&run);
    assert_eq!(checkpoint.record.provenance.run.as_deref(), Some("00000-gan-synthetic"));
    assert_eq!(checkpoint.record.provenance.steps, Some(12));
    assert_eq!(checkpoint.record.classes.len(), 10);
    assert!(place.run("synthetic", &["--steps", "1"]).ends_with("00001-gan-synthetic"));
}

#[test]
fn a_resumed_run_has_the_bits_of_an_uninterrupted_one() {
    let place = Place::new();
    let whole = place.run("synthetic", &["--steps", "20", "--critic-steps", "2"]);
    let run = place.run("synthetic", &["--steps", "10", "--critic-steps", "2"]);
    let output = train(&["--resume", utf8(&run), "--steps", "20"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(bits(&latest(&whole)), bits(&latest(&run)));
    assert_eq!(stats(&whole), stats(&run));
    let sample = |run: &Path| fs::read(run.join("samples/000020.png")).unwrap();
    assert_eq!(sample(&whole), sample(&run));

    let output = train(&["--resume", utf8(&run)]);
    assert!(output.status.success() && text(&output.stderr).contains("has done 20 steps"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on() {
    let place = Place::new();
    let (settings, out) = (place.at("short.toml"), place.at("runs"));
    let arguments =
        ["--data", "synthetic", "--config", utf8(&settings), "--out", utf8(&out), "--steps", "1000000", "--seed", "4"];
    let mut child =
        Command::new(common::PROGRAM).arg("gan").args(arguments).stderr(std::process::Stdio::null()).spawn().unwrap();
    let run = out.join("00000-gan-synthetic");
    while !fs::read_to_string(run.join("stats.jsonl")).is_ok_and(|text| text.contains('\n')) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let reached = latest(&run).record.step;
    let steps = (reached + 7).to_string();
    assert!(train(&["--resume", utf8(&run), "--steps", &steps]).status.success());
    let whole = place.run("synthetic", &["--steps", &steps, "--seed", "4"]);
    assert_eq!(latest(&run).record.step, reached + 7);
    assert_eq!(bits(&latest(&run)), bits(&latest(&whole)));
    assert_eq!(stats(&run), stats(&whole));
}

#[test]
fn seeds_repeat_and_differ() {
    let place = Place::new();
    let [one, same, other] = ["5", "5", "6"].map(|seed| bits(&latest(&place.run("synthetic", &["--seed", seed]))));
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn mnist_files_are_told_by_content() {
    let place = Place::new();
    let pixels: Vec<u8> = (0..10 * 784).map(|at| (at % 256) as u8).collect();
    let labels = idx(&[10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&idx(&[10, 28, 28], &pixels)).unwrap();
    let data = mnist(&place, &gzip.finish().unwrap(), &labels);
    assert!(place.run(utf8(&data), &[]).ends_with("00000-gan-mnist"));
}

#[test]
fn bad_mnist_files_are_refused() {
    let place = Place::new();
    let (images, labels) = (idx(&[3, 28, 28], &[7; 3 * 784]), idx(&[3], &[0, 1, 2]));
    let error = place.refusal(&mnist(&place, &labels, &labels));
    assert!(error.contains("train-images-idx3-ubyte") && error.contains("magic number is 0x00000801"), "{error}");
    let error = place.refusal(&mnist(&place, &images[..1000], &labels));
    assert!(error.contains("train-images-idx3-ubyte: truncated: 984 of the 2352 bytes"), "{error}");
    let error = place.refusal(&mnist(&place, &images, &idx(&[2], &[0, 1])));
    assert!(error.contains("2 labels") && error.contains("3 pictures"), "{error}");
}

#[test]
fn folders_without_pictures_are_refused() {
    let place = Place::new();
    let data = place.at("data");
    fs::create_dir(&data).unwrap();
    let error = place.refusal(&data);
    assert!(error.contains("train-images-idx3-ubyte") && error.contains("class folders"), "{error}");
    fs::create_dir(data.join("cats")).unwrap();
    fs::write(data.join("cats/1.png"), "no picture").unwrap();
    let error = place.refusal(&data);
    assert!(error.contains("none of 1 files") && error.contains("1.png"), "{error}");
    let error = place.refusal(&place.at("nowhere"));
    assert!(error.contains("nowhere: cannot open"), "{error}");
}

#[test]
fn broken_pictures_are_skipped_with_a_count() {
    let place = Place::new();
    let data = place.at("data");
    for (class, value) in [("cats", 50), ("dogs", 200)] {
        fs::create_dir_all(data.join(class)).unwrap();
        image::RgbImage::from_pixel(40, 30, image::Rgb([value; 3])).save(data.join(class).join("1.jpg")).unwrap();
    }
    fs::write(data.join("cats/2.png"), b"\x89PNG\r\n\x1a\n and nothing").unwrap();
    let output = place.train(utf8(&data), &[]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("warning: skipped 1 that could not be read") && said.contains("2.png"), "{said}");
    assert!(said.contains("2 pictures of 2 classes"), "{said}");

    fs::write(place.at("list.txt"), "# two\ndata/cats/1.jpg 0\ndata/dogs/1.jpg 1\n").unwrap();
    assert!(place.run(utf8(&place.at("list.txt")), &[]).ends_with("00001-gan-list"));
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let place = Place::new();
    fs::write(place.at("runs"), "a file").unwrap();
    let error = failure(&place.train("synthetic", &[]));
    assert!(error.contains("runs: cannot create a run folder") && error.contains("--out"), "{error}");
    assert_eq!(fs::read_to_string(place.at("runs")).unwrap(), "a file");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_gpu_that_is_not_there_is_named() {
    let place = Place::new();
    let error = failure(&place.train("synthetic", &["--device", "cuda:1"]));
    assert!(error.contains("--device cuda:1"), "{error}");
    assert!(!place.at("runs").exists());
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run() {
    let place = Place::new();
    let error = failure(&place.train("synthetic", &["--lr", "1e30"]));
    assert!(error.contains("step ") && error.contains("the loss `") && error.contains("learning rate"), "{error}");
    assert!(names(&place.at("runs/00000-gan-synthetic/checkpoints")).is_empty());
}

#[test]
fn settings_are_checked() {
    let place = Place::new();
    fs::write(place.at("short.toml"), "learning_rate = 1\n").unwrap();
    let error = failure(&place.train("synthetic", &[]));
    assert!(error.contains("short.toml") && error.contains("learning_rate"), "{error}");
    fs::write(place.at("short.toml"), "batch = 0\n").unwrap();
    assert!(failure(&place.train("synthetic", &[])).contains("batch is 0"));
    fs::write(place.at("short.toml"), "steps = \"ten\"\n").unwrap();
    assert!(failure(&place.train("synthetic", &[])).contains("short.toml: steps: "));
    assert!(failure(&train(&["--data", "synthetic", "--threads", "100000"])).contains("threads is 100000"));
    fs::remove_file(place.at("short.toml")).unwrap();
    assert!(failure(&place.train("synthetic", &[])).contains("short.toml: cannot read"));
    assert!(failure(&train(&["--resume", utf8(&place.at("gone"))])).contains("gone: not a run"));
    assert!(!place.at("runs").exists());
}

#[test]
fn a_dry_run_prints_the_settings_and_writes_nothing() {
    let place = Place::new();
    let output = place.train("synthetic", &["--dry-run", "--epochs", "2"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let config: toml::Table = text(&output.stdout).parse().unwrap();
    assert_eq!(config["steps"].as_integer(), Some(2 * 20_000 / 8));
    assert!(!config.contains_key("epochs") && !place.at("runs").exists());
    let said = text(&output.stderr);
    assert!(said.contains("5000 steps would take about 0:") && said.contains("MB of memory"), "{said}");
}

#[test]
fn misuse_has_status_2_and_names_the_flag() {
    for (arguments, named) in [
        (&["--out", "x"][..], "--data"),
        (&["--data", "synthetic", "--steps", "0"], "--steps"),
        (&["--data", "synthetic", "--steps", "5", "--epochs", "5"], "--epochs"),
        (&["--data", "synthetic", "--loss", "best"], "--loss"),
        (&["--data", "synthetic", "--device", "gpu"], "--device"),
        (&["--data", "synthetic", "--preset", "best"], "--preset"),
        (&["--resume", "x", "--seed", "1"], "--seed"),
    ] {
        let output = train(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(named), "{arguments:?}: {said}");
    }
    let help = train(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("Examples:"));
}
