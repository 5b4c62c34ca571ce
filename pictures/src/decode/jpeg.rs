//! What `image` does not provide for JPEG: whether a file is complete, and CMYK values.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{DecodeError, Result};

/// The CMYK values of a CMYK or YCCK file, four bytes a pixel, 255 for full ink. `None` for other files.
///
/// Files store the complement, as Adobe's programs do, whether they say so or not.
pub fn cmyk(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut headers = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    headers.decode_headers().map_err(|_| DecodeError::Damaged)?;
    let space = match headers.input_colorspace() {
        Some(space @ (ColorSpace::CMYK | ColorSpace::YCCK)) => space,
        _ => return Ok(None),
    };
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options.jpeg_set_out_colorspace(space));
    let mut stored = decoder.decode().map_err(|_| DecodeError::Damaged)?;
    if space == ColorSpace::YCCK {
        stored.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = ycck_to_cmyk(*pixel));
    }
    stored.iter_mut().for_each(|value| *value = 255 - *value);
    Ok(Some(stored))
}

/// YCbCr to RGB by ITU-R BT.601 as in JFIF; the complements of RGB are C, M and Y. K stays.
fn ycck_to_cmyk([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    let [c, m, y] = rgb.map(|value| 255 - (value + 0.5) as u8);
    [c, m, y, k]
}

/// Whether a JPEG reaches its end marker (ITU T.81, annex B). Segments have lengths; within a scan, a marker is an FF
/// that is not followed by 00 or a restart.
pub fn has_end_marker(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let mut position = 0;
    let mut in_scan = false;
    while let Some(&[first, marker]) = bytes.get(position..position + 2) {
        match (first, marker) {
            (0xff, END) => return true,
            (0xff, 0xff) => position += 1,
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => position += 2,
            (0xff, _) => {
                let Some(&[high, low]) = bytes.get(position + 2..position + 4) else { return false };
                position += 2 + usize::from(u16::from_be_bytes([high, low]));
                in_scan = marker == SCAN;
            }
            // Nothing belongs between segments. Decoders skip to the next marker, and so does this.
            _ if in_scan => {
                position += bytes[position..].iter().position(|&byte| byte == 0xff).unwrap_or(usize::MAX / 2)
            }
            _ => position += 1,
        }
    }
    false
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{GrayImage, Luma};

    #[test]
    fn a_cut_jpeg_has_no_end_marker() {
        // Noise has stuffed bytes; the end marker of an embedded thumbnail does not count.
        let mut bytes = vec![];
        let noise = GrayImage::from_fn(400, 300, |x, y| Luma([(x * x * 7 + y * y * 13 + x * y) as u8]));
        JpegEncoder::new_with_quality(&mut bytes, 100).encode_image(&noise).unwrap();
        assert!(has_end_marker(&bytes));
        assert!((0..bytes.len()).step_by(97).all(|length| !has_end_marker(&bytes[..length])));
        let thumbnail = [&[0xff, 0xe1, 0, 8][..], &[0xff, 0xd8, 1, 2, 0xff, 0xd9]].concat();
        let with_thumbnail = [&bytes[..2], &thumbnail, &bytes[2..]].concat();
        assert!(has_end_marker(&with_thumbnail));
        assert!(!has_end_marker(&with_thumbnail[..with_thumbnail.len() - 2]));
    }

    /// A JPEG of 8x8 pixels of one colour: its four components as they are stored, Adobe's transform (0 CMYK, 2 YCCK), and
    /// an ICC profile.
    pub fn four_components(stored: [u8; 4], transform: u8, profile: Option<&[u8]>) -> Vec<u8> {
        let segment = |marker: u8, payload: &[u8]| {
            [&[0xff, marker][..], &(payload.len() as u16 + 2).to_be_bytes(), payload].concat()
        };
        let components: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
        // Huffman tables: four bits for each category (0 to 11) of the mean, one bit for the end of a block.
        let means = [&[0, 0, 0, 0, 12][..], &[0; 12], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]].concat();
        let rest = [&[0x10, 1][..], &[0; 15], &[0]].concat();
        let mut bits = String::new();
        for value in stored {
            let mean = 8 * (i32::from(value) - 128);
            let category = (32 - mean.unsigned_abs().leading_zeros()) as usize;
            let code = if mean < 0 { mean - 1 } else { mean } & ((1 << category) - 1);
            bits += &format!("{category:04b}");
            bits += &if category > 0 { format!("{code:0category$b}") } else { String::new() };
            bits += "0";
        }
        bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
        let scan: Vec<u8> = (0..bits.len() / 8)
            .flat_map(|at| match u8::from_str_radix(&bits[at * 8..][..8], 2).unwrap() {
                0xff => vec![0xff, 0],
                byte => vec![byte],
            })
            .collect();
        let icc = profile.map(|profile| segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", profile].concat()));
        [
            vec![0xff, 0xd8],
            segment(0xee, &[b"Adobe\0\x64\0\0\0\0", &[transform][..]].concat()),
            icc.unwrap_or_default(),
            segment(0xdb, &[&[0][..], &[1; 64]].concat()),
            segment(0xc0, &[&[8, 0, 8, 0, 8, 4][..], &components].concat()),
            segment(0xc4, &means),
            segment(0xc4, &rest),
            segment(0xda, &[&[4][..], &[1, 0, 2, 0, 3, 0, 4, 0], &[0, 63, 0]].concat()),
            scan,
            vec![0xff, 0xd9],
        ]
        .concat()
    }

    #[test]
    fn cmyk_is_recognised() {
        let inks = cmyk(&four_components([255, 155, 55, 225], 0, None)).unwrap().unwrap();
        assert_eq!(inks, [0, 100, 200, 30].repeat(64));
        // The complements of cyan are Y 179, Cb 171, Cr 1, without any black.
        let inks = cmyk(&four_components([179, 171, 1, 255], 2, None)).unwrap().unwrap();
        assert!(inks.iter().zip([1, 254, 255, 0].iter().cycle()).all(|(a, b)| a.abs_diff(*b) <= 1), "{:?}", &inks[..4]);
        let mut grey = vec![];
        JpegEncoder::new(&mut grey).encode_image(&GrayImage::new(8, 8)).unwrap();
        assert!(cmyk(&grey).unwrap().is_none());
        assert!(cmyk(b"\xff\xd8\xff\xd9").is_err());
    }
}
