//! A picture file whose header was read.

use std::io::Cursor;

use image::{ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::error::{DecodeError, Result};
use crate::format::detect_format;
use crate::limits::{MAX_DECODED_BYTES, MAX_SIDE};

/// A decoder of a file's bytes, and their format. The size is within the limits.
pub fn open_source(bytes: &[u8]) -> Result<(impl ImageDecoder, ImageFormat)> {
    let format = detect_format(bytes)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes())?;
    Ok((decoder, format))
}

/// Fails on a picture without pixels, and on one beyond [`MAX_SIDE`] or [`MAX_DECODED_BYTES`].
pub fn check_size(width: u32, height: u32, bytes: u64) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(DecodeError::NoPixels);
    }
    if width.max(height) > MAX_SIDE || bytes > MAX_DECODED_BYTES {
        return Err(DecodeError::TooLarge { width, height });
    }
    Ok(())
}
