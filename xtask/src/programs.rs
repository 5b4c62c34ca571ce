//! The project's own programs, as a person would call them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::house::House;
use crate::process;

/// What `--data` takes for the digits that the project draws.
pub const SYNTHETIC: &str = "synthetic";

/// A training of the GAN.
pub struct Training {
    /// A folder of pictures, absolute, or [`SYNTHETIC`].
    pub data: PathBuf,
    /// The number of steps; `None` for the preset's.
    pub steps: Option<u64>,
    /// The seed of everything random.
    pub seed: u64,
    /// The folder of runs.
    pub out: PathBuf,
}

/// Builds `train`, `export-onnx`, `sample` and `stylize`.
pub fn build(house: &House) -> Result<()> {
    process::run(house.cargo().args(["build", "--release", "--bins"]).args([
        "-p",
        "easel-train",
        "-p",
        "easel-export",
        "-p",
        "easel-native",
    ]))
}

/// Trains. Gives the folder of the run, which is what `train` writes to stdout.
pub fn train(house: &House, training: &Training) -> Result<PathBuf> {
    let mut train = house.program("train");
    train.args(["gan", "--data"]).arg(&training.data);
    train.arg("--out").arg(&training.out).arg("--seed").arg(training.seed.to_string());
    if let Some(steps) = training.steps {
        train.arg("--steps").arg(steps.to_string());
    }
    let mut run = None;
    let status = process::watch(&mut train, |line| {
        run = Some(training.out.join(line));
        false
    })?;
    process::judged(&train, status)?;
    run.filter(|run| run.is_dir()).context("train named no run")
}

/// Writes a run's network as one ONNX file, verified.
pub fn export(house: &House, run: &Path, model: &Path) -> Result<()> {
    process::run(house.program("export-onnx").arg(run).arg("-o").arg(model))
}

/// Trains and exports the model of flowers that the documentation shows, as it does it.
pub fn flowers(house: &House, folder: &Path) -> Result<()> {
    let document = house.root.join("docs/your-own-network.md");
    let text = std::fs::read_to_string(&document).with_context(|| document.display().to_string())?;
    let table = text.split_once("<<'END'\n").and_then(|(_, rest)| rest.split_once("END\n"));
    let (table, _) = table.with_context(|| format!("{}: it shows no table", document.display()))?;
    std::fs::write(folder.join("flowers.csv"), table)?;
    let mut train = house.program("train");
    train.args(["mlp", "--data", "flowers.csv", "--validation", "0.34", "--out", "tables"]).current_dir(folder);
    process::capture(&mut train)?;
    export(house, &folder.join("tables/00000-mlp-flowers"), &folder.join("flowers.onnx"))
}

/// Draws a grid of pictures.
pub fn sample(house: &House, model: &Path, count: usize, seed: u64, picture: &Path) -> Result<()> {
    let mut sample = house.program("sample");
    sample.arg("-m").arg(model).arg("-n").arg(count.to_string()).arg("--seed").arg(seed.to_string());
    process::run(sample.arg("-o").arg(picture))
}

/// Draws a landscape.
pub fn scene(house: &House, number: u64, picture: &Path) -> Result<()> {
    let mut draw = house.program("train");
    draw.args(["scenes", "--first"]).arg(number.to_string());
    process::run(draw.arg("-o").arg(picture))
}

/// Stylizes a picture.
pub fn stylize(house: &House, picture: &Path, model: &Path, stylized: &Path) -> Result<()> {
    process::run(house.program("stylize").arg(picture).arg("-m").arg(model).arg("--overwrite").arg("-o").arg(stylized))
}
