//! Where weights come from: a run, a checkpoint, a weights file, or a model file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use easel_runtime::ModelCard;
use easel_runtime::card::Columns;
use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::{Record, STATE, WEIGHTS};
use easel_train::{Weights, tensors};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Weights that were found and read.
pub struct Source {
    /// The weights file.
    pub path: PathBuf,
    /// Its contents.
    pub weights: Weights,
    /// The file's SHA-256, hexadecimal.
    pub sha256: String,
    /// The model's title for people, where the checkpoint around the weights tells.
    pub title: Option<String>,
    /// The names of the classes of the data that they were trained on, where the checkpoint tells.
    pub classes: Vec<String>,
    /// The names of the columns of the table that they were trained on, likewise.
    pub columns: Option<Columns>,
    /// Their licence, where a model file tells.
    pub licence: Option<String>,
}

impl Source {
    /// Opens a weights file of ours or of PyTorch's, the one of a checkpoint folder, that of a run's latest checkpoint, or
    /// the weights in a model file of ours.
    pub fn open(path: &Path) -> Result<Self> {
        let path = locate(path)?;
        let bytes =
            std::fs::read(&path).map_err(|error| Error::Source(format!("{}: cannot read: {error}", path.display())))?;
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if let Ok(card) = ModelCard::from_model(&bytes) {
            return of_model(path, &bytes, card, sha256);
        }
        let weights = if tensors::is_pytorch(&bytes) {
            recognised(tensors::read_all(&path)?)
                .map_err(|error| Error::Source(format!("{}: {error}", path.display())))?
        } else {
            Weights::from_bytes(&bytes, &path)?
        };
        let (title, classes, columns) =
            record(&path).map_or_else(Default::default, |record| (record.title, record.classes, record.columns));
        Ok(Self { path, weights, sha256, title, classes, columns, licence: None })
    }
}

fn of_model(path: PathBuf, model: &[u8], card: ModelCard, sha256: String) -> Result<Source> {
    if card.verification.int8.is_some() {
        return Err(Error::Source(format!(
            "{}: an int8 model does not hold the weights of its network; give the run or the model that it was made of",
            path.display()
        )));
    }
    let weights = Weights::from_model(model, &card)?;
    let ModelCard { title, classes, columns, licence, .. } = card;
    Ok(Source { path, weights, sha256, title: Some(title), classes, columns, licence: Some(licence) })
}

/// What `DataParallel` and `torch.compile` put before all names.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

fn unwrapped(mut tensors: BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    for wrapper in WRAPPERS {
        if tensors.keys().all(|name| name.starts_with(wrapper)) {
            tensors = tensors.into_iter().map(|(name, tensor)| (name[wrapper.len()..].to_string(), tensor)).collect();
        }
    }
    tensors
}

/// The first of a file's dictionaries that are a known network's weights.
fn recognised(found: Vec<tensors::Named>) -> std::result::Result<Weights, String> {
    let names: Vec<_> = found.iter().map(|(name, _)| name.clone()).collect();
    let mut reasons = Vec::new();
    for (_, tensors) in found {
        match Weights::recognise(unwrapped(tensors)) {
            Ok(weights) => return Ok(weights),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    let reason = reasons.swap_remove(0);
    Err(match &names[..] {
        [_] => reason,
        names => format!("{reason}, nor are those of {}", names[1..].join(", ")),
    })
}

/// The record beside the weights. They are complete without it, so one that cannot be read is none.
fn record(weights: &Path) -> Option<Record> {
    let folder = weights.parent().filter(|folder| weights.ends_with(WEIGHTS) && folder.join(STATE).is_file())?;
    Some(Checkpoint::load(folder).ok()?.record)
}

fn locate(path: &Path) -> Result<PathBuf> {
    if !path.exists() {
        return Err(Error::Source(format!("{}: no such file or folder", path.display())));
    }
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if path.join(WEIGHTS).is_file() {
        return Ok(path.join(WEIGHTS));
    }
    let steps = std::fs::read_dir(path.join("checkpoints")).into_iter().flatten().flatten().filter_map(|entry| {
        let step: u64 = entry.file_name().to_str()?.parse().ok()?;
        let weights = entry.path().join(WEIGHTS);
        weights.is_file().then_some((step, weights))
    });
    steps.max().map(|(_, weights)| weights).ok_or_else(|| {
        Error::Source(format!(
            "{}: neither a run with a checkpoint nor a checkpoint: there is no {WEIGHTS} in it",
            path.display()
        ))
    })
}
