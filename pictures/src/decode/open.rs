//! Reading a picture file's header, in any format.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::source::{Source, check_size};
use super::{avif, jxl, png, tiff};
use crate::content::detect_format;
use crate::density::Density;
use crate::error::Result;
use crate::exif::Exif;
use crate::format::FileFormat;
use crate::limits::MAX_DECODED_BYTES;

/// Reads a file's header. The size is within the limits.
pub fn open_source(bytes: &[u8]) -> Result<Source<'_>> {
    let source = match detect_format(bytes)? {
        FileFormat::Avif => avif::open(bytes)?,
        FileFormat::JpegXl => jxl::open(bytes)?,
        FileFormat::Written(ImageFormat::Tiff) if tiff::is_other(bytes) => tiff::open(bytes)?,
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
