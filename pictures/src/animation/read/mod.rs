//! Reading animations frame by frame.

mod canvas;
mod gif;
mod info;
mod png;
mod webp;

use image::ImageFormat;

use crate::error::Result;

pub use info::{AnimationInfo, FrameSink};

/// Reads an animation from a file's bytes, each frame as it is shown. `None` for a still picture; a GIF always counts as
/// an animation.
///
/// Fails on a truncated file, and on a canvas beyond the limits of pictures.
pub fn read(bytes: &[u8], format: ImageFormat, sink: &mut FrameSink) -> Result<Option<AnimationInfo>> {
    match format {
        ImageFormat::Gif => gif::read(bytes, sink).map(Some),
        ImageFormat::Png => png::read(bytes, sink),
        ImageFormat::WebP => webp::read(bytes, sink),
        _ => Ok(None),
    }
}

/// The number of frames that a file's header declares; 1 for a still picture.
pub fn frame_count(bytes: &[u8], format: ImageFormat) -> usize {
    match format {
        ImageFormat::Gif => gif::frame_count(bytes),
        ImageFormat::Png => png::frame_count(bytes),
        ImageFormat::WebP => webp::frame_count(bytes),
        _ => None,
    }
    .unwrap_or(1)
}
