//! The crate's errors.

use std::io;
use std::path::{Path, PathBuf};

use easel_runtime::Device;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How to get ONNX Runtime.
const GET_LIBRARY: &str = "run `cargo xtask setup`, or name the library with --ort-lib PATH";

/// How to get CUDA.
const GET_CUDA: &str = "run `cargo xtask setup --gpu` on a machine with an NVIDIA driver, or use --device cpu";

/// How to get ffmpeg.
pub(crate) const GET_FFMPEG: &str = "apt-get install ffmpeg (or brew install ffmpeg)";

/// What can go wrong. Each message is one line: where, what, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable ONNX Runtime in any of the usual places.
    #[error("ONNX Runtime's library was not found; searched {}; {GET_LIBRARY}", searched.join(", "))]
    LibraryMissing {
        /// The places, and what was wrong with the libraries found there.
        searched: Vec<String>,
    },
    /// The library that was named cannot be used.
    #[error("{named}: {reason}; {GET_LIBRARY}")]
    LibraryUnusable {
        /// The path as it was given: on the command line, or `ORT_DYLIB_PATH=PATH`.
        named: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A second library in one process.
    #[error("{}: ONNX Runtime is already loaded from {}; a process can load one", wanted.display(), loaded.display())]
    LibraryAlreadyLoaded {
        /// The library asked for.
        wanted: PathBuf,
        /// The library in use.
        loaded: PathBuf,
    },
    /// The device that was asked for cannot be used.
    #[error("--device {device}: no CUDA: {reason}; {GET_CUDA}")]
    DeviceUnavailable {
        /// The device.
        device: Device,
        /// ONNX Runtime's message.
        reason: String,
    },
    /// CUDA and the engine that computes on CPUs.
    #[error("--device {device}: Easel's engine computes on the CPU only; use --engine onnxruntime, or --device cpu")]
    EngineOnCpu {
        /// The device.
        device: Device,
    },
    /// A model that Easel's engine cannot run, and no other engine.
    #[error("{}{reason}; {advice}", prefix(path.as_deref()))]
    Unsupported {
        /// The model's file, if it is known.
        path: Option<PathBuf>,
        /// The operation that the engine lacks, and the node.
        reason: String,
        /// How to run it, or why no other engine does.
        advice: String,
    },
    /// The engine ran out of memory.
    #[error("{}{reason}", prefix(path.as_deref()))]
    OutOfMemory {
        /// The model's file, if it is known.
        path: Option<PathBuf>,
        /// The engine's message.
        reason: String,
    },
    /// A picture needs more memory than `--memory` allows.
    #[error("it needs {} MB of memory {how}, and --memory allows {} MB; {advice}", needed.div_ceil(1_000_000), limit / 1_000_000)]
    MemoryLimit {
        /// The bytes needed.
        needed: usize,
        /// The bytes allowed.
        limit: usize,
        /// How the picture would be computed.
        how: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A model of one kind where another is needed.
    #[error("{}: this model is a {found}, not a {wanted}{}", path.display(), program_for(found))]
    WrongKind {
        /// The model's file.
        path: PathBuf,
        /// Its kind.
        found: &'static str,
        /// The kind that is needed.
        wanted: &'static str,
    },
    /// A model file that cannot be read or run.
    #[error("{}: {source}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: easel_runtime::Error,
    },
    /// A model whose inputs or outputs are not those of a stylizer.
    #[error("{}: {reason}", path.display())]
    ModelInterface {
        /// The model's file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A name that is neither a file nor a shipped model.
    #[error("{}: no such file, and no model has this name; {}", name.display(), known_models(known))]
    UnknownModel {
        /// What was asked for.
        name: PathBuf,
        /// The names of the shipped models, sorted.
        known: Vec<String>,
    },
    /// A class that the model does not have, or that is asked for in a way that makes no sense.
    #[error("{}: {source}", path.display())]
    Class {
        /// The model's file.
        path: PathBuf,
        /// What is wrong with it.
        source: ClassError,
    },
    /// An option that does not apply to the model.
    #[error("{}: {option} {reason}", path.display())]
    InapplicableOption {
        /// The model's file.
        path: PathBuf,
        /// The option as it is written on the command line.
        option: &'static str,
        /// Why it does not apply, and what to do.
        reason: String,
    },
    /// An engine that fails, or a tensor that does not fit.
    #[error(transparent)]
    Runtime(easel_runtime::Error),
    /// A file or folder that cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("{source}")]
    Write {
        /// Its path.
        path: PathBuf,
        /// The system's error; its message includes the path.
        source: io::Error,
    },
    /// A path that cannot be the output.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The path.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// Standard output as the output, if that is a terminal.
    #[error("standard output (-o -): it is the terminal; send it to a file or a program, or give -o a name")]
    OutputIsTerminal,
    /// Results that exist already.
    #[error("{}: it exists already{}; --overwrite replaces it, --skip-existing keeps it", path.display(), and_more(*more))]
    OutputExists {
        /// The first of them.
        path: PathBuf,
        /// How many more there are.
        more: usize,
    },
    /// A result that would replace an input.
    #[error("{}: the result would replace the input {}; give another -o", output.display(), input.display())]
    OutputIsInput {
        /// The result.
        output: PathBuf,
        /// The input.
        input: PathBuf,
    },
    /// Several results for an output that takes one.
    #[error("{output}: it takes one result, and there are several; give a folder")]
    SeveralResults {
        /// The output: a path, or `standard output`.
        output: String,
    },
    /// A result that would be larger than its format or memory allows.
    #[error("{}: {what}; {advice}", path.display())]
    TooLarge {
        /// The output.
        path: PathBuf,
        /// What would be too large.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// Some pictures could not be read; each was reported.
    #[error("{failed} of {total} pictures could not be read; see the warnings")]
    UnreadablePictures {
        /// How many could not be read.
        failed: usize,
        /// How many there were.
        total: usize,
    },
    /// Some pictures were not stylized; each was reported.
    #[error("{0}")]
    Incomplete(Incomplete),
    /// A video that cannot be read.
    #[error("{}: {reason}", path.display())]
    Video {
        /// The video's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// ffmpeg or ffprobe is not installed.
    #[error("{}: videos need ffmpeg, which is not installed; {GET_FFMPEG}", path.display())]
    FfmpegMissing {
        /// The video's file.
        path: PathBuf,
    },
    /// An error about one of the inputs.
    #[error("{}: {source}", path.display())]
    Input {
        /// The input.
        path: PathBuf,
        /// What is wrong.
        source: Box<Error>,
    },
    /// An engine that computes something else than it should.
    #[error("it computes other numbers than it should")]
    WrongNumbers,
    /// Checks of this machine that failed; each was reported.
    #[error("{} cannot be used; the lines above say why", failed.join(" and "))]
    CheckFailed {
        /// What does not work.
        failed: Vec<&'static str>,
    },
    /// The work was ended from elsewhere.
    #[error("the work was cancelled")]
    Cancelled,
}

/// What is wrong with a class that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassError {
    /// The model does not have it.
    #[error("there is no class {class}; the model has {known}")]
    Unknown {
        /// What was asked for.
        class: String,
        /// The model's classes in words.
        known: String,
    },
    /// The first class of a range comes after the last.
    #[error("the range {range} of classes runs backwards; write it the other way")]
    Backwards {
        /// The range.
        range: String,
    },
    /// It is asked for twice.
    #[error("class {class} is asked for twice; name it once")]
    Repeated {
        /// Its name.
        class: String,
    },
}

/// What became of the pictures of a run in which not all were stylized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// How many there were.
    pub total: usize,
    /// How many results were written.
    pub written: usize,
    /// How many were skipped, since their results exist.
    pub skipped: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were not begun.
    pub left: usize,
    /// The output: a path, or `standard output`.
    pub output: String,
}

impl std::fmt::Display for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { total, written, skipped, failed, left, output } = self;
        let wrote = wrote_pictures(*written, *skipped, output);
        match left {
            0 => write!(f, "{failed} of {total} pictures failed, see above; {wrote}"),
            _ => write!(f, "{left} of {total} pictures were not begun, see above; {wrote}; --skip-existing resumes"),
        }
    }
}

/// `wrote 2 pictures to OUT, 1 skipped`.
pub(crate) fn wrote_pictures(written: usize, skipped: usize, output: &str) -> String {
    let plural = if written == 1 { "" } else { "s" };
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("wrote {written} picture{plural} to {output}{skipped}")
}

impl From<easel_runtime::Error> for Error {
    fn from(error: easel_runtime::Error) -> Self {
        match error {
            easel_runtime::Error::OutOfMemory(reason) => Self::OutOfMemory { path: None, reason },
            other => Self::Runtime(other),
        }
    }
}

impl Error {
    /// An error about a model's file.
    pub(crate) fn model(path: &Path, source: easel_runtime::Error) -> Self {
        Self::from(source).in_file(path)
    }

    /// Names the model's file in an error about the model.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        let path = path.to_owned();
        match self {
            Self::Runtime(easel_runtime::Error::WrongKind { found, wanted }) => Self::WrongKind { path, found, wanted },
            Self::Runtime(easel_runtime::Error::Interface(reason)) => Self::ModelInterface { path, reason },
            Self::Runtime(source) => Self::Model { path, source },
            Self::OutOfMemory { path: None, reason } => Self::OutOfMemory { path: Some(path), reason },
            Self::Unsupported { path: None, reason, advice } => Self::Unsupported { path: Some(path), reason, advice },
            other => other,
        }
    }

    /// What happened, without what to do about it if ONNX Runtime is missing.
    pub(crate) fn in_brief(&self) -> String {
        match self {
            Self::LibraryMissing { .. } => "ONNX Runtime's library was not found".into(),
            other => other.to_string(),
        }
    }

    /// A file or folder that cannot be read.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// A file or folder that cannot be written: by `source`, whose message does not include the path.
    pub(crate) fn write(path: &Path, what: &str, source: &io::Error) -> Self {
        let source = io::Error::new(source.kind(), format!("{}: {what}: {source}", path.display()));
        Self::Write { path: path.to_owned(), source }
    }

    /// Whether nothing more can be written there, whatever it is.
    pub(crate) fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let full = |kind| matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem);
        matches!(self, Self::Write { source, .. } if full(source.kind()))
    }
}

/// The error of a function of [`easel_runtime::files`], whose message includes the path.
pub(crate) fn written<T>(path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// The error of standard output, whose message names it.
pub(crate) fn printed(result: io::Result<()>) -> Result<()> {
    written(Path::new("standard output"), result)
}

fn prefix(path: Option<&Path>) -> String {
    path.map(|path| format!("{}: ", path.display())).unwrap_or_default()
}

/// What runs a model of a kind.
fn program_for(kind: &str) -> &'static str {
    match kind {
        "classifier" => "; `classify` runs it",
        "generator" | "denoiser" => "; `sample` runs it",
        "stylizer" => "; `stylize` runs it",
        "tabular model" => "; it takes rows of numbers, and any program with ONNX Runtime runs it",
        _ => "",
    }
}

fn known_models(names: &[String]) -> String {
    match names {
        [] => "give the path of a model that export-onnx wrote".to_string(),
        names => format!("by name there are: {}", names.join(", ")),
    }
}

fn and_more(more: usize) -> String {
    if more > 0 { format!(" (and {more} more)") } else { String::new() }
}

/// What happened, of ONNX Runtime's message: one line, without error codes, source locations and the machine's name.
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
