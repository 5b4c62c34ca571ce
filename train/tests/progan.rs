//! `train progan` at the command line.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{bits, checkpoints, failure, latest, names, run_folder, stats, stats_steps, success, text, utf8};
use easel_train::Weights;
use easel_train::networks::Network;
use easel_train::networks::progan::Stage;

fn train(arguments: &[&str]) -> Output {
    common::train(&[&["progan"], arguments].concat())
}

/// A place with settings for a short run: 4 steps at 4x4, 8 at 8x8, 8 at 16x16, each resolution in two epochs.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let settings = "device = \"cpu\"\nthreads = 1\nresolution = 16\nbatches = [4]\npictures = [16, 32]\nwidth = 8\n\
                        z-dim = 6\nlog_every = 2\nparts = 2\nsample_every = 10\nevaluate = 4\nkeep = 99\n";
        fs::write(place.at("short.toml"), settings).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn picture(&self, name: &str, picture: image::DynamicImage) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }

    fn train(&self, data: &str, out: &str, more: &[&str]) -> Output {
        let (settings, out) = (self.at("short.toml"), self.at(out));
        let arguments = ["--data", data, "--preset", "light", "--config", utf8(&settings), "--out", utf8(&out)];
        train(&[&arguments, more].concat())
    }
}

fn losses_of(run: &Path) -> Vec<(f64, f64)> {
    let number = |line: &serde_json::Value, name: &str| line[name].as_f64().unwrap();
    stats(run).iter().map(|line| (number(line, "critic"), number(line, "generator"))).collect()
}

#[test]
fn a_run_folder_is_complete() {
    let place = Place::new();
    let (said, run) = success(&place.train("scenes:30", "runs", &["--seed", "3"]));
    let run = PathBuf::from(run.trim_end());
    assert!(run.ends_with("00000-progan-synthetic-scenes"), "{}", run.display());
    assert!(said.contains("30 RGB pictures from synthetic scenes; 20 steps up to 16x16"), "{said}");
    assert!(said.contains("epoch 6 of 6: train critic ") && said.contains("(baseline "), "{said}");
    assert_eq!(names(&run.join("samples")), ["000010.png", "000020.png"]);
    // A checkpoint each epoch, with step and alpha.
    assert_eq!(checkpoints(&run), [20, 16, 12, 8, 4, 2]);
    let reached = |step: u64| {
        let path = run.join(format!("checkpoints/{step:06}/weights.safetensors"));
        let weights = Weights::from_bytes(&fs::read(&path).unwrap(), &path).unwrap();
        let Network::Progan { stage, .. } = weights.network().unwrap() else { panic!("another network came back") };
        stage
    };
    assert_eq!(reached(2), Stage::grown(0));
    // The last of four steps: 0.01 and three times 4 / 16.
    let Stage { step, alpha } = reached(8);
    assert!(step == 1 && (alpha - 0.76).abs() < 1e-12, "{alpha}");
    assert_eq!(reached(20), Stage::grown(2));
    assert_eq!(stats_steps(&run), (1..=10).map(|line| 2 * line).collect::<Vec<_>>());
    for line in stats(&run) {
        let value = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"));
        assert!((0.0..=1.0).contains(&value("alpha")) && value("penalty") > 0.0);
        let step = value("step") as u64;
        assert_eq!(
            value("resolution"),
            if step <= 4 {
                4.0
            } else if step <= 12 {
                8.0
            } else {
                16.0
            }
        );
        if checkpoints(&run).contains(&step) {
            let side = value("resolution");
            for name in [&format!("swd_{side}"), "swd", "ms_ssim"] {
                assert!(value(name) >= 0.0 && value(&format!("{name}_baseline")) > 0.0, "{line}");
            }
        }
    }
    // Eight real pictures above eight generated ones, small ones enlarged.
    let grid = image::open(run.join("samples/000020.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (8 * 66 + 2, 2 * 66 + 2));
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!((config["channels"].as_integer(), config["seed"].as_integer()), (Some(3), Some(3)));
    let checkpoint = latest(&run);
    assert_eq!(checkpoint.record.provenance.data.as_deref(), Some("synthetic scenes"));
    assert_eq!(checkpoint.record.classes.len(), 6);
}

#[test]
fn a_run_that_is_killed_goes_on_with_the_same_bits() {
    let place = Place::new();
    let more = ["--checkpoint-every", "1", "--pictures", "16,400,40", "--workers", "2", "--keep", "5"];
    let whole = run_folder(&place.train("scenes:30", "whole", &more));
    let run = place.at("killed/00000-progan-synthetic-scenes");
    let (settings, out) = (place.at("short.toml"), place.at("killed"));
    let begin =
        ["progan", "--data", "scenes:30", "--preset", "light", "--config", utf8(&settings), "--out", utf8(&out)];
    let mut child = Command::new(common::PROGRAM)
        .args([&begin[..], &more].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // In the middle of the fade to 8x8, which has 50 of the 100 steps there.
    let until = Instant::now() + Duration::from_secs(60);
    while !run.join("checkpoints/000009").is_dir() {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "the run has come to a standstill");
        sleep(Duration::from_micros(500));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let reached = checkpoints(&run)[0];
    assert!((9..54).contains(&reached), "it was killed after step {reached}");
    run_folder(&train(&["--resume", utf8(&run), "--workers", "0"]));
    assert_eq!(bits(&latest(&run)), bits(&latest(&whole)));
    assert_eq!(stats(&run), stats(&whole));
    // The last of each resolution is kept for good.
    assert!([4, 104].iter().all(|end| checkpoints(&whole).contains(end)), "{:?}", checkpoints(&whole));

    // With more steps the last resolution is trained further.
    run_folder(&train(&["--resume", utf8(&run), "--steps", "124"]));
    assert_eq!((latest(&run).record.step, stats(&run).last().unwrap()["alpha"].as_f64()), (124, Some(1.0)));
}

#[test]
fn odd_pictures_are_learnt_from() {
    let place = Place::new();
    let grey = |side: u32| image::GrayImage::from_fn(side, side + 3, |x, y| image::Luma([(7 * x + y) as u8])).into();
    let clear = image::RgbaImage::from_fn(9, 40, |x, y| image::Rgba([90, 10 * x as u8, y as u8, 6 * y as u8])).into();
    place.picture("single/1.png", grey(5));
    place.picture("mixed/a/grey.png", grey(31));
    place.picture("mixed/a/clear.png", clear);
    fs::write(place.at("mixed/a/broken.png"), "no picture").unwrap();
    for (data, more, wanted) in [
        ("single", &["--grey"][..], "1 grey pictures from single"),
        ("single", &["--steps", "5"], "1 RGB pictures"),
        ("mixed", &["--mirror", "--drift", "0.01", "--critic-steps", "2", "--fade", "0"], "2 RGB pictures from mixed"),
        ("mixed", &["--class", "a", "--epochs", "1,2", "--batches", "2,1"], "9 steps up to 16x16"),
    ] {
        let output = place.train(utf8(&place.at(data)), "runs", more);
        let (said, run) = success(&output);
        assert!(said.contains(wanted), "{said}");
        assert_eq!(said.contains("skipped 1 that could not be read"), data == "mixed", "{said}");
        assert!(losses_of(Path::new(run.trim_end())).iter().all(|(critic, _)| critic.is_finite()));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let place = Place::new();
    for (data, more, wanted) in [
        ("scenes:9", &["--resolution", "48"][..], "32 or 64"),
        ("scenes:9", &["--resolution", "2048"], "the nearest is 1024"),
        ("scenes:9", &["--resolution", "128"], "at least 8 channels at 128x128, not 2"),
        ("scenes:9999", &["--resolution", "1024", "--width", "128"], "take scenes:341 or fewer"),
        ("scenes:9", &["--class", "city"], "it has no class `city`; its classes are mountains, lake"),
        ("scenes:no", &[], "not a number of scenes"),
        ("scenes:9", &["--batches", "4,0"], "batches is 0"),
        ("scenes:9", &["--lambda=-1"], "lambda is -1"),
        ("nowhere", &[], "nowhere: cannot open"),
    ] {
        let error = failure(&place.train(data, "runs", more));
        assert!(error.contains(wanted), "{error}");
        assert!(!place.at("runs").exists(), "a run was made in spite of: {error}");
    }
    for (arguments, named) in [
        (&[][..], "--data"),
        (&["--data", "x", "--epochs", "2", "--pictures", "9"], "--pictures"),
        (&["--resume", "x", "--width", "8"], "--width"),
    ] {
        let output = train(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn an_explosion_ends_the_run_and_keeps_the_last_good_checkpoint() {
    let place = Place::new();
    let error = failure(&place.train("scenes:30", "runs", &["--lr", "1", "--checkpoint-every", "1"]));
    assert!(error.contains("exploded") && error.contains("a lower learning rate"), "{error}");
    let run = place.at("runs/00000-progan-synthetic-scenes");
    let kept = checkpoints(&run)[0];
    assert!(error.contains(&format!("error: step {}: ", kept + 1)), "{error}");
    assert!(error.ends_with(&format!("the checkpoint of step {kept} is kept")), "{error}");
}

#[test]
fn a_dry_run_measures_every_resolution() {
    let place = Place::new();
    let (said, settings) = success(&place.train("synthetic", "runs", &["--dry-run"]));
    let settings: toml::Table = settings.parse().unwrap();
    assert_eq!(settings["channels"].as_integer(), Some(1));
    for wanted in
        ["4x4: 4 steps, ", "8x8: 8 steps, ", "16x16: 8 steps, ", " each of 2 evaluations", "20 steps would take"]
    {
        assert!(said.contains(wanted), "{wanted} is not in {said}");
    }
    assert!(!place.at("runs").exists());
}
