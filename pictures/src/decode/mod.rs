//! Decoding picture files.

mod avif;
mod header;
mod heif;
mod jpeg;
mod jxl;
mod open;
pub(crate) mod png;
mod premultiplied;
mod source;
#[cfg(test)]
mod tests;
mod tiff;

use std::fs;
use std::path::Path;

use image::{DynamicImage, ImageFormat, RgbImage};

use crate::colour::{cmyk_to_srgb, grey_to_srgb, is_rgb};
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;

pub use header::Header;
use open::open_source;
use premultiplied::divide_by_alpha;
pub(crate) use source::check_size;

/// A decoded picture file.
#[derive(Debug, Clone)]
pub struct DecodedPicture {
    /// The pixels, at least one, upright. Those of a CMYK file, of a grey one with a grey profile, and of one whose colour
    /// space is told by code points or by a gamma and chromaticities, are sRGB.
    pub picture: DynamicImage,
    /// The file's format if it is one that is written, or PNG.
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
    let source = open_source(bytes)?;
    Ok(source.density.map(|density| density.turned(source.orientation)))
}

/// Decodes a picture file's bytes, with the format detected by content. The EXIF orientation is applied; of an animation,
/// the first frame is decoded.
///
/// Fails on pictures beyond [`MAX_SIDE`](crate::MAX_SIDE) before anything is decoded, and on truncated files.
pub fn decode(bytes: &[u8]) -> Result<DecodedPicture> {
    let source = open_source(bytes)?;
    let (width, height) = source.size;
    let density = source.density.map(|density| density.turned(source.orientation));
    let (format, profile) = (source.format.written(), source.icc_profile);
    let inks = match source.format {
        FileFormat::Written(ImageFormat::Jpeg) => jpeg::cmyk(bytes)?,
        FileFormat::Written(ImageFormat::Tiff) => tiff::cmyk(bytes)?,
        _ => None,
    };
    let mut picture = match inks {
        Some(inks) => RgbImage::from_raw(width, height, cmyk_to_srgb(&inks, profile.as_deref()))
            .map(DynamicImage::from)
            .ok_or(DecodeError::Damaged)?,
        None => (source.pixels)()?,
    };
    // The decoder silently fills missing pixels with grey.
    if format == ImageFormat::Jpeg && !jpeg::has_end_marker(bytes) {
        return Err(DecodeError::NoEndMarker);
    }
    if let Some(profile) = profile.as_ref().filter(|_| !picture.color().has_color()) {
        picture = grey_to_srgb(picture, profile);
    }
    if let Some(space) = source.colour_space {
        picture = space.to_srgb(picture);
    }
    if source.format == FileFormat::Written(ImageFormat::Tiff) && tiff::is_premultiplied(bytes) {
        divide_by_alpha(&mut picture);
    }
    picture.apply_orientation(source.orientation);
    let icc_profile = profile.filter(|profile| is_rgb(profile));
    Ok(DecodedPicture { picture, format, icc_profile, exif: source.exif, density })
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
