//! Runs of version 0.1 are resumed: their settings have former names, the GAN's its own place in the data.
//!
//! `runs-0.1/NAME/run` is a run that stopped half way, `expected.safetensors` what version 0.1 made of it.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor, safetensors};
use common::{latest, success, train, utf8};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A tensor's values, as far as the network depends on them. A bias right before a batch norm is subtracted again with the
/// running mean. Its gradient is 0 but for rounding, of which Adam makes steps of the learning rate.
fn counted(tensors: &HashMap<String, Tensor>, name: &str) -> Vec<f32> {
    let values = |name: &str| tensors[name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let layer = |name: &str, step: i64| {
        let (block, number) = name.rsplit_once('.')?;
        Some(format!("{block}.{}", number.parse::<i64>().ok()? + step))
    };
    if let Some(own) = name.strip_suffix(".bias")
        && layer(own, 1).is_some_and(|norm| tensors.contains_key(&format!("{norm}.running_mean")))
    {
        return vec![];
    }
    let bias = name.strip_suffix(".running_mean").and_then(|norm| Some(format!("{}.bias", layer(norm, -1)?)));
    match bias.filter(|bias| tensors.contains_key(bias)) {
        Some(bias) => values(name).into_iter().zip(values(&bias)).map(|(mean, bias)| mean - bias).collect(),
        None => values(name),
    }
}

fn resumes(recipe: &str) {
    let (fixtures, folder) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs-0.1"), tempfile::tempdir().unwrap());
    let run = folder.path().join("run");
    copy(&fixtures.join(recipe).join("run"), &run);
    success(&train(&[recipe, "--resume", utf8(&run)]));
    let found = latest(&run).weights;
    let expected = safetensors::load(fixtures.join(recipe).join("expected.safetensors"), &Device::Cpu).unwrap();
    assert!(!expected.is_empty() && found.keys().all(|name| expected.contains_key(name)));
    let (found, expected): (HashMap<_, _>, _) = (found.into_iter().collect(), expected);
    let worst = |name: &String| {
        let pairs = counted(&found, name).into_iter().zip(counted(&expected, name));
        pairs.map(|(found, expected)| (found - expected).abs() / expected.abs().max(1.0)).fold(0.0, f32::max)
    };
    let worst = expected.keys().map(worst).fold(0.0, f32::max);
    // Processors and versions round products differently. Another order of the data or
    // another learning rate is a thousand times as far away.
    assert!(worst < 1e-5, "{recipe}: {worst:e}");
    println!("{recipe}: {worst:e} from version 0.1");
}

#[test]
fn a_gan_of_version_0_1_is_resumed() {
    resumes("gan");
}

#[test]
fn a_denoiser_of_version_0_1_is_resumed() {
    resumes("ddpm");
}

#[test]
fn a_refused_resume_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs-0.1/gan/run"), &run);
    let config = fs::read(run.join("config.toml")).unwrap();
    // Other data, a setting that makes no sense, a device that is not there.
    for refused in [["--data", "scenes:13"], ["--lr", "-1"], ["--device", "cuda:9"]] {
        let output = train(&[&["gan", "--resume", utf8(&run)][..], &refused].concat());
        common::failure(&output);
        assert_eq!(fs::read(run.join("config.toml")).unwrap(), config, "{refused:?}");
    }
    success(&train(&["gan", "--resume", utf8(&run)]));
}
