//! What can go wrong on this machine.

use std::io;
use std::path::PathBuf;

use easel_runtime::Device;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What helps where ONNX Runtime is missing.
const GET_LIBRARY: &str = "run `cargo xtask setup`, or name the library with --ort-lib PATH";

/// What helps where CUDA does not work.
const GET_CUDA: &str = "run `cargo xtask setup --gpu` on a machine with an NVIDIA driver, or use --device cpu";

/// The program for a model of another kind.
fn remedy(source: &easel_runtime::Error) -> &'static str {
    match source {
        easel_runtime::Error::WrongKind { found: "classifier", .. } => "; `classify` runs it",
        easel_runtime::Error::WrongKind { found: "generator" | "denoiser", .. } => "; `sample` runs it",
        easel_runtime::Error::WrongKind { found: "stylizer", .. } => "; `stylize` runs it",
        easel_runtime::Error::WrongKind { found: "tabular model", .. } => {
            "; it takes rows of numbers, and any program with ONNX Runtime runs it"
        }
        _ => "",
    }
}

/// Each text is one line: where, what, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable ONNX Runtime in any of the usual places.
    #[error("ONNX Runtime's library was not found; looked at {}; {GET_LIBRARY}", looked.join(", "))]
    LibraryMissing {
        /// The places, and what was wrong with what lay there.
        looked: Vec<String>,
    },
    /// The library that was named cannot be used.
    #[error("{named}: {reason}; {GET_LIBRARY}")]
    LibraryUnusable {
        /// The path and who named it.
        named: String,
        /// Why not.
        reason: String,
    },
    /// A second library in one process.
    #[error("{}: ONNX Runtime is already loaded from {}; a process can load one", wanted.display(), loaded.display())]
    LibraryTaken {
        /// The library asked for.
        wanted: PathBuf,
        /// The library in use.
        loaded: PathBuf,
    },
    /// The processor that was asked for cannot be used.
    #[error("--device {device}: no CUDA: {reason}; {GET_CUDA}")]
    Device {
        /// The device.
        device: Device,
        /// ONNX Runtime's own words.
        reason: String,
    },
    /// A model file that cannot be used.
    #[error("{}: {source}{}", path.display(), remedy(source))]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: easel_runtime::Error,
    },
    /// A name that is neither a file nor a shipped model.
    #[error("{name}: no such file, and no model has this name; {known}")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The names there are, as a sentence.
        known: String,
    },
    /// A model that cannot be run, or pictures that cannot be made of what it gave.
    #[error(transparent)]
    Runtime(#[from] easel_runtime::Error),
    /// A file that cannot be read or written; the text names it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A result that cannot be what was asked for.
    #[error("{0}")]
    Impossible(String),
}

impl Error {
    /// Whether nothing more can be written there, whatever it is.
    pub(crate) fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(self, Self::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem))
    }

    /// Names the model file in an error that is about the model.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Runtime(source) => Self::Model { path: path.to_owned(), source },
            other => other,
        }
    }
}

/// An error of the system's with the path it is about and what was tried.
pub(crate) fn io_error(path: &std::path::Path, what: &str, error: io::Error) -> Error {
    Error::Io(io::Error::new(error.kind(), format!("{}: {what}: {error}", path.display())))
}

/// ONNX Runtime's messages have line breaks, error codes, places in its source, even the machine's name. Users get one
/// line that says what happened.
pub(crate) fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut what = line.as_str();
    if let Some((_, coded)) = what.rsplit_once("[ONNXRuntimeError] : ") {
        // A number and a name: `1 : FAIL : what happened`.
        what = coded.splitn(3, " : ").last().unwrap_or(coded);
    }
    if let Some(start) = what.find("CUDA failure ") {
        let end = what.find(" ; GPU=").filter(|&end| end > start).unwrap_or(what.len());
        what = &what[start..end];
    }
    what.trim_end_matches(['.', ' ']).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_kept() {
        let cases = [
            ("Missing Input: z", "Missing Input: z"),
            ("Got 5\n Expected: 4\n Please fix.", "Got 5 Expected: 4 Please fix"),
            (
                "/src/provider_bridge_ort.cc:2043 onnxruntime::Provider& Get() [ONNXRuntimeError] : 1 : FAIL : Failed to \
                 load library libcublasLt.so.13: No such file\n",
                "Failed to load library libcublasLt.so.13: No such file",
            ),
            (
                "/src/cuda_call.cc:131 CudaCall(...) [with ERRTYPE = cudaError] CUDA failure 100: no CUDA-capable device \
                 is detected ; GPU=-1 ; hostname=box ; file=/src/a.cc ; line=280 ; expr=cudaSetDevice(device_id);",
                "CUDA failure 100: no CUDA-capable device is detected",
            ),
        ];
        for (message, what) in cases {
            assert_eq!(one_line(message), what);
        }
    }
}
