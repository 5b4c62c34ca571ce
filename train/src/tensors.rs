//! Files of named tensors that other programs wrote, told by their content.

mod old_pytorch;
mod pickle;
mod state_dict;
mod zip_pytorch;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

pub use state_dict::Named;

use crate::{Error, Result};

/// Whether a file that begins like this was written by PyTorch.
pub fn is_pytorch(start: &[u8]) -> bool {
    start.starts_with(zip_pytorch::MAGIC) || start.starts_with(old_pytorch::MAGIC)
}

/// Reads a file of tensors to the CPU: safetensors, or a dictionary of tensors that PyTorch wrote, of any version; of
/// several in one another the likeliest. The error names the file.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    Ok(read_all(path)?.swap_remove(0).1)
}

/// Reads all dictionaries of tensors in a file, the likeliest first, each with where it was found: `state_dict`, empty
/// for the outermost. No code in the file is run.
pub fn read_all(path: &Path) -> Result<Vec<Named>> {
    let bad = |what: String| Error::Checkpoint(format!("{}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| bad(format!("cannot read: {error}")))?;
    if is_pytorch(&bytes) {
        let zipped = bytes.starts_with(zip_pytorch::MAGIC);
        let read = if zipped { zip_pytorch::read(&bytes) } else { old_pytorch::read(&bytes) };
        return read.map_err(|what| bad(format!("a PyTorch file that cannot be read: {what}")));
    }
    SafeTensors::read_metadata(&bytes)
        .map_err(|_| bad("neither a safetensors nor a PyTorch file, or a damaged one".into()))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| bad(format!("a damaged safetensors file ({})", first_line(&error))))?;
    Ok(vec![(String::new(), tensors.into_iter().collect())])
}

/// An error of candle's may end in a backtrace.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests;
