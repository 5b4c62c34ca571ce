//! The weights of a run, a checkpoint, a model file or a weights file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use easel_runtime::card::Columns;
use easel_runtime::{Error, ModelCard};
use easel_train::Weights;
use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::{WEIGHTS, steps};

/// Weights, and what is known about them.
pub struct Model {
    /// The checkpoint or the file.
    pub path: PathBuf,
    /// The weights.
    pub weights: Weights,
    /// The names of the classes, as far as they are known.
    pub classes: Vec<String>,
    /// The columns of the training table, as far as they are known.
    pub columns: Option<Columns>,
}

impl Model {
    /// Whether a path has weights rather than pictures. Fails on a run without a checkpoint.
    pub fn is_at(path: &Path) -> Result<bool> {
        Ok(path.is_file() || checkpoint_of(path)?.is_some())
    }

    /// Reads the weights.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(path) = checkpoint_of(path)? {
            let Checkpoint { architecture, weights: tensors, record, .. } = Checkpoint::load(&path)?;
            let weights = Weights { architecture, provenance: record.provenance, tensors };
            return Ok(Self { path, weights, classes: record.classes, columns: record.columns });
        }
        let at = || path.display().to_string();
        let bytes = std::fs::read(path)
            .with_context(|| format!("{}: cannot read; give a run, a checkpoint, an .onnx or a .safetensors", at()))?;
        match ModelCard::from_model(&bytes) {
            Ok(card) => Self::of_bytes(path, &bytes, card).with_context(at),
            Err(Error::NotOnnx(_)) => {
                let weights = Weights::from_bytes(&bytes, path)?;
                Ok(Self { path: path.into(), weights, classes: vec![], columns: None })
            }
            Err(error) => Err(error).with_context(at),
        }
    }

    /// From the bytes of a model file.
    pub fn of_bytes(path: &Path, bytes: &[u8], card: ModelCard) -> Result<Self> {
        let weights = Weights::from_model(bytes, &card)?;
        Ok(Self { path: path.into(), weights, classes: card.classes, columns: card.columns })
    }
}

/// The checkpoint at a path: the path itself, or the newest one of a run. Fails on a run without a checkpoint.
fn checkpoint_of(path: &Path) -> Result<Option<PathBuf>> {
    if path.join(WEIGHTS).is_file() {
        return Ok(Some(path.to_path_buf()));
    }
    let checkpoints = path.join("checkpoints");
    if !checkpoints.is_dir() {
        return Ok(None);
    }
    let newest = steps(&checkpoints)?.into_iter().next().map(|(_, folder)| folder);
    newest
        .map(Some)
        .with_context(|| format!("{}: a run without a checkpoint; let it run until the first one", path.display()))
}
