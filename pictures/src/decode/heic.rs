//! HEIC: pictures of HEVC in HEIF (ISO/IEC 23008-12), by `heic-decoder`.

use heic_decoder::{HeifError, ImageInfo, Metadata, decode, probe, read_metadata};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageBuffer};

use super::heif::{straight, unsupported};
use super::source::Source;
use crate::colour_space::ColourSpace;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;

/// Reads the header. The container's rotation is applied when the pixels are decoded, and the one in EXIF says the same.
pub fn open(bytes: &[u8]) -> Result<Source<'_>> {
    let info = probe(bytes).map_err(refusal)?;
    let Metadata { icc_profile, exif, color_info, .. } = read_metadata(bytes).map_err(refusal)?;
    // A profile says more than the numbers.
    let numbers = color_info.filter(|_| icc_profile.is_none());
    let colour_space = numbers
        .and_then(|color| ColourSpace::from_code_points(color.color_primaries, color.transfer_characteristics, true));
    let colour = colour_of(&info);
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    Ok(Source {
        format: FileFormat::Heic,
        size: (side(info.width), side(info.height)),
        colour,
        orientation: Orientation::NoTransforms,
        icc_profile,
        colour_space,
        exif: exif.and_then(|exif| Exif::from_bytes(&exif)),
        pixels: Box::new(move || pixels(bytes, colour)),
    })
}

fn colour_of(info: &ImageInfo) -> ColorType {
    match (info.alpha_bit_depth, info.bit_depth_luma > 8 || info.alpha_bit_depth.is_some_and(|depth| depth > 8)) {
        (None, false) => ColorType::Rgb8,
        (None, true) => ColorType::Rgb16,
        (Some(_), false) => ColorType::Rgba8,
        (Some(_), true) => ColorType::Rgba16,
    }
}

fn pixels(bytes: &[u8], colour: ColorType) -> Result<DynamicImage> {
    let image = decode(bytes).map_err(refusal)?;
    let (width, height) = (image.width as u32, image.height as u32);
    let picture = match colour {
        ColorType::Rgb8 => {
            let rgb = image.to_rgb8().map_err(refusal)?;
            ImageBuffer::from_raw(width, height, rgb.data).map(DynamicImage::ImageRgb8)
        }
        ColorType::Rgb16 => {
            let rgb = image.to_rgb16().map_err(refusal)?;
            ImageBuffer::from_raw(width, height, rgb.data).map(DynamicImage::ImageRgb16)
        }
        ColorType::Rgba8 => {
            let rgba = image.to_rgba8().map_err(refusal)?;
            let pixels = straight(rgba.data, 4, rgba.premultiplied);
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8)
        }
        _ => {
            let rgba = image.to_rgba16().map_err(refusal)?;
            let pixels = straight(rgba.data, 4, rgba.premultiplied);
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba16)
        }
    };
    picture.ok_or(DecodeError::Damaged)
}

fn refusal(error: HeifError) -> DecodeError {
    match error {
        HeifError::Truncated { .. } => DecodeError::Truncated,
        HeifError::Unsupported(what) | HeifError::LimitExceeded(what) => unsupported("HEIC", what),
        _ => DecodeError::Damaged,
    }
}
