//! A picture file whose header was read.

use image::metadata::Orientation;
use image::{ColorType, DynamicImage};

use crate::colour_space::ColourSpace;
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;
use crate::limits::{MAX_DECODED_BYTES, MAX_SIDE};

/// What is known of a picture before its pixels are decoded.
pub struct Source<'a> {
    pub format: FileFormat,
    /// Columns and rows as they are decoded, before the orientation is applied.
    pub size: (u32, u32),
    pub colour: ColorType,
    /// How to turn the pixels that are decoded.
    pub orientation: Orientation,
    pub icc_profile: Option<Vec<u8>>,
    /// What the pixels are converted from, where that is not told by a profile.
    pub colour_space: Option<ColourSpace>,
    pub exif: Option<Exif>,
    /// The print resolution before the orientation is applied.
    pub density: Option<Density>,
    /// Decodes the pixels.
    pub pixels: Box<dyn FnOnce() -> Result<DynamicImage> + 'a>,
}

impl Source<'_> {
    /// The bytes of the pixels.
    pub fn decoded(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1) * u64::from(self.colour.bytes_per_pixel())
    }
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
