//! Opening weights in any format.
//!
//! [`open`] takes a run's folder, a checkpoint's folder, a safetensors file, a file of PyTorch's (either format), what
//! `torch.export` saved, a folder of Hugging Face or the index of its sharded weights, or a model file that export-onnx
//! wrote. In files of other programs the network may be nested in dictionaries or modules, and wrapped by `DataParallel`,
//! `torch.compile`, FSDP and the like; [`open_part`] chooses where several fit.
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

mod choice;
mod features;
mod locate;
mod names;
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
use choice::{Choice, Family, choose};
use locate::Location;

pub use locate::is_at;

/// The networks that can be exported.
const NETWORKS: Family<Architecture> = Family { recognise: networks::recognise, names: networks::parameter_names };

/// Opened weights with their metadata.
#[derive(Debug, Clone)]
pub struct WeightsFile {
    /// The file, or the checkpoint's folder.
    pub path: PathBuf,
    /// The file's SHA-256, hexadecimal.
    pub sha256: String,
    /// The network, if the file names it or it is recognised by its tensors.
    pub architecture: Option<Architecture>,
    /// The network's tensors by name, or the readable ones of the likeliest dictionary.
    tensors: BTreeMap<String, Tensor>,
    /// All dictionaries of tensors in a file of another program.
    pub dictionaries: Vec<Dictionary>,
    /// The keys and modules in such a file that lead to the network, joined by dots; empty for the outermost.
    pub part: String,
    /// The other parts of the file that hold a network.
    pub other_parts: Vec<String>,
    /// What a user should know of the choice, one line each.
    pub notes: Vec<String>,
    /// Why the weights cannot be used, where there is more to say than that the network is unknown.
    pub problem: Option<String>,
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
    open_part(path, None)
}

/// Opens weights, in a file of another program the part under a key: the keys and modules that lead to it, joined by dots,
/// or the last of them.
///
/// Fails as [`open`] does, and with [`Error::Unreadable`] where there is no such part.
pub fn open_part(path: &Path, part: Option<&str>) -> Result<WeightsFile> {
    match locate::locate(path)? {
        Location::File(file) => WeightsFile::read_part(&bytes(&file)?, &file, part),
        Location::Index(index) => sharded(&index, part),
        _ if part.is_some() => Err(no_parts(path)),
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
fn sharded(index: &Path, part: Option<&str>) -> Result<WeightsFile> {
    let bytes = safetensors::serialize(&shards::read(index)?, None)
        .map_err(|error| Error::Unreadable { path: index.into(), reason: error.to_string() })?;
    WeightsFile::read_part(&bytes, index, part)
}

fn read(path: &Path, file: &Path) -> Result<WeightsFile> {
    WeightsFile::from_bytes(&bytes(file)?, path)
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| Error::Unreadable { path: file.into(), reason: format!("cannot read: {error}") })
}

fn no_parts(path: &Path) -> Error {
    Error::unreadable(path, "it holds one network and has no parts to choose from; remove --part")
}

/// The network of a family in the bytes of another program's file; `None` in a file of this one. Fails as [`open_part`].
fn choose_in<A>(
    bytes: &[u8],
    path: &Path,
    part: Option<&str>,
    family: &Family<A>,
) -> Result<Option<(Choice<A>, Vec<Dictionary>)>> {
    let unreadable = |reason| Error::Unreadable { path: path.into(), reason };
    let Some(format) = tensors::Format::of(bytes) else { return Ok(None) };
    let contents = tensors::read(bytes).map_err(unreadable)?;
    if format == tensors::Format::Safetensors && read_metadata(bytes).map_err(unreadable)?.is_some() {
        return Ok(None);
    }
    let choice = choose(&contents, part, family).map_err(unreadable)?;
    Ok(Some((choice, contents.dictionaries)))
}

impl WeightsFile {
    /// Reads a file's bytes; `path` is what the result and errors name. Fails as [`open`] does.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::read_part(bytes, path, None)
    }

    /// Reads a part of a file's bytes. Fails as [`open_part`] does.
    pub fn read_part(bytes: &[u8], path: &Path, part: Option<&str>) -> Result<Self> {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = Self {
            path: path.into(),
            sha256,
            architecture: None,
            tensors: BTreeMap::new(),
            dictionaries: Vec::new(),
            part: String::new(),
            other_parts: Vec::new(),
            notes: Vec::new(),
            problem: None,
            provenance: Provenance::default(),
            title: None,
            classes: Vec::new(),
            columns: None,
            licence: None,
            unreadable: Vec::new(),
        };
        if let Some((choice, dictionaries)) = choose_in(bytes, path, part, &NETWORKS)? {
            let notes = choice.notes(path);
            let Choice { network, part, tensors, others, problem, .. } = choice;
            return Ok(Self {
                architecture: network,
                tensors,
                dictionaries,
                part,
                other_parts: others,
                notes,
                problem,
                ..file
            });
        }
        if part.is_some() {
            return Err(no_parts(path));
        }
        if tensors::Format::of(bytes).is_none() {
            return file.with_model(bytes);
        }
        let Weights { architecture, provenance, tensors } = Weights::from_bytes(bytes, path)?;
        Ok(Self { architecture: Some(architecture), provenance, tensors, ..file })
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
            tensors,
            provenance,
            title: Some(card.title),
            classes: card.classes,
            columns: card.columns,
            licence: Some(card.licence),
            ..self
        })
    }

    /// The network's tensors by name, or the readable ones of the likeliest dictionary.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// The weights of the network. Fails with [`Error::UnknownNetwork`], and with [`Error::Unreadable`] where it can be seen
    /// why the network's weights cannot be used.
    pub fn weights(&self) -> Result<Weights> {
        let tensors = self.tensors.clone();
        match (self.architecture.clone(), &self.problem) {
            (Some(architecture), _) => Ok(Weights { architecture, provenance: self.provenance.clone(), tensors }),
            (None, Some(problem)) => Err(Error::unreadable(&self.path, problem)),
            (None, None) => {
                Err(Error::UnknownNetwork { path: self.path.clone(), tensors: tensors.into_keys().collect() })
            }
        }
    }

    /// Builds the network on a device. Fails with [`Error::UnknownNetwork`], [`Error::UnknownArchitecture`] or
    /// [`Error::WeightsMismatch`].
    pub fn network(&self, device: &Device) -> Result<Network> {
        let weights = self.weights()?;
        Network::on(&weights.architecture, &weights.tensors, device)
    }
}
