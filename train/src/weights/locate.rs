//! Locating the weights at a path.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::checkpoint::{WEIGHTS, steps};

/// A run's folder of checkpoints.
const CHECKPOINTS: &str = "checkpoints";

/// The file that names a run's best checkpoint.
const BEST: &str = "best.json";

/// The kind of a path.
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A checkpoint's folder.
    Checkpoint(PathBuf),
    /// The checkpoints' folders of a run, the newest first; at least one.
    Run(Vec<PathBuf>),
}

/// Whether there are weights at a path: a file, a checkpoint's folder or a run's folder, also of one without a checkpoint.
pub fn is_at(path: &Path) -> bool {
    path.is_file() || weights_of(path).is_file() || path.join(CHECKPOINTS).is_dir()
}

/// The file with the weights of a checkpoint's folder.
pub fn weights_of(checkpoint: &Path) -> PathBuf {
    checkpoint.join(WEIGHTS)
}

/// Determines the kind of a path, without reading it.
pub fn locate(path: &Path) -> Result<Location> {
    let unreadable = |reason: String| Err(Error::Unreadable { path: path.into(), reason });
    if !path.exists() {
        return unreadable("no such file or folder".into());
    }
    if path.is_file() {
        return Ok(Location::File(path.into()));
    }
    if weights_of(path).is_file() {
        return Ok(Location::Checkpoint(path.into()));
    }
    if !path.join(CHECKPOINTS).is_dir() {
        return unreadable(format!(
            "cannot read weights from this folder: it is neither a run nor a checkpoint, it has no {WEIGHTS}"
        ));
    }
    let checkpoints: Vec<_> = steps(&path.join(CHECKPOINTS))?.into_iter().map(|(_, folder)| folder).collect();
    if checkpoints.is_empty() {
        return unreadable("a run without a checkpoint yet; train it further".into());
    }
    Ok(Location::Run(checkpoints))
}

/// The folder of a run's best checkpoint.
pub fn best(run: &Path) -> Result<PathBuf> {
    let path = run.join(BEST);
    let unreadable = |reason: String| Error::Unreadable { path: path.clone(), reason };
    let text = fs::read(&path).map_err(|error| {
        unreadable(format!("cannot read: {error}; only runs of recipes that evaluate have a best checkpoint"))
    })?;
    let json: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| unreadable(format!("not JSON: {error}")))?;
    let step = json["step"].as_u64().ok_or_else(|| unreadable("it names no `step`".into()))?;
    let folders = steps(&run.join(CHECKPOINTS))?;
    let folder = folders.into_iter().find_map(|(found, folder)| (found == step).then_some(folder));
    folder.ok_or_else(|| unreadable(format!("the checkpoint of its step {step} is missing")))
}
