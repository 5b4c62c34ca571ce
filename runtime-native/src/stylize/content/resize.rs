//! Pictures in another size.

use easel_runtime::Picture;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Makes a picture smaller where its longer side has more than so many pixels.
pub fn shrink(picture: Picture, longest: Option<u32>) -> Result<Picture, String> {
    let (width, height) = fitted(picture.width, picture.height, longest);
    if (width, height) == (picture.width, picture.height) { Ok(picture) } else { resize(&picture, width, height) }
}

/// A picture's size once its longer side has at most `longest` pixels.
pub fn fitted(width: usize, height: usize, longest: Option<u32>) -> (usize, usize) {
    let long = width.max(height);
    let longest = longest.map_or(long, |longest| long.min(longest as usize));
    let side = |size: usize| ((size * longest + long / 2) / long).max(1);
    (side(width), side(height))
}

/// Resizes RGB or RGBA (colours weighted by their alpha) with Lanczos' window of three lobes.
pub fn resize(picture: &Picture, width: usize, height: usize) -> Result<Picture, String> {
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    let failed = |what: String| format!("cannot be resized to {width}x{height}: {what}");
    let kind = if picture.channels == 4 { PixelType::U8x4 } else { PixelType::U8x3 };
    let from = ImageRef::new(picture.width as u32, picture.height as u32, &picture.pixels, kind)
        .map_err(|error| failed(error.to_string()))?;
    let mut to = Image::new(width as u32, height as u32, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&from, &mut to, &options).map_err(|error| failed(error.to_string()))?;
    Ok(Picture { width, height, channels: picture.channels, pixels: to.into_vec() })
}
