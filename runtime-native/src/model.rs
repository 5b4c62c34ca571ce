//! Model files: finding them, reading their card, loading them.

use std::fs;
use std::path::{Path, PathBuf};

use easel_runtime::{ModelCard, onnx};

use crate::error::io_error;
use crate::{Error, Options, OrtEngine, Result, places};

/// The longest file that is read: protobuf, and so ONNX, goes no further than 2 GiB.
pub const MAX_FILE_BYTES: u64 = 1 << 31;

/// A model file that was read and has a card, not loaded yet.
#[derive(Debug)]
pub struct ModelFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says about itself.
    pub card: ModelCard,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// A model file of anybody's.
#[derive(Debug)]
pub struct AnyModelFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says about itself, where export-onnx wrote it.
    pub card: Option<ModelCard>,
    /// All of its metadata.
    pub metadata: Vec<(String, String)>,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// A model that is ready to run.
#[derive(Debug)]
pub struct Model {
    /// What it says about itself.
    pub card: ModelCard,
    /// What runs it.
    pub engine: OrtEngine,
}

impl ModelFile {
    /// Reads a model file. Fails, naming it, where it cannot be read, is truncated or no ONNX model, or has no card
    /// that this build can read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path)?;
        let card = ModelCard::from_model(&bytes).map_err(|source| Error::Model { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), card, bytes })
    }

    /// Loads it into ONNX Runtime.
    pub fn load(self, options: &Options) -> Result<Model> {
        let engine = OrtEngine::load(&self.bytes, options).map_err(|error| error.in_file(&self.path))?;
        Ok(Model { card: self.card, engine })
    }
}

impl Model {
    /// Reads a model file and loads it; errors name the file.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        ModelFile::read(path)?.load(options)
    }
}

impl AnyModelFile {
    /// Reads a model file. Fails, naming it, where it cannot be read, is truncated or no ONNX model, or has a card that
    /// this build cannot read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path)?;
        let in_model = |source| Error::Model { path: path.to_owned(), source };
        let metadata = onnx::metadata(&bytes).map_err(in_model)?;
        let card = match ModelCard::from_model(&bytes) {
            Err(easel_runtime::Error::NoCard) => None,
            card => Some(card.map_err(in_model)?),
        };
        Ok(Self { path: path.to_owned(), card, metadata, bytes })
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let cannot_read = |error| io_error(path, "cannot read", error);
    let found = fs::metadata(path).map_err(cannot_read)?;
    let unusable = |what: &str| {
        let source = easel_runtime::Error::NotOnnx(what.into());
        Err(Error::Model { path: path.to_owned(), source })
    };
    if found.is_dir() {
        return unusable("it is a folder; a run becomes a model with export-onnx");
    }
    if !found.is_file() {
        return unusable("it is no regular file");
    }
    if found.len() > MAX_FILE_BYTES {
        return unusable("it is longer than 2 GiB");
    }
    fs::read(path).map_err(cannot_read)
}

/// The shipped models and their names, in the order of the names. Of several with one name it is the one that
/// [`find_model`] gives.
pub fn shipped_models() -> Vec<(String, PathBuf)> {
    let mut shipped = shipped_in(&places::upward());
    // Stable, so that the nearest of one name stays first.
    shipped.sort_by(|a, b| a.0.cmp(&b.0));
    shipped.dedup_by(|later, first| later.0 == first.0);
    shipped
}

fn shipped_in(places: &[PathBuf]) -> Vec<(String, PathBuf)> {
    places.iter().map(|place| place.join("models")).flat_map(|folder| models_in(&folder)).collect()
}

/// The file that `-m` means: an existing path, or a shipped model by its name: `NAME.onnx` or `NAME/model.onnx` in a
/// folder `models` beside the program or above it, or beside the current folder or above it.
///
/// Where there is none, the error lists the names there are.
pub fn find_model(name_or_path: &Path) -> Result<PathBuf> {
    find_model_in(name_or_path, &places::upward())
}

fn find_model_in(wanted: &Path, places: &[PathBuf]) -> Result<PathBuf> {
    if wanted.exists() {
        return Ok(wanted.to_owned());
    }
    let shipped = shipped_in(places);
    if let Some((_, file)) = shipped.iter().find(|(name, _)| Path::new(name) == wanted) {
        return Ok(file.clone());
    }
    let mut names: Vec<&str> = shipped.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let known = if names.is_empty() {
        "give the path of a model that export-onnx wrote".to_string()
    } else {
        format!("by name there are: {}", names.join(", "))
    };
    Err(Error::UnknownModel { name: wanted.display().to_string(), known })
}

/// The models of a folder and their names.
fn models_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let file = if path.is_dir() { path.join("model.onnx") } else { path.clone() };
            let is_model = file.is_file() && file.extension().is_some_and(|extension| extension == "onnx");
            let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
            is_model.then_some((name?.to_str()?.to_string(), file))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_name() {
        let root = tempfile::tempdir().unwrap();
        let models = root.path().join("models");
        fs::create_dir_all(models.join("waves")).unwrap();
        fs::create_dir_all(models.join("notes")).unwrap();
        fs::write(models.join("digits.onnx"), "x").unwrap();
        fs::write(models.join("waves/model.onnx"), "x").unwrap();
        let places = [root.path().join("absent"), root.path().to_owned()];
        let find = |name: &str| find_model_in(Path::new(name), &places);
        assert_eq!(find("digits").unwrap(), models.join("digits.onnx"));
        assert_eq!(find("waves").unwrap(), models.join("waves/model.onnx"));
        let path = models.join("digits.onnx");
        assert_eq!(find(path.to_str().unwrap()).unwrap(), path);
        let error = find("wave").unwrap_err().to_string();
        assert!(error.contains("wave: ") && error.ends_with("digits, waves"), "{error}");
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("absent.onnx")] {
            let error = ModelFile::read(&path).unwrap_err().to_string();
            assert!(error.starts_with(path.to_str().unwrap()), "{error}");
        }
        #[cfg(unix)]
        assert!(ModelFile::read(Path::new("/dev/zero")).is_err());
    }
}
