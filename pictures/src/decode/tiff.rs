//! What `image` does not provide for TIFF: CMYK values, and the ICC profile of a small picture.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffResult};

use crate::error::{DecodeError, Result};
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
