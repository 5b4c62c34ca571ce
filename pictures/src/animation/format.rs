//! The formats that are written frame by frame.

use std::path::Path;

use image::ImageFormat;

use crate::format::picture_format;

/// The formats of animations that are written frame by frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnimationFormat {
    /// At most 256 colours a frame, delays in hundredths of a second.
    Gif,
    /// Lossless, delays in milliseconds.
    WebP,
}

impl AnimationFormat {
    /// The format that a path's extension names.
    pub fn from_path(path: &Path) -> Option<Self> {
        match picture_format(path).ok()? {
            ImageFormat::Gif => Some(Self::Gif),
            ImageFormat::WebP => Some(Self::WebP),
            _ => None,
        }
    }

    /// The file format.
    pub fn picture_format(self) -> ImageFormat {
        match self {
            Self::Gif => ImageFormat::Gif,
            Self::WebP => ImageFormat::WebP,
        }
    }

    /// The units of time in a second.
    pub(super) fn ticks_per_second(self) -> u64 {
        match self {
            Self::Gif => 100,
            Self::WebP => 1000,
        }
    }
}
