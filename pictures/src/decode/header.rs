//! Properties of a picture that are known before decoding.

use image::ImageFormat;
use image::metadata::Orientation;

use super::open::open_source;
use crate::error::Result;
use crate::format::FileFormat;

/// The size of a picture file's pixels, and the memory that decoding takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Columns of the upright picture.
    pub width: usize,
    /// Rows of the upright picture.
    pub height: usize,
    /// Whether the picture has transparency.
    pub alpha: bool,
    /// The bytes of the pixels that [`decode`](super::decode) gives.
    pub decoded: usize,
    /// The most bytes that [`decode`](super::decode) takes, the pixels and the file's bytes included.
    pub decoding: usize,
}

impl Header {
    /// Reads the header of a picture file's bytes. Fails on unknown formats and on pictures that are too large.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let source = open_source(bytes)?;
        let ((width, height), orientation) = (source.size, source.orientation);
        let (alpha, decoded) = (source.colour.has_alpha(), source.decoded() as usize);
        let turned = matches!(
            orientation,
            Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
        );
        let (width, height) = if turned { (height, width) } else { (width, height) };
        let (width, height) = (width as usize, height as usize);
        let file = bytes.len();
        let buffers = match source.format {
            // Planes of four bytes a value, as they are decoded and as they are assembled.
            // The decoder's planes and ours, of two bytes a value.
            FileFormat::Avif => 2 * 2 * 4 * width * height,
            // Planes of float32, a few times.
            FileFormat::JpegXl => 4 * 4 * 4 * width * height,
            FileFormat::Written(format) => Self::buffers(format, bytes, decoded, width * height),
        };
        let decoding = file + decoded + buffers.max(if turned { decoded } else { 0 });
        Ok(Self { width, height, alpha, decoded, decoding })
    }

    /// The bytes that the decoder of a format takes beside the file and the pixels.
    fn buffers(format: ImageFormat, bytes: &[u8], decoded: usize, pixels: usize) -> usize {
        match format {
            // A copy of the file, and the coefficients of a picture of several scans, two bytes each.
            ImageFormat::Jpeg => bytes.len() + if is_progressive(bytes) { 2 * 3 * pixels } else { 0 },
            // A copy of the file and one of the picture.
            ImageFormat::WebP => bytes.len() + 4 * pixels,
            ImageFormat::Gif => 2 * 4 * pixels,
            // A strip, which can be the whole picture.
            ImageFormat::Tiff => decoded,
            _ => 0,
        }
    }
}

/// Whether a JPEG has several scans (ITU T.81, table B.1); true if that is unknown.
fn is_progressive(bytes: &[u8]) -> bool {
    let mut position = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(position..position + 4) {
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return !matches!(marker, 0xc0 | 0xc1);
        }
        position += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use image::{DynamicImage, Rgba, RgbaImage};
    use std::fs;

    #[test]
    fn the_header_announces_what_decoding_gives() {
        let folder = tempfile::tempdir().unwrap();
        let picture = DynamicImage::from(RgbaImage::from_fn(64, 48, |x, y| Rgba([x as u8, y as u8, 9, (x * y) as u8])));
        for (name, picture) in [
            ("a.png", picture.clone()),
            ("b.png", picture.to_rgb16().into()),
            ("c.jpg", picture.to_rgb8().into()),
            ("d.bmp", picture.to_rgb8().into()),
            ("e.webp", picture.clone()),
            ("f.tiff", picture.to_luma8().into()),
        ] {
            let path = folder.path().join(name);
            picture.save(&path).unwrap();
            let bytes = fs::read(&path).unwrap();
            let (found, decoded) = (Header::read(&bytes).unwrap(), decode(&bytes).unwrap().picture);
            assert_eq!((found.width, found.height, found.alpha), (64, 48, decoded.color().has_alpha()), "{name}");
            assert_eq!(found.decoded, decoded.as_bytes().len(), "{name}");
            assert!(found.decoding >= found.decoded && found.decoding < 7 * 64 * 48 * 4, "{name}: {found:?}");
        }
    }

    #[test]
    fn progressive_files_are_recognised() {
        let mut file = std::io::Cursor::new(vec![]);
        DynamicImage::new_rgb8(40, 30).write_to(&mut file, ImageFormat::Jpeg).unwrap();
        let mut bytes = file.into_inner();
        assert!(!is_progressive(&bytes));
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 1] = 0xc2;
        assert!(is_progressive(&bytes));
        assert!(is_progressive(&bytes[..frame]) && is_progressive(&[]));
    }
}
