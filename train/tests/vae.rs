//! `train vae` as a person calls it.

mod common;

use std::path::Path;
use std::process::Output;

use common::{bits, digits, failure, latest, names, run_folder, stats, success, train, utf8};

/// Ten steps on 40 digits.
fn short(folder: &Path, out: &str, more: &[&str]) -> Output {
    let (data, out) = (folder.join("digits"), folder.join(out));
    digits(&data, 40, 10);
    let settings = ["--preset", "quick", "--size", "16", "--base-channels", "4", "--z-dim", "5", "--batch", "8"];
    let arguments = ["vae", "--data", utf8(&data), "--out", utf8(&out), "--device", "cpu", "--threads", "1"];
    train(&[&arguments[..], &settings[..], &["--log-every", "5", "--sample-every", "5"], more].concat())
}

#[test]
fn a_run_is_recorded_resumed_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run_folder(&short(folder.path(), "whole", &["--steps", "10"]));
    assert!(whole.ends_with("00000-vae-digits"), "{}", whole.display());
    for line in stats(&whole) {
        let [loss, reconstruction, kl] = ["loss", "reconstruction", "kl"].map(|name| line[name].as_f64().unwrap());
        assert!((loss - reconstruction - kl).abs() < 1e-3 * loss && kl > 0.0, "{line}");
    }
    assert_eq!(names(&whole.join("samples")), ["000005.png", "000010.png"]);

    // The schedule of the learning rate is that of all steps, so a run of 6 does not begin alike: constant it is.
    let constant = ["--lr-schedule", "constant", "--steps"];
    let unbroken = run_folder(&short(folder.path(), "unbroken", &[&constant[..], &["10"]].concat()));
    let part = run_folder(&short(folder.path(), "part", &[&constant[..], &["6"]].concat()));
    success(&train(&["vae", "--resume", utf8(&part), "--steps", "10"]));
    assert_eq!(bits(&latest(&unbroken)), bits(&latest(&part)));

    let evaluation = train(&["eval", utf8(&whole), "--data", utf8(&folder.path().join("digits")), "-n", "8"]);
    assert!(success(&evaluation).1.contains("swd"));
}

#[test]
fn what_cannot_be_trained_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("runs");
    for (name, value) in [("size", "28"), ("beta", "-1"), ("z_dim", "0"), ("channels", "2")] {
        let flag = format!("--{}={value}", name.replace('_', "-"));
        let line = failure(&train(&["vae", "--data", "synthetic", "--out", utf8(&out), &flag]));
        assert!(line.contains(&format!("{name} is {value}; expected")), "{line}");
    }
    assert!(!out.exists());
}
