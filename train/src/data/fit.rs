//! Fitting a picture to the format of a set, by [`easel_pictures::fit`].

use std::path::Path;

use easel_pictures::DynamicImage;
use easel_runtime::Picture;

use super::PictureFormat;
use super::levels::Levels;

/// Decodes a picture file. The error does not include the path.
pub(crate) fn open(path: &Path) -> Result<DynamicImage, String> {
    easel_pictures::open(path).map_err(|error| error.to_string())
}

/// Decodes a picture file and fits it to the format: `[channel, row, column]`, and the range of its values.
///
/// The error does not include the path.
pub fn read(path: &Path, format: PictureFormat) -> Result<(Vec<u8>, Levels), String> {
    let picture = open(path)?;
    Ok((fit(&picture, format), Levels::of(&picture)))
}

/// Fits a picture with at least one pixel to the format: `[channel, row, column]`.
pub fn fit(picture: &DynamicImage, format: PictureFormat) -> Vec<u8> {
    easel_pictures::fit(picture, [format.channels, format.height, format.width])
}

/// The same for the pixels of a picture.
pub fn fit_picture(picture: Picture, format: PictureFormat) -> Vec<u8> {
    easel_pictures::fit_picture(picture, [format.channels, format.height, format.width])
}
