//! Calls of the project's own programs, as a person would make them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The value of `--data` for digits that the project draws.
pub const SYNTHETIC: &str = "synthetic";

/// A GAN training.
pub struct Training {
    /// A folder of pictures, absolute, or [`SYNTHETIC`].
    pub data: PathBuf,
    /// The number of steps; the preset's if `None`.
    pub steps: Option<u64>,
    /// The seed of everything random.
    pub seed: u64,
    /// The folder of runs.
    pub out: PathBuf,
}

/// Builds `train`, `export-onnx`, `sample` and `stylize`.
pub fn build(workspace: &Workspace) -> Result<()> {
    // All default members, as `cargo build` has them: with fewer, dependencies would be compiled again with other features.
    process::run(workspace.cargo("build").args(["--release", "--bins"]))
}

/// Trains and returns the run's folder, which `train` prints.
pub fn train(workspace: &Workspace, training: &Training) -> Result<PathBuf> {
    let mut train = workspace.program("train");
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
    process::succeeded(&train, status)?;
    run.filter(|run| run.is_dir()).context("train: it printed no run's folder")
}

/// Exports a run as one verified ONNX file.
pub fn export(workspace: &Workspace, run: &Path, model: &Path) -> Result<()> {
    process::run(workspace.program("export-onnx").arg(run).arg("-o").arg(model))
}

/// Trains and exports the model of flowers in the documentation, with the table that stands there.
pub fn flowers(workspace: &Workspace, folder: &Path) -> Result<()> {
    let document = workspace.root.join("docs/your-own-network.md");
    let text = std::fs::read_to_string(&document).with_context(|| document.display().to_string())?;
    let table = text.split_once("<<'END'\n").and_then(|(_, rest)| rest.split_once("END\n"));
    let (table, _) =
        table.with_context(|| format!("{}: it has no table between <<'END' and END", document.display()))?;
    std::fs::write(folder.join("flowers.csv"), table)?;
    let mut train = workspace.program("train");
    train.args(["mlp", "--data", "flowers.csv", "--validation", "0.34", "--out", "tables"]).current_dir(folder);
    process::capture(&mut train)?;
    export(workspace, &folder.join("tables/00000-mlp-flowers"), &folder.join("flowers.onnx"))
}

/// Draws a grid of pictures.
pub fn sample(workspace: &Workspace, model: &Path, count: usize, seed: u64, picture: &Path) -> Result<()> {
    let mut sample = workspace.program("sample");
    sample.arg("-m").arg(model).arg("-n").arg(count.to_string()).arg("--seed").arg(seed.to_string());
    process::run(sample.arg("-o").arg(picture))
}

/// Draws a landscape.
pub fn scene(workspace: &Workspace, number: u64, picture: &Path) -> Result<()> {
    let mut draw = workspace.program("train");
    draw.args(["scenes", "--first"]).arg(number.to_string());
    process::run(draw.arg("-o").arg(picture))
}

/// Stylizes a picture.
pub fn stylize(workspace: &Workspace, picture: &Path, model: &Path, stylized: &Path) -> Result<()> {
    process::run(
        workspace.program("stylize").arg(picture).arg("-m").arg(model).arg("--overwrite").arg("-o").arg(stylized),
    )
}
