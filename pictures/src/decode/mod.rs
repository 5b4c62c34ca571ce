//! Decoding picture files.

mod header;
mod jpeg;
mod premultiplied;
mod source;
#[cfg(test)]
mod tests;
mod tiff;

use std::fs;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, RgbImage};

use crate::colour::{cmyk_to_srgb, grey_to_srgb, is_rgb};
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;

pub use header::Header;
use premultiplied::divide_by_alpha;
pub(crate) use source::check_size;
use source::open_source;

/// A decoded picture file.
#[derive(Debug, Clone)]
pub struct DecodedPicture {
    /// The pixels, at least one, upright. Those of a CMYK file, and of a grey one with a grey profile, are sRGB.
    pub picture: DynamicImage,
    /// The file's format.
    pub format: ImageFormat,
    /// The ICC profile of the pixels, if the file has one for RGB.
    pub icc_profile: Option<Vec<u8>>,
    /// The EXIF fields that are kept.
    pub exif: Option<Exif>,
    /// The print resolution of the upright picture.
    pub density: Option<Density>,
}

/// The print resolution that a file declares, for the upright picture.
pub(crate) fn density(bytes: &[u8]) -> Result<Option<Density>> {
    let (mut decoder, format) = open_source(bytes)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let exif = decoder.exif_metadata().ok().flatten();
    Ok(Density::read(bytes, format, exif.as_deref()).map(|density| density.turned(orientation)))
}

/// Decodes a picture file's bytes, with the format detected by content. The EXIF orientation is applied; of an animation,
/// the first frame is decoded.
///
/// Fails on pictures beyond [`MAX_SIDE`](crate::MAX_SIDE) before anything is decoded, and on truncated files.
pub fn decode(bytes: &[u8]) -> Result<DecodedPicture> {
    let (mut decoder, format) = open_source(bytes)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (profile, exif) = match format {
        ImageFormat::Tiff => (tiff::icc_profile(bytes), Exif::from_bytes(bytes)),
        _ => {
            let exif = decoder.exif_metadata().ok().flatten();
            (decoder.icc_profile().ok().flatten(), exif.and_then(|exif| Exif::from_bytes(&exif)))
        }
    };
    let density = density(bytes)?;
    let inks = match format {
        ImageFormat::Jpeg => jpeg::cmyk(bytes)?,
        ImageFormat::Tiff => tiff::cmyk(bytes)?,
        _ => None,
    };
    let mut picture = match inks {
        Some(inks) => RgbImage::from_raw(width, height, cmyk_to_srgb(&inks, profile.as_deref()))
            .map(DynamicImage::from)
            .ok_or(DecodeError::Damaged)?,
        None => DynamicImage::from_decoder(decoder)?,
    };
    // The decoder silently fills missing pixels with grey.
    if format == ImageFormat::Jpeg && !jpeg::has_end_marker(bytes) {
        return Err(DecodeError::NoEndMarker);
    }
    if let Some(profile) = profile.as_ref().filter(|_| !picture.color().has_color()) {
        picture = grey_to_srgb(picture, profile);
    }
    if format == ImageFormat::Tiff && tiff::is_premultiplied(bytes) {
        divide_by_alpha(&mut picture);
    }
    picture.apply_orientation(orientation);
    Ok(DecodedPicture { picture, format, icc_profile: profile.filter(|profile| is_rgb(profile)), exif, density })
}

/// Reads and decodes a picture file as [`decode`] does.
pub fn decode_file(path: &Path) -> Result<DecodedPicture> {
    if !path.metadata()?.is_file() {
        return Err(DecodeError::NotAFile);
    }
    decode(&fs::read(path)?)
}

/// The pixels of a picture file as [`decode`] gives them.
pub fn open(path: &Path) -> Result<DynamicImage> {
    decode_file(path).map(|decoded| decoded.picture)
}
