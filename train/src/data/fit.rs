//! Bringing a picture to the format of a set: [`easel_runtime::fit`] says how.

use std::path::Path;

use image::DynamicImage;

pub(super) use easel_runtime::fit::{on_white, open};

use super::PictureFormat;

/// Reads a picture file, told by its content, and brings it to the format: `[channel, row, column]`.
///
/// The error says what is wrong without the path.
pub fn read(path: &Path, format: PictureFormat) -> Result<Vec<u8>, String> {
    Ok(fit(&open(path)?, format))
}

/// Brings a picture with at least one pixel to the format: `[channel, row, column]`.
pub fn fit(picture: &DynamicImage, format: PictureFormat) -> Vec<u8> {
    easel_runtime::fit::fit(picture, [format.channels, format.height, format.width])
}
