//! Trains LeNet for ten steps on drawn digits, and exports it as ONNX. `outside FOLDER` writes everything to FOLDER.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use easel_export::export::{ExportOptions, export};
use easel_export::models;
use easel_train::recipes::lenet::LenetConfig;
use easel_train::{TrainOptions, train, weights};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("give the folder to write to")?);
    let mut config = LenetConfig::quick();
    config.shared.data = Some("synthetic".into());
    config.shared.steps = Some(10);
    let run = train(config, TrainOptions::new(folder.join("runs")))?;
    ensure!(run.step == 10, "{} steps are done", run.step);

    let resolved: toml::Table = fs::read_to_string(run.folder.join("config.toml"))?.parse()?;
    ensure!(resolved["steps"].as_integer() == Some(10), "config.toml: steps is {}", resolved["steps"]);

    let file = weights::open(&run.folder)?;
    let weights = file.weights()?;
    let network = models::of_network(&weights.network()?)?;
    let options = ExportOptions { classes: file.classes, ..ExportOptions::default() };
    let exported = export(&*network, weights.architecture, weights.provenance, &options)?;
    let model = folder.join("lenet.onnx");
    fs::write(&model, &exported.bytes)?;
    println!("{}: {} bytes", model.display(), exported.bytes.len());
    Ok(())
}
