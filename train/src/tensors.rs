//! Files of named tensors in the formats of other programs, detected by their first bytes.

mod old_pytorch;
mod pickle;
mod state_dict;
mod torch_export;
mod zip_pytorch;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use easel_runtime::FileKind;
use easel_runtime::text::one_line;
use safetensors::SafeTensors;

pub use state_dict::Dictionary;

/// A format of named tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// The format of `torch.save` since version 1.6: a zip archive.
    PyTorch,
    /// The format of `torch.save` before version 1.6: a sequence of pickles.
    OldPyTorch,
}

impl Format {
    /// The format of a file that begins with these bytes; `None` where it is unknown.
    pub fn of(start: &[u8]) -> Option<Self> {
        if start.starts_with(zip_pytorch::MAGIC) {
            Some(Self::PyTorch)
        } else if start.starts_with(old_pytorch::MAGIC) {
            Some(Self::OldPyTorch)
        } else {
            // The length of the header, and the JSON object that it is.
            (start.get(8) == Some(&b'{')).then_some(Self::Safetensors)
        }
    }
}

/// Reads all dictionaries of tensors in a file's bytes, to the CPU. The one that most likely holds a network's weights comes first.
/// No code in the file is run. The error is the reason.
pub fn read(bytes: &[u8]) -> Result<Vec<Dictionary>, String> {
    let pytorch = |reason| format!("a PyTorch file that cannot be read: {reason}");
    match Format::of(bytes) {
        Some(Format::PyTorch) => match FileKind::of(bytes) {
            Some(FileKind::TorchExport) => torch_export::read(bytes).map_err(pytorch),
            Some(kind @ (FileKind::TorchScript | FileKind::Keras | FileKind::Npz | FileKind::Zip)) => {
                Err(kind.to_string())
            }
            _ => zip_pytorch::read(bytes).map_err(pytorch),
        },
        Some(Format::OldPyTorch) => old_pytorch::read(bytes).map_err(pytorch),
        Some(Format::Safetensors) => Ok(vec![Dictionary { path: String::new(), tensors: read_safetensors(bytes)? }]),
        None => Err(FileKind::of(bytes)
            .map_or("neither a safetensors nor a PyTorch file, or a damaged one".into(), |kind| kind.to_string())),
    }
}

/// Reads the tensors of a safetensors file's bytes, to the CPU. The error is the reason.
pub fn read_safetensors(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    SafeTensors::read_metadata(bytes).map_err(|error| format!("not a safetensors file, or a damaged one ({error})"))?;
    let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)
        .map_err(|error| format!("a damaged safetensors file ({})", one_line(&error.to_string())))?;
    Ok(tensors.into_iter().collect())
}

#[cfg(test)]
mod tests;
