//! Resizing pictures.

use easel_runtime::{Error, Picture, Result};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Shrinks a picture whose longer side has more than `max_size` pixels.
pub fn shrink(picture: Picture, max_size: Option<u32>) -> Result<Picture> {
    let (width, height) = fitted_size(picture.width, picture.height, max_size);
    if (width, height) == (picture.width, picture.height) { Ok(picture) } else { resize(&picture, width, height) }
}

/// The width and height of a picture after limiting its longer side to `max_size` pixels.
pub fn fitted_size(width: usize, height: usize, max_size: Option<u32>) -> (usize, usize) {
    let longer = width.max(height);
    let limit = max_size.map_or(longer, |max_size| longer.min(max_size as usize));
    let side = |size: usize| ((size * limit + longer / 2) / longer).max(1);
    (side(width), side(height))
}

/// Resizes RGB, or RGBA with colours weighted by alpha, with a Lanczos3 filter. Fails if the pixels do not
/// fill the picture.
pub fn resize(picture: &Picture, width: usize, height: usize) -> Result<Picture> {
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    let failed = |why: String| Error::Shape(format!("cannot be resized to {width}x{height}: {why}"));
    let kind = if picture.channels == 4 { PixelType::U8x4 } else { PixelType::U8x3 };
    let from = ImageRef::new(picture.width as u32, picture.height as u32, &picture.pixels, kind)
        .map_err(|error| failed(error.to_string()))?;
    let mut to = Image::new(width as u32, height as u32, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&from, &mut to, &options).map_err(|error| failed(error.to_string()))?;
    Ok(Picture { width, height, channels: picture.channels, pixels: to.into_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_limited() {
        assert_eq!(fitted_size(400, 300, Some(100)), (100, 75));
        assert_eq!(fitted_size(3, 1000, Some(100)), (1, 100));
        assert_eq!(fitted_size(40, 30, Some(100)), (40, 30));
        assert_eq!(fitted_size(40, 30, None), (40, 30));
    }

    #[test]
    fn transparent_colours_do_not_bleed() {
        let (red, none) = ([255, 0, 0, 255], [0, 255, 0, 0]);
        let picture = Picture { width: 8, height: 1, channels: 4, pixels: [[red; 4], [none; 4]].concat().concat() };
        let small = resize(&picture, 4, 1).unwrap();
        assert!(small.pixels.chunks(4).filter(|pixel| pixel[3] > 0).all(|pixel| pixel[1] == 0), "{:?}", small.pixels);
        let broken = Picture { pixels: vec![0; 3], ..picture };
        assert!(matches!(resize(&broken, 4, 1), Err(Error::Shape(_))));
    }
}
