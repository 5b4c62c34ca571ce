//! Model files: finds them, reads their card, loads them. Weights in a second file are read with them.

use std::fs;
use std::path::{Component, Path, PathBuf};

use easel_runtime::{FileKind, ModelCard, onnx};

use crate::engine::{EngineOptions, NativeEngine};
use crate::error::{Error, Result};
use crate::places;

/// The size limit of a file in bytes, that of protobuf and so of ONNX.
pub const MAX_FILE_BYTES: u64 = 1 << 31;

/// A model file with a card, read but not loaded.
#[derive(Debug)]
pub struct ModelFile {
    /// Its path.
    pub path: PathBuf,
    /// Its card.
    pub card: ModelCard,
    /// Its bytes, with all weights.
    pub bytes: Vec<u8>,
}

/// A model file with or without a card, read but not loaded.
#[derive(Debug)]
pub struct AnyModelFile {
    /// Its path.
    pub path: PathBuf,
    /// Its card, if export-onnx wrote it.
    pub card: Option<ModelCard>,
    /// Its metadata.
    pub metadata: Vec<(String, String)>,
    /// Its bytes, with all weights.
    pub bytes: Vec<u8>,
}

/// A model, loaded.
#[derive(Debug)]
pub struct Model {
    /// Its card.
    pub card: ModelCard,
    /// Its engine.
    pub engine: NativeEngine,
}

impl ModelFile {
    /// Reads a model file. Fails if it cannot be read, is truncated or not an ONNX model, or has no card that this build
    /// can read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path)?;
        let card = ModelCard::from_model(&bytes).map_err(|source| Error::model(path, source))?;
        Ok(Self { path: path.to_owned(), card, bytes })
    }

    /// Loads it into an engine.
    pub fn load(self, options: &EngineOptions) -> Result<Model> {
        let engine = NativeEngine::load(&self.bytes, options).map_err(|error| error.in_file(&self.path))?;
        Ok(Model { card: self.card, engine })
    }
}

impl Model {
    /// Reads a model file and loads it.
    pub fn open(path: &Path, options: &EngineOptions) -> Result<Self> {
        ModelFile::read(path)?.load(options)
    }
}

impl AnyModelFile {
    /// Reads a model file. Fails if it cannot be read, is truncated or not an ONNX model, or has a card that this build
    /// cannot read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path)?;
        let in_model = |source| Error::model(path, source);
        let metadata = onnx::metadata(&bytes).map_err(in_model)?;
        let card = match ModelCard::from_model(&bytes) {
            Err(easel_runtime::Error::NoCard) => None,
            card => Some(card.map_err(in_model)?),
        };
        Ok(Self { path: path.to_owned(), card, metadata, bytes })
    }
}

/// A model's bytes, with the weights that are in other files beside it.
fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = read_file(path)?;
    // Bytes that are not a model are for the reader of the card.
    if onnx::external_files(&bytes).is_ok_and(|files| files.is_empty()) || onnx::metadata(&bytes).is_err() {
        return Ok(bytes);
    }
    let mut total = bytes.len() as u64;
    let whole = onnx::with_external_data(&bytes, |name| {
        let read = read_neighbour(path, name, MAX_FILE_BYTES.saturating_sub(total));
        let found = read.map_err(|reason| easel_runtime::Error::Weights { file: name.into(), reason })?;
        total += found.len() as u64;
        Ok(found)
    });
    Ok(whole.map_err(|source| Error::model(path, source))?.unwrap_or(bytes))
}

/// A file that a model names, of at most `limit` bytes. It must be in the model's own folder or below: a model from
/// elsewhere must not choose what is read.
fn read_neighbour(model: &Path, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let named = Path::new(name);
    if name.is_empty() || !named.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err("it is not in the model's own folder; move it beside the model and export that again".into());
    }
    let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot_read = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "it is missing; copy it into the model's folder".to_string(),
        _ => format!("it cannot be read: {error}"),
    };
    let file = folder.join(named).canonicalize().map_err(cannot_read)?;
    if !file.starts_with(folder.canonicalize().map_err(cannot_read)?) {
        return Err("it is a link out of the model's folder; put a copy there".into());
    }
    let found = fs::metadata(&file).map_err(cannot_read)?;
    if !found.is_file() {
        return Err("it is not a regular file".into());
    }
    if found.len() > limit {
        return Err("the model and it are larger than 2 GiB".into());
    }
    let bytes = fs::read(&file).map_err(cannot_read)?;
    match FileKind::of(&bytes) {
        Some(kind @ (FileKind::LfsPointer | FileKind::Html)) => Err(format!("it is {kind}")),
        _ => Ok(bytes),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let cannot_read = |error| Error::read(path, error);
    let found = fs::metadata(path).map_err(cannot_read)?;
    let unusable = |what: &str| Err(Error::model(path, easel_runtime::Error::NotOnnx(what.into())));
    if found.is_dir() {
        return unusable("it is a folder; export-onnx turns a run into a model");
    }
    if !found.is_file() {
        return unusable("it is not a regular file");
    }
    if found.len() > MAX_FILE_BYTES {
        return unusable("it is larger than 2 GiB");
    }
    fs::read(path).map_err(cannot_read)
}

/// The shipped models and their names, sorted by name. Of several with one name it is the one that [`find_model`] finds.
pub fn shipped_models() -> Vec<(String, PathBuf)> {
    let mut shipped = shipped_in(&places::upward());
    // A stable sort keeps the nearest model of a name first.
    shipped.sort_by(|a, b| a.0.cmp(&b.0));
    shipped.dedup_by(|later, first| later.0 == first.0);
    shipped
}

fn shipped_in(places: &[PathBuf]) -> Vec<(String, PathBuf)> {
    places.iter().map(|place| place.join("models")).flat_map(|folder| models_in(&folder)).collect()
}

/// The file that `-m` names: an existing path, or the name of a shipped model, which is `NAME.onnx` or `NAME/model.onnx` in
/// a folder `models` beside the program, in the current folder, or in a folder above either.
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
    Err(Error::UnknownModel { name: wanted.to_owned(), known: names.into_iter().map(String::from).collect() })
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
        match find("wave").unwrap_err() {
            Error::UnknownModel { name, known } => {
                assert_eq!((name, known.join(" ")), ("wave".into(), "digits waves".into()))
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent.onnx");
        match ModelFile::read(&absent).unwrap_err() {
            Error::Read { path, source } => assert_eq!((path, source.kind()), (absent, std::io::ErrorKind::NotFound)),
            other => panic!("{other}"),
        }
        let not_onnx = |named: &Path| match ModelFile::read(named).unwrap_err() {
            Error::Model { path, source: easel_runtime::Error::NotOnnx(_) } => assert_eq!(path, named),
            other => panic!("{other}"),
        };
        not_onnx(folder.path());
        #[cfg(unix)]
        not_onnx(Path::new("/dev/zero"));
    }
}
