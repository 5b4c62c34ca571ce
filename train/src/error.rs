//! What can go wrong in training.

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error's text names what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Training data that cannot be used.
    #[error("{0}")]
    Data(String),
    /// A configuration that makes no sense.
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
