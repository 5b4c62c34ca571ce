//! File formats, by extension and by content.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use image::ImageFormat;

use crate::content::Content;
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

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// One that is also written: PNG, JPEG, WebP, BMP, GIF, TIFF.
    Written(ImageFormat),
    /// AV1 in HEIF.
    Avif,
    /// JPEG XL.
    JpegXl,
}

impl FileFormat {
    /// The format in which its pictures are written by default: its own, or PNG.
    pub fn written(self) -> ImageFormat {
        match self {
            Self::Written(format) => format,
            Self::Avif | Self::JpegXl => ImageFormat::Png,
        }
    }
}

/// Whether files whose names end so are pictures in one of the formats that are read, by convention.
pub(crate) fn is_picture_extension(extension: &str) -> bool {
    #[rustfmt::skip]
    const EXTENSIONS: [&str; 21] = [
        "png", "apng", "jpg", "jpeg", "jpe", "jfif", "jif", "pjpeg", "pjp", "jpg_large", "webp", "bmp", "dib", "gif",
        "tif", "tiff", "avif", "heic", "heif", "hif", "jxl",
    ];
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// Detects the format of a file's bytes by content, of which the first 4 KiB are enough. Fails if it is not among those
/// that are read.
pub fn detect_format(bytes: &[u8]) -> Result<FileFormat> {
    match Content::of(bytes) {
        Content::Picture(format) => Ok(format),
        Content::Other(format) => Err(DecodeError::OtherFormat(format)),
        Content::Unknown => Err(DecodeError::UnknownFormat),
    }
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
