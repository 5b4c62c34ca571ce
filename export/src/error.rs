//! What can go wrong on the way to a file.

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error's text names what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network or its weights.
    #[error(transparent)]
    Train(#[from] easel_train::Error),
    /// The engine that verifies.
    #[error(transparent)]
    Native(#[from] easel_native::Error),
    /// A card or a tensor.
    #[error(transparent)]
    Runtime(#[from] easel_runtime::Error),
    /// A tensor operation.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A file that cannot be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file that is not what it should be; the message names it.
    #[error("{0}")]
    Source(String),
    /// The file computes something else than the network.
    #[error("{0}")]
    Verification(String),
}
