//! JPEG XL (ISO/IEC 18181), by `jxl-oxide`.

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageBuffer};
use jxl_oxide::{AllocTracker, AuxBoxData, EnumColourEncoding, FrameBufferSample, JxlImage, RenderingIntent};

use super::heif::{straight, unsupported};
use super::source::Source;
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;
use crate::limits::MAX_DECODED_BYTES;

/// The decoder computes in float32, and keeps a few copies.
const MEMORY: usize = 8 * MAX_DECODED_BYTES as usize;

/// Reads the header. Of an animation, the first frame is decoded. The decoder applies the orientation, and converts to
/// sRGB what is not stored in the colours of an ICC profile.
pub fn open(bytes: &[u8]) -> Result<Source<'_>> {
    let builder = JxlImage::builder().alloc_tracker(AllocTracker::with_limit(MEMORY));
    let mut image = builder.read(bytes).map_err(|error| refusal(&*error))?;
    let format = image.pixel_format();
    // Lossy files have colours of no display, and can be rendered for any.
    let is_lossy = image.image_header().metadata.xyb_encoded;
    let icc_profile = image.original_icc().filter(|_| !is_lossy).map(<[u8]>::to_vec);
    if icc_profile.is_none() {
        let srgb = if format.is_grayscale() { EnumColourEncoding::gray_srgb } else { EnumColourEncoding::srgb };
        image.request_color_encoding(srgb(RenderingIntent::Relative));
    }
    if format.has_black() {
        return Err(unsupported("JPEG XL", "CMYK"));
    }
    let metadata = &image.image_header().metadata;
    let deep = metadata.bit_depth.bits_per_sample() > 8;
    let premultiplied = metadata.ec_info.iter().any(|channel| channel.alpha_associated() == Some(true));
    let colour = match (format.is_grayscale(), format.has_alpha(), deep) {
        (true, false, false) => ColorType::L8,
        (true, true, false) => ColorType::La8,
        (false, false, false) => ColorType::Rgb8,
        (false, true, false) => ColorType::Rgba8,
        (true, false, true) => ColorType::L16,
        (true, true, true) => ColorType::La16,
        (false, false, true) => ColorType::Rgb16,
        (false, true, true) => ColorType::Rgba16,
    };
    let (exif, density) = match image.aux_boxes().first_exif() {
        Ok(AuxBoxData::Data(exif)) => (Exif::from_bytes(exif.payload()), Density::of_tiff(exif.payload())),
        _ => (None, None),
    };
    Ok(Source {
        format: FileFormat::JpegXl,
        size: (image.width(), image.height()),
        colour,
        orientation: Orientation::NoTransforms,
        icc_profile,
        colour_space: None,
        exif,
        density,
        pixels: Box::new(move || pixels(&image, colour, premultiplied)),
    })
}

fn pixels(image: &JxlImage, colour: ColorType, premultiplied: bool) -> Result<DynamicImage> {
    // The decoder draws what it has of a truncated file.
    if image.num_loaded_keyframes() == 0 {
        return Err(DecodeError::Truncated);
    }
    let (width, height) = (image.width(), image.height());
    let picture = match colour {
        ColorType::L8 => ImageBuffer::from_raw(width, height, samples(image, colour)?).map(DynamicImage::ImageLuma8),
        ColorType::Rgb8 => ImageBuffer::from_raw(width, height, samples(image, colour)?).map(DynamicImage::ImageRgb8),
        ColorType::L16 => ImageBuffer::from_raw(width, height, samples(image, colour)?).map(DynamicImage::ImageLuma16),
        ColorType::Rgb16 => ImageBuffer::from_raw(width, height, samples(image, colour)?).map(DynamicImage::ImageRgb16),
        ColorType::La8 => {
            let pixels = straight(samples(image, colour)?, 2, premultiplied);
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLumaA8)
        }
        ColorType::La16 => {
            let pixels = straight(samples(image, colour)?, 2, premultiplied);
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLumaA16)
        }
        ColorType::Rgba8 => {
            let pixels = straight(samples(image, colour)?, 4, premultiplied);
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8)
        }
        _ => {
            let pixels = straight(samples(image, colour)?, 4, premultiplied);
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba16)
        }
    };
    picture.ok_or(DecodeError::Damaged)
}

fn samples<T: FrameBufferSample + Copy + Default>(image: &JxlImage, colour: ColorType) -> Result<Vec<T>> {
    let render = image.render_frame(0).map_err(|error| refusal(&*error))?;
    let mut stream = render.stream();
    if stream.channels() != u32::from(colour.channel_count()) {
        return Err(DecodeError::Damaged);
    }
    let mut samples =
        vec![T::default(); stream.width() as usize * stream.height() as usize * stream.channels() as usize];
    stream.write_to_buffer(&mut samples);
    Ok(samples)
}

fn refusal(error: &(dyn std::error::Error + Send + Sync + 'static)) -> DecodeError {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => DecodeError::Truncated,
        _ => DecodeError::Damaged,
    }
}
