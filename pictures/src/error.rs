//! Errors of decoding.

use std::io;

use image::ImageError;

use crate::format::OtherFormat;
use crate::limits::{MAX_DECODED_BYTES, MAX_SIDE};

/// The result of decoding.
pub type Result<T, E = DecodeError> = std::result::Result<T, E>;

/// Why a picture file cannot be decoded. The text is one line without the path.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The system cannot read the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The path is a folder, a pipe or a device.
    #[error("not a file")]
    NotAFile,
    /// The bytes are in none of the formats that are read.
    #[error("not a picture of a known kind (png, jpg, webp, bmp, gif, tiff, avif, jxl)")]
    UnknownFormat,
    /// The bytes are in a known format that is not read.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
    /// The bytes violate their format.
    #[error("the file is damaged or truncated; get another copy")]
    Damaged,
    /// The file ends early.
    #[error("the file is truncated; get another copy")]
    Truncated,
    /// A JPEG that can be decoded, but has no end marker.
    #[error("the file stops before its end marker: it is truncated; get another copy")]
    NoEndMarker,
    /// A width or height of 0.
    #[error("a picture without pixels")]
    NoPixels,
    /// An animation without frames.
    #[error("an animation without frames")]
    NoFrames,
    /// Larger than [`MAX_SIDE`] or [`MAX_DECODED_BYTES`] allow.
    #[error(
        "a picture of {width}x{height}; at most {MAX_SIDE} pixels a side and {} MiB are read; make it smaller first",
        MAX_DECODED_BYTES >> 20
    )]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// An animation whose frames take more than `limit` bytes together.
    #[error("an animation of {width}x{height} whose frames take more than {} MiB", limit >> 20)]
    TooManyFrames {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes.
        limit: u64,
    },
    /// A valid file with a feature that the decoder lacks; the text is the decoder's.
    #[error("{0}")]
    Unsupported(String),
    /// The pixels cannot be resized.
    #[error(transparent)]
    Resize(#[from] easel_runtime::Error),
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            // The decoder's text names its own types.
            ImageError::Decoding(_) => Self::Damaged,
            other => Self::Unsupported(other.to_string().split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }
}
