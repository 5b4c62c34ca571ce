//! Errors.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use easel_runtime::text::{escaped, one_line};

use crate::networks::foreign;

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error. Its message is one line that says where, what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation failed.
    #[error("{}", without_backtrace(.0))]
    Candle(#[from] candle_core::Error),
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A setting with an invalid value.
    #[error("{name} is {value}; expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// The valid values.
        expected: String,
    },
    /// A key of a settings file that is not a setting.
    #[error("{}: unknown setting `{name}`{}", path.display(), hint(nearest.as_deref()))]
    UnknownSetting {
        /// The settings file.
        path: PathBuf,
        /// The key.
        name: String,
        /// The setting with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// A setting that may not change when a run is resumed.
    #[error("{name} was {before} and is {now}; a resumed run keeps it")]
    FixedSetting {
        /// The setting.
        name: &'static str,
        /// The run's value.
        before: String,
        /// The value that was given.
        now: String,
    },
    /// A run is resumed on other data than it was trained on.
    #[error(
        "the run was trained on the {what} {}, the data has {}; resume with the same data", 
        before.join(", "),
        now.join(", ")
    )]
    DataMismatch {
        /// What differs: classes or columns.
        what: &'static str,
        /// The run's.
        before: Vec<String>,
        /// The data's.
        now: Vec<String>,
    },
    /// A run is resumed on as many pictures of the same classes, which are others.
    #[error(
        "the run was trained on as many pictures of the same classes ({}), but of other names or sizes; resume with the same data",
        classes.join(", ")
    )]
    OtherPictures {
        /// The classes with their numbers of pictures.
        classes: Vec<String>,
    },
    /// A loss or a tensor became NaN or infinite.
    #[error("step {step}: {what}; lower the learning rate{}", kept_checkpoint(*kept))]
    Diverged {
        /// The step.
        step: u64,
        /// The loss, the tensor or both.
        what: String,
        /// The step of the newest checkpoint, from which the run can be resumed.
        kept: Option<u64>,
    },
    /// A step failed.
    #[error("step {step}: {cause}{}", kept_checkpoint(*kept))]
    Step {
        /// The step.
        step: u64,
        /// Why.
        cause: Box<Error>,
        /// The step of the newest checkpoint.
        kept: Option<u64>,
    },
    /// Training data that cannot be used.
    #[error("{0}")]
    Data(String),
    /// Settings that are inconsistent.
    #[error("{0}")]
    Config(String),
    /// Weights that do not fit the network, or a checkpoint that cannot be read.
    #[error("{0}")]
    Checkpoint(String),
    /// A run that cannot start or continue.
    #[error("{0}")]
    Run(String),
    /// A device that is not available.
    #[error("{0}")]
    Device(String),
    /// A file or a folder that cannot be read or has other contents than expected.
    #[error("{}: {reason}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Tensors that are not the weights of a network of this crate.
    #[error("{}: the weights of no known network ({}){}", .path.display(), summary(.tensors), advice(.tensors))]
    UnknownNetwork {
        /// The file or checkpoint.
        path: PathBuf,
        /// The tensors' names.
        tensors: Vec<String>,
    },
    /// An architecture name that is not one of this crate's.
    #[error("unknown architecture `{name}`: known are {}", .known.join(", "))]
    UnknownArchitecture {
        /// The name.
        name: String,
        /// The names that are known.
        known: Vec<&'static str>,
    },
    /// Weights whose names or shapes do not fit the network.
    #[error("the weights do not fit the network: {}", list(.0))]
    WeightsMismatch(Vec<Mismatch>),
    /// An int8 model, which does not hold the float32 weights of its network.
    #[error(
        "{}: an int8 model does not hold the weights of its network; give the run or the model that it was exported from",
        .path.display()
    )]
    Int8Model {
        /// The model file.
        path: PathBuf,
    },
    /// Weights of one network where those of another are needed.
    #[error("weights of {}, but {wanted} is needed", .found.as_ref().map_or("no known network".into(), |name| format!("the network `{name}`")))]
    WrongNetwork {
        /// The architecture's name, where it is known.
        found: Option<String>,
        /// What is needed.
        wanted: &'static str,
    },
    /// A file without a network that a perceptual loss can use.
    #[error("{}: {error}; {advice}", .path.display())]
    FeatureNetwork {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<Self>,
        /// Where such networks are found.
        advice: String,
    },
    /// An error of another crate's implementation of [`Value`](crate::Value).
    #[error(transparent)]
    Value(Box<dyn std::error::Error + Send + Sync>),
}

/// A tensor by which weights differ from what a network needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name.
    pub name: String,
    /// The shape that the network needs; `None` where it has no such tensor.
    pub expected: Option<Vec<usize>>,
    /// The shape of the weights; `None` where they have no such tensor.
    pub found: Option<Vec<usize>>,
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, found } = self;
        let name = escaped(name);
        match (expected, found) {
            (Some(expected), Some(found)) => write!(f, "`{name}` has shape {found:?}, the network's is {expected:?}"),
            (Some(_), None) => write!(f, "`{name}` is missing"),
            (None, _) => write!(f, "the network has no `{name}`"),
        }
    }
}

/// The first few mismatches.
fn list(mismatches: &[Mismatch]) -> String {
    const SHOWN: usize = 4;
    let mut text = mismatches.iter().take(SHOWN).map(Mismatch::to_string).collect::<Vec<_>>().join("; ");
    if mismatches.len() > SHOWN {
        text += &format!("; and {} more", mismatches.len() - SHOWN);
    }
    text
}

fn advice(names: &[String]) -> String {
    foreign::advice(names.iter().map(String::as_str)).map_or(String::new(), |advice| format!("; {advice}"))
}

/// The number of tensors and the first few names.
fn summary(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let first = names.iter().take(SHOWN).map(|name| escaped(name)).collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { ", .." } else { "" };
    format!("{} tensors: {first}{more}", names.len())
}

impl Error {
    /// A file that cannot be read.
    pub fn unreadable(path: &Path, reason: impl Display) -> Self {
        Self::Unreadable { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

/// candle's errors end in a backtrace where `RUST_BACKTRACE` is set.
fn without_backtrace(error: &candle_core::Error) -> String {
    one_line(&error.to_string())
}

fn kept_checkpoint(kept: Option<u64>) -> String {
    kept.map_or(String::new(), |step| format!("; the checkpoint of step {step} is kept"))
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or("; --dry-run prints them all".into(), |nearest| format!("; did you mean `{nearest}`?"))
}
