//! Opening weights in any format.
//!
//! [`open`] takes a run's folder, a checkpoint's folder, a safetensors file, a file of PyTorch's (either format, with
//! nested dictionaries and the wrappers `module.` and `_orig_mod.`), what `torch.export` saved, a folder of Hugging Face
//! or the index of its sharded weights, or a model file that export-onnx wrote.
//!
//! ```
//! use candle_core::{DType, Device};
//! use easel_train::networks::lenet::{Lenet, Sizes};
//! use easel_train::{Params, weights};
//!
//! let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(1, 0));
//! Lenet::new(params.root(), Sizes::default())?;
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("lenet.safetensors");
//! candle_core::safetensors::save(&params.to_tensors().into_iter().collect(), &path)?;
//!
//! let file = weights::open(&path)?;
//! assert_eq!(file.weights()?.architecture.name, "lenet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod features;
mod locate;
mod shards;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use easel_runtime::card::{Architecture, Columns, Provenance};
use easel_runtime::{FileKind, ModelCard};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::networks::weights::{Weights, read_metadata};
use crate::networks::{self, Network};
use crate::run::Checkpoint;
use crate::run::checkpoint::STATE;
use crate::tensors::{self, Dictionary};
use locate::Location;

pub use locate::is_at;

/// The prefixes that `DataParallel` and `torch.compile` add to all names.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Opened weights with their metadata.
#[derive(Debug, Clone)]
pub struct WeightsFile {
    /// The file, or the checkpoint's folder.
    pub path: PathBuf,
    /// The file's SHA-256, hexadecimal.
    pub sha256: String,
    /// The network, if the file names it or it is recognised by its tensors.
    pub architecture: Option<Architecture>,
    /// The dictionaries of tensors in the file: those of the network first, or the likeliest where it is unknown.
    pub dictionaries: Vec<Dictionary>,
    /// Where the weights came from, if the file says so; `weights_sha256` is that of the file they were exported from.
    pub provenance: Provenance,
    /// The model's title, if the checkpoint or the model file has one.
    pub title: Option<String>,
    /// The names of the classes of the data that they were trained on, by label, likewise.
    pub classes: Vec<String>,
    /// The names of the columns of the table that they were trained on, likewise.
    pub columns: Option<Columns>,
    /// The licence of the weights, an SPDX expression, where a model file has one.
    pub licence: Option<String>,
    /// Why newer checkpoints of the run were skipped, one line each.
    pub unreadable: Vec<String>,
}

/// Opens weights. Of a run's folder it takes the newest checkpoint that can be read.
///
/// Fails with [`Error::Unreadable`] and, for an int8 model, with [`Error::Int8Model`]. An unknown network is not an
/// error until it is requested.
pub fn open(path: &Path) -> Result<WeightsFile> {
    match locate::locate(path)? {
        Location::File(file) => read(&file, &file),
        Location::Index(index) => sharded(&index),
        Location::Checkpoint(folder) => checkpoint(&folder),
        Location::Run(checkpoints) => newest(&checkpoints),
    }
}

/// Opens the best checkpoint of a run's folder, by the run's metric.
///
/// Fails as [`open`] does, and with [`Error::Unreadable`] where the path is not a run or the run has no best checkpoint.
pub fn open_best(path: &Path) -> Result<WeightsFile> {
    checkpoint(&locate::best(path)?)
}

fn newest(checkpoints: &[PathBuf]) -> Result<WeightsFile> {
    let mut unreadable = Vec::new();
    for folder in checkpoints {
        match checkpoint(folder) {
            Ok(file) => {
                return Ok(WeightsFile { unreadable: unreadable.iter().map(Error::to_string).collect(), ..file });
            }
            Err(error) => unreadable.push(error),
        }
    }
    Err(unreadable.swap_remove(0))
}

/// The weights are complete without the record beside them, so an unreadable record is ignored.
fn checkpoint(folder: &Path) -> Result<WeightsFile> {
    let file = read(folder, &locate::weights_of(folder))?;
    let record = folder.join(STATE).is_file().then(|| Checkpoint::load(folder).ok()).flatten();
    Ok(match record.map(|checkpoint| checkpoint.record) {
        Some(record) => WeightsFile { title: record.title, classes: record.classes, columns: record.columns, ..file },
        None => file,
    })
}

/// Weights in several files, as if they were one in safetensors: that is what `sha256` is of.
fn sharded(index: &Path) -> Result<WeightsFile> {
    let bytes = safetensors::serialize(&shards::read(index)?, None)
        .map_err(|error| Error::Unreadable { path: index.into(), reason: error.to_string() })?;
    WeightsFile::from_bytes(&bytes, index)
}

fn read(path: &Path, file: &Path) -> Result<WeightsFile> {
    let bytes = fs::read(file)
        .map_err(|error| Error::Unreadable { path: file.into(), reason: format!("cannot read: {error}") })?;
    WeightsFile::from_bytes(&bytes, path)
}

impl WeightsFile {
    /// Reads a file's bytes; `path` is what the result and errors name. Fails as [`open`] does.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        let unreadable = |reason| Error::Unreadable { path: path.into(), reason };
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = Self {
            path: path.into(),
            sha256,
            architecture: None,
            dictionaries: Vec::new(),
            provenance: Provenance::default(),
            title: None,
            classes: Vec::new(),
            columns: None,
            licence: None,
            unreadable: Vec::new(),
        };
        match tensors::Format::of(bytes) {
            None => file.with_model(bytes),
            Some(format) => {
                let mut dictionaries = tensors::read(bytes).map_err(unreadable)?;
                if format == tensors::Format::Safetensors
                    && let Some((architecture, provenance)) = read_metadata(bytes).map_err(unreadable)?
                {
                    return Ok(Self { architecture: Some(architecture), provenance, dictionaries, ..file });
                }
                dictionaries.iter_mut().for_each(unwrap);
                let recognised =
                    dictionaries.iter().enumerate().find_map(|(at, dictionary)| Some((at, recognise(dictionary)?)));
                let architecture = recognised.map(|(at, architecture)| {
                    dictionaries[..=at].rotate_right(1);
                    architecture
                });
                Ok(Self { architecture, dictionaries, ..file })
            }
        }
    }

    fn with_model(self, bytes: &[u8]) -> Result<Self> {
        let path = self.path.clone();
        let card = ModelCard::from_model(bytes).map_err(|error| Error::Unreadable {
            path: path.clone(),
            reason: match error {
                easel_runtime::Error::NotOnnx(_) => FileKind::of(bytes).map_or_else(
                    || "neither a safetensors nor a PyTorch file nor an ONNX model, or a damaged one".into(),
                    |kind| kind.to_string(),
                ),
                error => error.to_string(),
            },
        })?;
        if card.verification.int8.is_some() {
            return Err(Error::Int8Model { path });
        }
        let Weights { architecture, provenance, tensors } =
            Weights::from_model(bytes, &card).map_err(|error| Error::Unreadable { path, reason: error.to_string() })?;
        Ok(Self {
            architecture: Some(architecture),
            dictionaries: vec![Dictionary { path: String::new(), tensors }],
            provenance,
            title: Some(card.title),
            classes: card.classes,
            columns: card.columns,
            licence: Some(card.licence),
            ..self
        })
    }

    /// The network's tensors by name, or those of the likeliest dictionary.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.dictionaries[0].tensors
    }

    /// The weights of the network. Fails with [`Error::UnknownNetwork`].
    pub fn weights(&self) -> Result<Weights> {
        let tensors = self.tensors().clone();
        match self.architecture.clone() {
            Some(architecture) => Ok(Weights { architecture, provenance: self.provenance.clone(), tensors }),
            None => Err(Error::UnknownNetwork { path: self.path.clone(), tensors: tensors.into_keys().collect() }),
        }
    }

    /// Builds the network on a device. Fails with [`Error::UnknownNetwork`], [`Error::UnknownArchitecture`] or
    /// [`Error::WeightsMismatch`].
    pub fn network(&self, device: &Device) -> Result<Network> {
        let weights = self.weights()?;
        Network::on(&weights.architecture, &weights.tensors, device)
    }
}

/// Removes a prefix that all names have.
fn unwrap(dictionary: &mut Dictionary) {
    let wrapper = |tensors: &BTreeMap<String, Tensor>| {
        WRAPPERS.into_iter().find(|wrapper| !tensors.is_empty() && tensors.keys().all(|name| name.starts_with(wrapper)))
    };
    while let Some(wrapper) = wrapper(&dictionary.tensors) {
        let tensors = std::mem::take(&mut dictionary.tensors).into_iter();
        dictionary.tensors = tensors.map(|(name, tensor)| (name[wrapper.len()..].to_string(), tensor)).collect();
    }
}

fn recognise(dictionary: &Dictionary) -> Option<Architecture> {
    let shapes = dictionary.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
    networks::recognise(&shapes)
}
