//! What can go wrong between a model file and a picture.

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error's text says what is wrong and what to do; the caller adds where (the file, the flag).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The bytes are no ONNX model at all.
    #[error("not an ONNX model: {0}")]
    NotOnnx(String),
    /// The bytes begin as an ONNX model and stop early.
    #[error("the model file is truncated: {0}; copy or export it again")]
    Truncated(String),
    /// An ONNX model of somebody else's, or one stripped of its metadata.
    #[error("the model has no Easel card (metadata key `easel`): it was not written by export-onnx")]
    NoCard,
    /// A card that cannot be read.
    #[error("the model's card cannot be read: {0}")]
    BadCard(String),
    /// A card of a later version of the program.
    #[error("the model's card has schema {found}, this program reads up to {known}: update the program")]
    NewerCard {
        /// The schema number in the file.
        found: u32,
        /// The newest schema this build reads.
        known: u32,
    },
    /// A model of one kind where another is needed.
    #[error("this model is a {found}, not a {wanted}")]
    WrongKind {
        /// What the card says.
        found: &'static str,
        /// What the caller needs.
        wanted: &'static str,
    },
    /// A tensor whose shape or element type does not fit.
    #[error("{0}")]
    Shape(String),
    /// Sampling that cannot be done as it was asked for.
    #[error("{0}")]
    Sampling(String),
    /// The engine failed; its own words.
    #[error("{0}")]
    Engine(String),
    /// The engine found no memory for what it was to compute; its own words.
    #[error("{0}")]
    OutOfMemory(String),
}
