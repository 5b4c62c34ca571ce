//! What can go wrong in training.

use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error's text is one line that names what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file that cannot be read, or that does not hold what it should.
    #[error("{}: cannot read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting whose value makes no sense.
    #[error("{name} is {value}; expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// The values that make sense.
        expected: String,
    },
    /// A key of a settings file that no setting has.
    #[error("{}: unknown setting `{name}`; did you mean `{nearest}`?", path.display())]
    UnknownSetting {
        /// The settings file.
        path: PathBuf,
        /// The key.
        name: String,
        /// The setting with the most similar name.
        nearest: String,
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
    #[error("step {step}: {source}{}", kept_checkpoint(*kept))]
    Step {
        /// The step.
        step: u64,
        /// Why.
        source: Box<Error>,
        /// The step of the newest checkpoint.
        kept: Option<u64>,
    },
    /// Training data that cannot be used.
    #[error("{0}")]
    Data(String),
    /// Settings that do not go together.
    #[error("{0}")]
    Config(String),
    /// Weights that do not fit the network, or a checkpoint that cannot be read.
    #[error("{0}")]
    Checkpoint(String),
    /// A run that cannot start or go on.
    #[error("{0}")]
    Run(String),
    /// A device that is not there.
    #[error("{0}")]
    Device(String),
}

impl Error {
    /// A file that cannot be read.
    pub fn unreadable(path: &Path, reason: impl Display) -> Self {
        Self::Unreadable { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

fn kept_checkpoint(kept: Option<u64>) -> String {
    kept.map_or(String::new(), |step| format!("; the checkpoint of step {step} is kept"))
}
