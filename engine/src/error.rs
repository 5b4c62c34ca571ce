//! Errors of loading and running a model.

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The model has an operation that this engine lacks, or lacks in this form. Another runtime may run it.
    #[error("node `{node}` ({operator}): {what}, which this engine does not support; use ONNX Runtime")]
    Unsupported {
        /// The node, or what it makes if it has no name.
        node: String,
        /// Its operator.
        operator: String,
        /// What is not supported.
        what: String,
    },
    /// The graph is not one that can be run.
    #[error("the model's graph is damaged: {0}; export it again")]
    Malformed(String),
    /// Inputs that the model cannot take, or a file that cannot be read.
    #[error(transparent)]
    Runtime(#[from] easel_runtime::Error),
}

impl From<Error> for easel_runtime::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Runtime(error) => error,
            other => Self::Engine(other.to_string()),
        }
    }
}

/// Why a node cannot be evaluated or planned; the caller knows which node it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// The engine lacks this.
    Unsupported(String),
    /// The node contradicts ONNX, or its inputs.
    Malformed(String),
}

impl Failure {
    /// The error, with the node.
    pub(crate) fn at(self, node: &str, operator: &str) -> Error {
        match self {
            Self::Unsupported(what) => Error::Unsupported { node: node.into(), operator: operator.into(), what },
            Self::Malformed(what) => Error::Malformed(format!("node `{node}` ({operator}): {what}")),
        }
    }
}

pub(crate) fn unsupported<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Unsupported(what.into()))
}

pub(crate) fn malformed<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Malformed(what.into()))
}
