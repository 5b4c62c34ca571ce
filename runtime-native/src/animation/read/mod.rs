//! Animations, frame by frame.

mod canvas;
mod gif;
mod png;
mod webp;

use std::time::Duration;

use easel_runtime::decode::Exif;
use image::metadata::Orientation;
use image::{ImageFormat, RgbaImage};

/// What is true of an animation as a whole.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Whole {
    /// How often it is shown; 0 without an end.
    pub plays: u32,
    /// What colours the pixels mean, where the file says so.
    pub icc_profile: Option<Vec<u8>>,
    /// What else the file says.
    pub exif: Option<Exif>,
}

/// Takes a frame, as large as the animation and the right way up, and how long it is shown. What it fails with ends the
/// reading.
pub type Take<'a> = dyn FnMut(RgbaImage, Duration) -> Result<(), String> + 'a;

/// Reads an animation from a file's bytes. `None` where it is a still picture; that of a GIF is
/// taken as a single frame.
///
/// Fails on a file that stops early, and on a canvas that is larger than any picture that is read. The error says what
/// is wrong without the path.
pub fn read(bytes: &[u8], format: ImageFormat, take: &mut Take) -> Result<Option<Whole>, String> {
    match format {
        ImageFormat::Gif => gif::read(bytes, take).map(Some),
        ImageFormat::Png => png::read(bytes, take),
        ImageFormat::WebP => webp::read(bytes, take),
        _ => Ok(None),
    }
}

/// How many frames a file says it has; 1 for a still picture.
pub fn frames(bytes: &[u8], format: ImageFormat) -> usize {
    match format {
        ImageFormat::Gif => gif::frames(bytes),
        ImageFormat::Png => png::frames(bytes),
        ImageFormat::WebP => webp::frames(bytes),
        _ => None,
    }
    .unwrap_or(1)
}

/// Turns a frame the right way up.
fn upright(frame: RgbaImage, orientation: Orientation) -> RgbaImage {
    let mut frame = image::DynamicImage::from(frame);
    frame.apply_orientation(orientation);
    frame.into_rgba8()
}
