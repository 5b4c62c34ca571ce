//! Errors.

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error. Its text says what is wrong and what to do; the caller adds the file or the flag.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The bytes are not an ONNX model.
    #[error("not an ONNX model: {0}")]
    NotOnnx(String),
    /// The bytes start as an ONNX model and end early.
    #[error("the model file is truncated: {0}; copy or export it again")]
    Truncated(String),
    /// A model whose weights are in a second file.
    #[error("its weights are in a second file, `{file}`; {}", crate::onnx::MAKE_ONE_FILE)]
    ExternalData {
        /// The file, as the model names it.
        file: String,
    },
    /// A second file of a model's weights that cannot be used.
    #[error("its weights are in a second file, `{file}`: {reason}")]
    Weights {
        /// The file, as the model names it.
        file: String,
        /// Why it cannot be used, and what to do.
        reason: String,
    },
    /// A model whose inputs and outputs are not those that are needed.
    #[error("{0}")]
    Interface(String),
    /// An ONNX model without a card: it is from another program, or its metadata was removed.
    #[error(
        "the model has no Easel card (metadata key `easel`): it was not written by export-onnx, or a tool removed its metadata; `export-onnx inspect` describes any ONNX model, \
         `stylize -m` runs those that turn a picture into one"
    )]
    NoCard,
    /// A card that cannot be read.
    #[error("the model's card cannot be read: {0}")]
    BadCard(String),
    /// A card from a newer version of the program.
    #[error("the model's card has schema {found}, this program reads up to {known}: update the program")]
    NewerCard {
        /// The schema number in the file.
        found: u32,
        /// The newest schema this build reads.
        known: u32,
    },
    /// A model of another kind than the caller needs.
    #[error("this model is a {found}, not a {wanted}")]
    WrongKind {
        /// The card's kind.
        found: &'static str,
        /// The kind that the caller needs.
        wanted: &'static str,
    },
    /// A tensor with an unexpected shape or element type.
    #[error("{0}")]
    Shape(String),
    /// Invalid sampling options, or sampling that failed.
    #[error("{0}")]
    Sampling(String),
    /// The engine failed; the text is the engine's.
    #[error("{0}")]
    Engine(String),
    /// The engine ran out of memory; the text is the engine's.
    #[error("{0}")]
    OutOfMemory(String),
}
