//! Pictures in another size.

use easel_runtime::Picture;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Makes a picture smaller where its longer side has more than so many pixels.
pub fn shrink(picture: Picture, longest: usize) -> Result<Picture, String> {
    let Picture { width, height, .. } = picture;
    let long = width.max(height);
    if long <= longest {
        return Ok(picture);
    }
    let side = |size: usize| ((size * longest + long / 2) / long).max(1);
    resize(&picture, side(width), side(height))
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
