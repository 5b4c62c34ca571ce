//! Errors of export and verification.

use easel_runtime::text::one_line;
use easel_train::networks::progan;

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error's text says what is wrong and what to do; the caller adds the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network or its weights.
    #[error(transparent)]
    Train(easel_train::Error),
    /// ONNX Runtime.
    #[error(transparent)]
    Native(#[from] easel_native::Error),
    /// A card or a tensor.
    #[error(transparent)]
    Runtime(#[from] easel_runtime::Error),
    /// A tensor operation.
    #[error("{}", without_backtrace(.0))]
    Candle(#[from] candle_core::Error),
    /// A file that cannot be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file that begins as an ONNX model and cannot be decoded.
    #[error("a damaged ONNX model: {0}")]
    DamagedModel(String),
    /// The card's sample picture cannot be encoded.
    #[error("the card's sample picture: {0}")]
    Sample(std::io::Error),
    /// Class names that are not as many as the network's classes.
    #[error("the data has {names} classes, the network {network}")]
    ClassCount {
        /// The number of names.
        names: usize,
        /// The network's number of classes.
        network: usize,
    },
    /// Column names that are not as many as the network's columns.
    #[error("the data has {names} columns, the network {network}")]
    ColumnCount {
        /// The number of names.
        names: usize,
        /// The network's number of columns.
        network: usize,
    },
    /// A stage of growth for a network that has none.
    #[error("{setting}: only a {} grows, and this is a {architecture}; remove it", progan::ARCHITECTURE)]
    NotProgressive {
        /// The flag and its value.
        setting: String,
        /// The network's architecture.
        architecture: String,
    },
    /// A resolution that a ProGAN has not grown to.
    #[error(
        "--resolution {resolution}: it has grown to {}; give one of these",
        .grown.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
    )]
    NotGrown {
        /// The resolution, in pixels a side.
        resolution: usize,
        /// The resolutions that it has grown to.
        grown: Vec<usize>,
    },
    /// A fade at a ProGAN's lowest resolution.
    #[error("--alpha {alpha}: at {0}x{0} there is no lower resolution to fade from; remove it", progan::SMALLEST)]
    NoFade {
        /// The share of the newest block.
        alpha: f64,
    },
    /// A weight beyond float16's range.
    #[error("{parameter}: a weight is {value} in float16; remove --half")]
    Float16Overflow {
        /// The parameter's name.
        parameter: String,
        /// An infinity or NaN.
        value: f32,
    },
    /// An operation that int8 models do not support, or not at this point of the network.
    #[error("int8 supports no {operation} at this point of the network; remove --int8")]
    NotQuantisable {
        /// The operation.
        operation: String,
    },
    /// Too few pictures to calibrate an int8 model.
    #[error(
        "{pictures}: {found} different pictures can be read, calibration needs at least {needed}; give a folder of more"
    )]
    TooFewPictures {
        /// Where they were read from.
        pictures: String,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A value of the network that is NaN or infinite on a calibration picture.
    #[error("{value} is NaN or infinite on a calibration picture; train the network again")]
    NotFinite {
        /// The value's name in the graph.
        value: String,
    },
    /// An int8 model that is too far from float32.
    #[error(
        "int8: {psnr:.2} dB PSNR from float32 on {pictures} pictures that were not used for calibration, at least {min} is \
         required; calibrate on more pictures of the kind that the model is for, or write it anyway with --force"
    )]
    LowPsnr {
        /// Its PSNR over the evaluation pictures, in decibels.
        psnr: f64,
        /// The lowest that is allowed.
        min: f64,
        /// The number of evaluation pictures.
        pictures: usize,
    },
    /// An int8 model where the network's float32 weights are needed.
    #[error("an int8 model does not hold the weights of its network; export it again")]
    Int8Model,
    /// A card without golden output.
    #[error("its card has no golden output; export it again")]
    NoGoldenOutput,
    /// A card that describes another model than the one that the file's weights build.
    #[error("the card describes another model than the weights in the file")]
    CardMismatch,
    /// A file with more or fewer outputs than the network.
    #[error("the file has {found} outputs, the network {expected}")]
    OutputCount {
        /// The file's.
        found: usize,
        /// The network's.
        expected: usize,
    },
    /// An output under another name than the network's.
    #[error("the output `{expected}` is named `{found}` in the file")]
    OutputName {
        /// The file's.
        found: String,
        /// The network's.
        expected: String,
    },
    /// An output of another shape than the network's.
    #[error("the output `{output}` has shape {found:?} in the file and {expected:?} in candle")]
    OutputShape {
        /// The output's name.
        output: String,
        /// The file's.
        found: Vec<usize>,
        /// The network's.
        expected: Vec<usize>,
    },
    /// A file that computes something else than the network.
    #[error(
        "the file differs from the network: output `{output}`{index:?} is {expected} in candle and {found} in the file \
         (at most {allowed:e} apart is allowed)"
    )]
    OutputDifference {
        /// The output's name.
        output: String,
        /// The element that is furthest off.
        index: Vec<usize>,
        /// Its value in the file.
        found: f32,
        /// Its value in the network.
        expected: f32,
        /// The largest difference that is allowed.
        allowed: f64,
    },
}

/// candle's errors end in a backtrace where `RUST_BACKTRACE` is set.
fn without_backtrace(error: &candle_core::Error) -> String {
    one_line(&error.to_string())
}

impl From<easel_train::Error> for Error {
    fn from(error: easel_train::Error) -> Self {
        match error {
            easel_train::Error::Value(error) => {
                error.downcast().map_or_else(|other| Self::Train(easel_train::Error::Value(other)), |error| *error)
            }
            error => Self::Train(error),
        }
    }
}

/// Recording happens inside a network's forward pass, whose errors are those of `easel-train`.
impl From<Error> for easel_train::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Train(error) => error,
            error => Self::Value(Box::new(error)),
        }
    }
}
