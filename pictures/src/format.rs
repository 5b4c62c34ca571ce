//! File formats, by extension and by content.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use image::ImageFormat;

use crate::error::{DecodeError, Result};

/// The format that a path's extension names, among those that are written. The error lists them.
pub fn picture_format(path: &Path) -> io::Result<ImageFormat> {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "png" => Ok(ImageFormat::Png),
        "jpg" | "jpeg" => Ok(ImageFormat::Jpeg),
        "webp" => Ok(ImageFormat::WebP),
        "bmp" => Ok(ImageFormat::Bmp),
        "tif" | "tiff" => Ok(ImageFormat::Tiff),
        "gif" => Ok(ImageFormat::Gif),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{}: pictures are written as png, jpg, webp, bmp, tiff or gif", path.display()),
        )),
    }
}

/// Detects the format of a file's bytes by content. Fails if it is not among those that are read.
pub fn detect_format(bytes: &[u8]) -> Result<ImageFormat> {
    image::guess_format(bytes).ok().filter(ImageFormat::reading_enabled).ok_or(DecodeError::UnknownFormat)
}

/// The largest width and height of a format, if it has a practical limit.
pub fn max_side(format: ImageFormat) -> Option<usize> {
    match format {
        ImageFormat::WebP => Some((1 << 14) - 1),
        ImageFormat::Jpeg | ImageFormat::Gif => Some((1 << 16) - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_names_the_format() {
        let format = |path: &str| picture_format(Path::new(path)).map_err(|error| error.kind());
        assert_eq!((format("a.JPEG"), format("b/c.tif")), (Ok(ImageFormat::Jpeg), Ok(ImageFormat::Tiff)));
        for path in ["png", "a.ico", "folder/", ".png"] {
            assert_eq!(format(path), Err(io::ErrorKind::InvalidInput), "{path}");
        }
    }
}
