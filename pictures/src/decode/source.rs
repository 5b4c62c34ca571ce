//! A picture file whose header was read.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{avif, jxl, png, tiff};
use crate::colour_space::ColourSpace;
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::{FileFormat, detect_format};
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

/// Reads a file's header. The size is within the limits.
pub fn open_source(bytes: &[u8]) -> Result<Source<'_>> {
    let source = match detect_format(bytes)? {
        FileFormat::Avif => avif::open(bytes)?,
        FileFormat::JpegXl => jxl::open(bytes)?,
        FileFormat::Written(ImageFormat::Tiff) if tiff::is_other_float(bytes) => tiff::open_float(bytes)?,
        FileFormat::Written(format) => open_written(bytes, format)?,
    };
    let (width, height) = source.size;
    check_size(width, height, source.decoded())?;
    Ok(source)
}

fn open_written(bytes: &[u8], format: ImageFormat) -> Result<Source<'_>> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let block = decoder.exif_metadata().ok().flatten();
    let (icc_profile, exif) = match format {
        ImageFormat::Tiff => (tiff::icc_profile(bytes), Exif::from_bytes(bytes)),
        _ => (decoder.icc_profile().ok().flatten(), block.as_deref().and_then(Exif::from_bytes)),
    };
    let (icc_profile, colour_space) = match format {
        ImageFormat::Png => png::colours(bytes, icc_profile),
        _ => (icc_profile, None),
    };
    Ok(Source {
        format: FileFormat::Written(format),
        size: decoder.dimensions(),
        colour: decoder.color_type(),
        orientation: decoder.orientation().unwrap_or(Orientation::NoTransforms),
        icc_profile,
        colour_space,
        exif,
        density: Density::read(bytes, format, block.as_deref()),
        pixels: Box::new(|| Ok(DynamicImage::from_decoder(decoder)?)),
    })
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
