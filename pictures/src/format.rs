//! File formats, by extension and by content.

use std::ffi::OsStr;
use std::path::Path;
use std::{fmt, io};

use image::ImageFormat;

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

/// A known format that is not read. Its text says what to do, in one line without the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherFormat {
    /// A camera's raw data: the kind of file.
    CameraRaw(&'static str),
    /// A picture: the format's name.
    Picture(&'static str),
    /// A video.
    Video,
}

impl OtherFormat {
    /// The format's name, for counts: `camera raw`, `PSD`, `video`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CameraRaw(_) => "camera raw",
            Self::Picture(name) => name,
            Self::Video => "video",
        }
    }

    /// What to do with such a file.
    pub fn advice(self) -> &'static str {
        match self {
            Self::CameraRaw(_) => "develop it in a photo program and export it as jpg, png or tiff",
            Self::Picture("HEIC") => "convert it to jpg or png, or set the phone to save jpg (\"most compatible\")",
            Self::Picture(_) => "export it as png first",
            Self::Video => "it is not a picture; give stylize one video at a time",
        }
    }
}

impl fmt::Display for OtherFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = self.advice();
        match self {
            Self::CameraRaw(kind) => write!(f, "a camera's raw file ({kind}) is not read; {advice}"),
            Self::Picture(name) => write!(f, "{name} is not read; {advice}"),
            Self::Video => write!(f, "a video; {advice}"),
        }
    }
}

impl std::error::Error for OtherFormat {}

/// Whether files whose names end so are pictures in one of the formats that are read, by convention.
pub(crate) fn is_picture_extension(extension: &str) -> bool {
    #[rustfmt::skip]
    const EXTENSIONS: [&str; 21] = [
        "png", "apng", "jpg", "jpeg", "jpe", "jfif", "jif", "pjpeg", "pjp", "jpg_large", "webp", "bmp", "dib", "gif",
        "tif", "tiff", "avif", "heic", "heif", "hif", "jxl",
    ];
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
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
