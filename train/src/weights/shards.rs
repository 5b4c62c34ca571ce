//! Weights in the layout of Hugging Face: a folder with a file of a usual name, or an index of several files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use candle_core::Tensor;
use easel_runtime::FileKind;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::tensors;

/// The names of weights in such a folder, those of one file before indices.
const USUAL: [&str; 8] = [
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.bin.index.json",
];

/// An index is a list of names; a longer file is another.
const MAX_INDEX_BYTES: u64 = 1 << 26;

#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, PathBuf>,
}

/// The weights or their index in a folder.
pub fn in_folder(folder: &Path) -> Option<PathBuf> {
    USUAL.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Whether a file is an index.
pub fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
        && path.metadata().is_ok_and(|found| found.len() <= MAX_INDEX_BYTES)
        && fs::read(path).is_ok_and(|bytes| FileKind::of(&bytes) == Some(FileKind::ShardIndex))
}

/// Reads the tensors that an index names, all from files of its own folder.
pub fn read(index: &Path) -> Result<BTreeMap<String, Tensor>> {
    let unreadable = |path: &Path, reason: String| Error::Unreadable { path: path.into(), reason };
    let bytes = |path: &Path| fs::read(path).map_err(|error| unreadable(path, format!("cannot read: {error}")));
    let Index { weight_map } = serde_json::from_slice(&bytes(index)?)
        .map_err(|error| unreadable(index, format!("not an index of weights: {error}")))?;
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut files = BTreeMap::<PathBuf, Vec<String>>::new();
    for (tensor, file) in weight_map {
        if !matches!(file.components().collect::<Vec<_>>()[..], [Component::Normal(_)]) {
            let reason = format!("it names {}, a file outside its folder; put all files into one", file.display());
            return Err(unreadable(index, reason));
        }
        files.entry(file).or_default().push(tensor);
    }
    let mut whole = BTreeMap::new();
    for (file, names) in files {
        let path = folder.join(file);
        let bytes = bytes(&path)?;
        let contents = tensors::read(&bytes).map_err(|reason| unreadable(&path, reason))?;
        let outermost = contents.dictionaries.first().map(|dictionary| &dictionary.entries);
        let entry = |name| outermost.and_then(|entries| Some((name, entries.get(name)?)));
        let entries = names.iter().map(|name| {
            let missing = || format!("it has no tensor `{name}`, which its index names; copy it again");
            entry(name.as_str()).ok_or_else(missing)
        });
        let entries: std::result::Result<Vec<_>, String> = entries.collect();
        let read = entries.and_then(|entries| contents.read(entries));
        whole.extend(read.map_err(|reason| unreadable(&path, reason))?);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{is_at, open};
    use crate::{Params, networks::lenet};
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    /// The weights of a classifier in two files, and their index.
    fn folder(second: &str) -> tempfile::TempDir {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        lenet::Lenet::new(params.root(), lenet::Sizes::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut map = serde_json::Map::new();
        let mut parts = [BTreeMap::new(), BTreeMap::new()];
        let files = ["model-1.safetensors", second];
        for (at, (name, tensor)) in params.to_tensors().into_iter().enumerate() {
            map.insert(name.clone(), files[at % 2].into());
            parts[at % 2].insert(name, tensor);
        }
        for (file, part) in files.iter().zip(&parts) {
            fs::write(folder.path().join(file), safetensors::serialize(part, None).unwrap()).unwrap();
        }
        let index = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        folder
    }

    #[test]
    fn an_index_and_its_folder_are_opened() {
        let folder = folder("model-2.safetensors");
        for path in [folder.path().to_path_buf(), folder.path().join("model.safetensors.index.json")] {
            assert!(is_at(&path));
            assert_eq!(open(&path).unwrap().weights().unwrap().architecture.name, "lenet");
        }
        // A part that is missing is named.
        let part = folder.path().join("model-2.safetensors");
        fs::remove_file(&part).unwrap();
        assert!(matches!(open(folder.path()), Err(Error::Unreadable { path, .. }) if path == part));
    }

    #[test]
    fn tensors_that_are_missing_or_elsewhere_are_refused() {
        let folder = folder("model-2.safetensors");
        let index = folder.path().join("model.safetensors.index.json");
        let text = fs::read_to_string(&index).unwrap();
        fs::write(&index, text.replace("model-2", "../model-2")).unwrap();
        assert!(matches!(open(folder.path()), Err(Error::Unreadable { path, .. }) if path == index));
        fs::write(&index, text.replace("model-2", "model-1")).unwrap();
        let part = folder.path().join("model-1.safetensors");
        assert!(matches!(open(folder.path()), Err(Error::Unreadable { path, .. }) if path == part));
    }

    #[test]
    fn a_folder_with_one_file_of_a_usual_name_is_opened() {
        let folder = folder("model-2.safetensors");
        let whole = read(&folder.path().join("model.safetensors.index.json")).unwrap();
        fs::write(folder.path().join("model.safetensors"), safetensors::serialize(&whole, None).unwrap()).unwrap();
        let file = open(folder.path()).unwrap();
        assert_eq!(file.path, folder.path().join("model.safetensors"));
    }
}
