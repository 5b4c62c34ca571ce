//! Files of named tensors that other programs wrote, told by their content.

mod old_pytorch;
mod pickle;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::pickle as zip_pickle;
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

use crate::{Error, Result};

/// What a zip file, and so one of PyTorch's since version 1.6, begins with.
const ZIP: &[u8] = b"PK\x03\x04";

/// The keys under which a checkpoint's state dictionary is looked for where the file holds more than one.
const KEYS: [&str; 4] = ["state_dict", "model", "model_state_dict", "net"];

/// Whether a file that begins like this was written by PyTorch.
pub fn is_pytorch(start: &[u8]) -> bool {
    start.starts_with(ZIP) || start.starts_with(old_pytorch::MAGIC)
}

/// Reads a file of tensors to the CPU: safetensors, or a state dictionary that PyTorch wrote, of any version. The
/// error names the file.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let bad = |what: String| Error::Checkpoint(format!("{}: {what}", path.display()));
    let cannot_read = |error: std::io::Error| bad(format!("cannot read: {error}"));
    let mut start = Vec::new();
    let longest = old_pytorch::MAGIC.len() as u64;
    File::open(path).and_then(|file| file.take(longest).read_to_end(&mut start)).map_err(cannot_read)?;
    if start.starts_with(ZIP) {
        return zipped(path).map_err(|error| bad(format!("not a complete PyTorch file: {}", first_line(&error))));
    }
    let bytes = std::fs::read(path).map_err(cannot_read)?;
    if start.starts_with(old_pytorch::MAGIC) {
        return old_pytorch::read(&bytes).map_err(|what| bad(format!("a PyTorch file that cannot be read: {what}")));
    }
    SafeTensors::read_metadata(&bytes)
        .map_err(|_| bad("neither a safetensors nor a PyTorch file, or a damaged one".into()))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| bad(format!("a damaged safetensors file ({})", first_line(&error))))?;
    Ok(tensors.into_iter().collect())
}

/// A zip file's tensors: those of its outermost dictionary, or of one inside it under one of the usual keys.
fn zipped(path: &Path) -> candle_core::Result<BTreeMap<String, Tensor>> {
    let mut tensors = zip_pickle::read_all(path)?;
    for key in KEYS {
        if tensors.is_empty() {
            // Where the key is not there either, the next one is tried.
            tensors = zip_pickle::read_all_with_key(path, Some(key)).unwrap_or_default();
        }
    }
    if tensors.is_empty() {
        candle_core::bail!("it holds no state dictionary of tensors");
    }
    Ok(tensors.into_iter().collect())
}

/// An error of candle's may end in a backtrace.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.save(OrderedDict(w=torch.arange(6.).reshape(2, 3).t(), b=torch.tensor([0.5])), f)`, of both formats,
    /// the older one with `_use_new_zipfile_serialization=False`.
    const FILES: [&[u8]; 2] = [include_bytes!("tensors/old.pth"), include_bytes!("tensors/zip.pth")];

    fn written(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    }

    #[test]
    fn both_of_pytorchs_formats_are_read() {
        for bytes in FILES {
            let tensors = written(bytes).unwrap();
            assert_eq!(tensors.keys().collect::<Vec<_>>(), ["b", "w"]);
            assert_eq!(tensors["w"].to_vec2::<f32>().unwrap(), [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]);
            assert_eq!(tensors["b"].to_vec1::<f32>().unwrap(), [0.5]);
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let [old, zip] = FILES;
        for end in (0..old.len()).step_by(3) {
            let error = written(&old[..end]).err().unwrap_or_else(|| panic!("cut at {end}")).to_string();
            assert!(error.contains("weights: ") && !error.contains('\n'), "{error}");
        }
        for end in (0..zip.len()).step_by(31) {
            assert!(written(&zip[..end]).is_err(), "cut at {end}");
        }
        // Any byte may be wrong: it is an error or another value, never more.
        for at in 0..old.len() {
            let mut bytes = old.to_vec();
            bytes[at] ^= 0x55;
            let _ = written(&bytes);
        }
        assert!(written(b"no weights").unwrap_err().to_string().contains("neither a safetensors"));
    }
}
