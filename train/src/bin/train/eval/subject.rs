//! Weights that are judged or judge: of a run, a checkpoint, a model file or a weights file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use easel_runtime::card::Columns;
use easel_runtime::{Error, ModelCard};
use easel_train::Weights;
use easel_train::run::Checkpoint;
use easel_train::run::checkpoint::{WEIGHTS, steps};

/// Weights, and what is known of them.
pub struct Subject {
    /// The checkpoint or the file.
    pub path: PathBuf,
    /// The weights.
    pub weights: Weights,
    /// The classes' names, as far as they are known.
    pub classes: Vec<String>,
    /// The columns of the table that they were trained on, likewise.
    pub columns: Option<Columns>,
}

impl Subject {
    /// Whether there are weights at a path rather than pictures. Fails on a run that has none yet.
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
            Ok(card) => Self::of_model(path, &bytes, card).with_context(at),
            Err(Error::NotOnnx(_)) => {
                let weights = Weights::from_bytes(&bytes, path)?;
                Ok(Self { path: path.into(), weights, classes: vec![], columns: None })
            }
            Err(error) => Err(error).with_context(at),
        }
    }

    /// Those of a model file's bytes.
    pub fn of_model(path: &Path, bytes: &[u8], card: ModelCard) -> Result<Self> {
        let weights = Weights::from_model(bytes, &card)?;
        Ok(Self { path: path.into(), weights, classes: card.classes, columns: card.columns })
    }
}

/// The checkpoint that a path names, itself or as the newest of a run. Fails on a run that has none yet.
fn checkpoint_of(path: &Path) -> Result<Option<PathBuf>> {
    if path.join(WEIGHTS).is_file() {
        return Ok(Some(path.to_path_buf()));
    }
    let checkpoints = path.join("checkpoints");
    if !checkpoints.is_dir() {
        return Ok(None);
    }
    let newest = steps(&checkpoints)?.into_iter().next().map(|(_, folder)| folder);
    newest.map(Some).with_context(|| format!("{}: a run without a checkpoint yet", path.display()))
}
