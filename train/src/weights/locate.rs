//! Locating the weights at a path.

use std::fs;
use std::path::{Path, PathBuf};

use super::shards;
use crate::error::{Error, Result};
use crate::run::checkpoint::{WEIGHTS, steps};

/// A run's folder of checkpoints.
const CHECKPOINTS: &str = "checkpoints";

/// The file that names a run's best checkpoint.
const BEST: &str = "best.json";

/// What to do with a checkpoint that several processes wrote.
const DISTRIBUTED: &str = "a distributed checkpoint of PyTorch; make one file of its folder with \
                           `python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pt`";

/// The extensions of files with weights.
const EXTENSIONS: [&str; 7] = ["safetensors", "pt", "pth", "ckpt", "bin", "pt2", "onnx"];

/// The kind of a path.
pub enum Location {
    /// A file.
    File(PathBuf),
    /// The index of weights in several files.
    Index(PathBuf),
    /// A checkpoint's folder.
    Checkpoint(PathBuf),
    /// The checkpoints' folders of a run, the newest first; at least one.
    Run(Vec<PathBuf>),
}

/// Whether there are weights at a path: a file, a checkpoint's folder or a run's folder, also of one without a checkpoint, or
/// a folder of another program.
pub fn is_at(path: &Path) -> bool {
    path.is_file()
        || weights_of(path).is_file()
        || path.join(CHECKPOINTS).is_dir()
        || shards::in_folder(path).is_some()
        || of_other_program(path).is_some()
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
        return match path.extension() {
            Some(extension) if extension == "distcp" => unreadable(DISTRIBUTED.into()),
            _ => Ok(file(path.into())),
        };
    }
    if weights_of(path).is_file() {
        return Ok(Location::Checkpoint(path.into()));
    }
    if !path.join(CHECKPOINTS).is_dir() {
        return match shards::in_folder(path) {
            Some(weights) => Ok(file(weights)),
            None => unreadable(other_folder(path)),
        };
    }
    let checkpoints: Vec<_> = steps(&path.join(CHECKPOINTS))?.into_iter().map(|(_, folder)| folder).collect();
    if checkpoints.is_empty() {
        return unreadable("a run without a checkpoint yet; train it further".into());
    }
    Ok(Location::Run(checkpoints))
}

/// A file, or an index of files.
fn file(path: PathBuf) -> Location {
    if shards::is_index(&path) { Location::Index(path) } else { Location::File(path) }
}

/// What a folder without weights of a usual name is.
fn other_folder(path: &Path) -> String {
    if let Some(kind) = of_other_program(path) {
        return kind.into();
    }
    let mut names = weights_in(path);
    names.truncate(3);
    let hint =
        if names.is_empty() { String::new() } else { format!("; name a file in it, such as {}", names.join(" or ")) };
    format!("cannot read weights from this folder: it is neither a run nor a checkpoint, it has no {WEIGHTS}{hint}")
}

/// A folder in which another program has a model, and what to do.
fn of_other_program(path: &Path) -> Option<&'static str> {
    if path.join(".metadata").is_file() {
        return Some(DISTRIBUTED);
    }
    if path.join("saved_model.pb").is_file() {
        return Some("a SavedModel of TensorFlow; convert it to ONNX with tf2onnx --saved-model FOLDER");
    }
    if path.join("model_index.json").is_file() {
        return Some("a pipeline of diffusers; name the folder of one model in it, such as unet");
    }
    let is_core_ml = path.join("Manifest.json").is_file() && path.join("Data").is_dir();
    is_core_ml.then_some("a Core ML package; give the weights that it was made from")
}

/// The names of a folder's files that are weights by their extensions.
fn weights_in(path: &Path) -> Vec<String> {
    let files = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_weights = |file: &PathBuf| {
        file.extension().and_then(|it| it.to_str()).is_some_and(|it| EXTENSIONS.contains(&it)) && file.is_file()
    };
    let mut names: Vec<_> =
        files.filter(is_weights).filter_map(|it| Some(it.file_name()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
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
