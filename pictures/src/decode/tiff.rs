//! What `image` does not provide for TIFF: CMYK values, some of the floating-point ones, grey with alpha, and the ICC profile
//! of a small picture.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageFormat};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{SampleFormat, Tag};
use tiff::{ColorType, TiffResult};

use super::source::Source;
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;
use crate::limits::MAX_DECODED_BYTES;

/// The ICC profile. `image` counts 32 bytes for each of the profile's, and allows no more than the picture has.
pub fn icc_profile(bytes: &[u8]) -> Option<Vec<u8>> {
    decoder(bytes).ok()?.get_tag_u8_vec(Tag::IccProfile).ok()
}

/// Whether colours are multiplied with their opacity: the first extra sample is associated alpha (TIFF 6.0, section 18).
/// `image` takes them as they are.
pub fn is_premultiplied(bytes: &[u8]) -> bool {
    let extra = decoder(bytes).and_then(|mut decoder| decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples));
    extra.is_ok_and(|extra| extra.is_some_and(|extra| extra.first() == Some(&1)))
}

/// The CMYK values of a CMYK file, four bytes a pixel, 255 for full ink. `None` for other files.
pub fn cmyk(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let read = || -> TiffResult<_> {
        let mut decoder = decoder(bytes)?;
        Ok(match decoder.colortype()? {
            ColorType::CMYK(_) => Some(decoder.read_image()?),
            _ => None,
        })
    };
    Ok(match read().map_err(|_| DecodeError::Damaged)? {
        Some(DecodingResult::U8(inks)) => Some(inks),
        Some(DecodingResult::U16(inks)) => Some(inks.iter().map(|&ink| ((u32::from(ink) + 128) / 257) as u8).collect()),
        _ => None,
    })
}

/// How a file's samples are stored.
#[derive(Debug, Clone, Copy)]
struct Samples {
    colour: ColorType,
    float: bool,
}

impl Samples {
    fn read(decoder: &mut Decoder<Cursor<&[u8]>>) -> TiffResult<Self> {
        let mut number = |tag| decoder.find_tag_unsigned_vec::<u16>(tag).map(|found| found.unwrap_or_default());
        let float = number(Tag::SampleFormat)?.first() == Some(&SampleFormat::IEEEFP.to_u16());
        let is_black_zero = number(Tag::PhotometricInterpretation)? == [1];
        let has_alpha = matches!(number(Tag::ExtraSamples)?[..], [1 | 2]);
        let colour = match decoder.colortype()? {
            ColorType::Multiband { bit_depth, num_samples: 2 } if is_black_zero && has_alpha => {
                ColorType::GrayA(bit_depth)
            }
            colour => colour,
        };
        Ok(Self { colour, float })
    }

    /// Whether `image` does not read them: grey with alpha, grey floats, and RGB floats other than float32.
    fn are_left_to_us(self) -> bool {
        match self.colour {
            ColorType::GrayA(bits) => self.float || matches!(bits, 8 | 16),
            ColorType::Gray(_) => self.float,
            ColorType::RGB(bits) | ColorType::RGBA(bits) => self.float && bits != 32,
            _ => false,
        }
    }
}

/// Whether a file has samples that `image` does not read and [`open`] does.
pub fn is_other(bytes: &[u8]) -> bool {
    let samples = decoder(bytes).and_then(|mut decoder| Samples::read(&mut decoder));
    samples.is_ok_and(Samples::are_left_to_us)
}

/// Reads the header of a file of [`is_other`]. Floats become RGB of float32.
pub fn open(bytes: &[u8]) -> Result<Source<'_>> {
    let read = || -> TiffResult<_> {
        let mut decoder = decoder(bytes)?;
        let orientation = decoder.find_tag_unsigned::<u16>(Tag::Orientation)?.unwrap_or(1);
        Ok((decoder.dimensions()?, Samples::read(&mut decoder)?, orientation))
    };
    let (size, stored, orientation) = read().map_err(|_| DecodeError::Damaged)?;
    let colour = match stored {
        Samples { colour: ColorType::GrayA(8), float: false } => image::ColorType::La8,
        Samples { colour: ColorType::GrayA(_), float: false } => image::ColorType::La16,
        Samples { colour: ColorType::GrayA(_) | ColorType::RGBA(_), .. } => image::ColorType::Rgba32F,
        _ => image::ColorType::Rgb32F,
    };
    Ok(Source {
        format: FileFormat::Written(ImageFormat::Tiff),
        size,
        colour,
        orientation: Orientation::from_exif(orientation as u8).unwrap_or(Orientation::NoTransforms),
        icc_profile: icc_profile(bytes),
        colour_space: None,
        exif: Exif::from_bytes(bytes),
        density: Density::of_tiff(bytes),
        pixels: Box::new(move || pixels(bytes, size, stored.colour)),
    })
}

fn pixels(bytes: &[u8], (width, height): (u32, u32), stored: ColorType) -> Result<DynamicImage> {
    let values = decoder(bytes).and_then(|mut decoder| decoder.read_image()).map_err(|_| DecodeError::Damaged)?;
    let values: Vec<f32> = match values {
        DecodingResult::U8(values) => {
            let picture = ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLumaA8);
            return picture.ok_or(DecodeError::Damaged);
        }
        DecodingResult::U16(values) => {
            let picture = ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLumaA16);
            return picture.ok_or(DecodeError::Damaged);
        }
        DecodingResult::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
        DecodingResult::F32(values) => values,
        DecodingResult::F64(values) => values.iter().map(|&value| value as f32).collect(),
        _ => return Err(DecodeError::Damaged),
    };
    let picture = match stored {
        ColorType::Gray(_) => {
            let pixels = values.iter().flat_map(|&grey| [grey; 3]).collect();
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb32F)
        }
        ColorType::GrayA(_) => {
            let pixels = values.as_chunks().0.iter().flat_map(|&[grey, alpha]| [grey, grey, grey, alpha]).collect();
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba32F)
        }
        ColorType::RGB(_) => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgb32F),
        _ => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgba32F),
    };
    picture.ok_or(DecodeError::Damaged)
}

fn decoder(bytes: &[u8]) -> TiffResult<Decoder<Cursor<&[u8]>>> {
    let mut limits = Limits::default();
    // The limit is for three channels, and here there are four.
    limits.decoding_buffer_size = 2 * MAX_DECODED_BYTES as usize;
    limits.intermediate_buffer_size = MAX_DECODED_BYTES as usize;
    Ok(Decoder::new(Cursor::new(bytes))?.with_limits(limits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiff::encoder::{TiffEncoder, colortype};

    #[test]
    fn both_depths_of_cmyk_are_read() {
        let mut eight = Cursor::new(vec![]);
        let inks = [0, 100, 200, 30, 255, 1, 2, 3];
        TiffEncoder::new(&mut eight).unwrap().write_image::<colortype::CMYK8>(2, 1, &inks).unwrap();
        assert_eq!(cmyk(eight.get_ref()).unwrap().unwrap(), inks);
        let mut sixteen = Cursor::new(vec![]);
        let deep = inks.map(|ink| (u16::from(ink) * 257).saturating_sub(100));
        TiffEncoder::new(&mut sixteen).unwrap().write_image::<colortype::CMYK16>(2, 1, &deep).unwrap();
        assert_eq!(cmyk(sixteen.get_ref()).unwrap().unwrap(), inks);
        let mut rgb = Cursor::new(vec![]);
        TiffEncoder::new(&mut rgb).unwrap().write_image::<colortype::RGB8>(2, 1, &inks[..6]).unwrap();
        assert!(cmyk(rgb.get_ref()).unwrap().is_none());
        assert!(cmyk(&[0; 40]).is_err());
    }
}
