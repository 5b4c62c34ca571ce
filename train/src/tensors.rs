//! Files of named tensors in the formats of other programs, detected by their first bytes.

mod contents;
mod layout;
mod old_pytorch;
mod pickle;
mod rebuild;
mod state_dict;
mod torch_export;
mod zip_pytorch;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use easel_runtime::FileKind;
use safetensors::{Dtype, SafeTensors};

use contents::{Bytes, Found};
use layout::Layout;

pub use contents::{Contents, Data, Dictionary, Entry};

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
        } else if old_pytorch::is_start(start) {
            Some(Self::OldPyTorch)
        } else {
            // The length of the header, and the JSON object that it is.
            (start.get(8) == Some(&b'{')).then_some(Self::Safetensors)
        }
    }
}

/// Describes all dictionaries of tensors in a file's bytes. No code in the file is run. The error is the reason.
pub fn read(bytes: &[u8]) -> Result<Contents<'_>, String> {
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
        Some(Format::Safetensors) => safetensors(bytes),
        None => Err(FileKind::of(bytes)
            .map_or("neither a safetensors nor a PyTorch file, or a damaged one".into(), |kind| kind.to_string())),
    }
}

/// Reads the tensors of a safetensors file's bytes, to the CPU. The error is the reason.
pub fn read_safetensors(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    let contents = safetensors(bytes)?;
    contents.read(contents.dictionaries[0].tensors())
}

/// A safetensors file: one dictionary.
fn safetensors(bytes: &[u8]) -> Result<Contents<'_>, String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("not a safetensors file, or a damaged one ({error})"))?;
    let entry = |name: &str, dtype: Dtype, shape: &[usize]| {
        let stored = match dtype {
            Dtype::F64 => DType::F64,
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::I64 => DType::I64,
            Dtype::I32 => DType::I32,
            Dtype::I16 => DType::I16,
            Dtype::U32 => DType::U32,
            Dtype::U8 | Dtype::BOOL => DType::U8,
            other => return Entry::of_other_type(format!("{other:?}"), Some(shape.to_vec())),
        };
        let stride = |axis: usize| shape[axis + 1..].iter().fold(1usize, |stride, dim| stride.wrapping_mul(*dim));
        let strides = (0..shape.len()).map(stride).collect();
        Entry::stored(Layout {
            storage: name.to_string(),
            dtype: stored,
            offset: 0,
            dims: shape.to_vec(),
            strides,
            negative: false,
        })
    };
    let entries = file.iter().map(|(name, view)| (name.to_string(), entry(name, view.dtype(), view.shape()))).collect();
    let bytes_of = move |name: &str| match file.tensor(name) {
        Ok(view) => Ok(Bytes::File(view.data())),
        Err(_) => Err("is missing".into()),
    };
    let found = Found { dictionaries: vec![Dictionary { keys: Vec::new(), entries }], objects: Vec::new() };
    Ok(Contents::new(found, Box::new(bytes_of), bytes.len()))
}

#[cfg(test)]
mod tests;
