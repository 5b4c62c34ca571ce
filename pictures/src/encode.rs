//! Encoding plain pixels.

use std::io;
use std::path::Path;

use easel_files::write_atomically;
use easel_runtime::Picture;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};

use crate::format::picture_format;
use crate::tiff::TiffPicture;

/// A picture's bytes in a file format.
pub fn encode_picture(picture: &Picture, format: ImageFormat) -> io::Result<Vec<u8>> {
    if format == ImageFormat::Tiff {
        return TiffPicture::from(picture).encode(None);
    }
    let (pixels, colour) = match (format, picture.channels) {
        (ImageFormat::Gif, _) => (&picture.to_rgba(), ExtendedColorType::Rgba8),
        _ => (&picture.pixels, colour_type(picture)),
    };
    let mut bytes = io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, pixels, picture.width as u32, picture.height as u32, colour, format)
        .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

/// A picture's bytes as a JPEG of a quality from 1 to 100.
pub fn encode_jpeg(picture: &Picture, quality: u8) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(&picture.pixels, picture.width as u32, picture.height as u32, colour_type(picture))
        .map_err(io::Error::other)?;
    Ok(bytes)
}

/// Writes a picture atomically, in the format that the path's extension names.
pub fn save_picture(path: &Path, picture: &Picture) -> io::Result<()> {
    write_atomically(path, &encode_picture(picture, picture_format(path)?)?)
}

fn colour_type(picture: &Picture) -> ExtendedColorType {
    if picture.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossless_formats_keep_the_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let picture = Picture { width: 3, height: 2, channels: 3, pixels: (0..18).collect() };
        for name in ["a.png", "b.webp", "c.bmp", "d.tiff", "e.gif"] {
            let path = folder.path().join(name);
            save_picture(&path, &picture).unwrap();
            assert_eq!(image::open(&path).unwrap().to_rgb8().into_raw(), picture.pixels, "{name}");
        }
        assert!(save_picture(&folder.path().join("e.xyz"), &picture).is_err());
    }

    #[test]
    fn jpeg_quality_sets_the_size() {
        let noise: Vec<u8> = (0..32u32 * 32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let picture = Picture { width: 32, height: 32, channels: 1, pixels: noise };
        let size = |quality| encode_jpeg(&picture, quality).unwrap().len();
        assert!(size(20) < size(90));
    }
}
