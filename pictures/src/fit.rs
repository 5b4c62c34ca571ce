//! Resizing and cropping pictures to a network's input size, the same in training and inference.

use easel_runtime::Picture;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

/// Converts a picture with at least one pixel to 1 (grey) or 3 (RGB) channels and a size. Returns bytes `[channel, row,
/// column]`.
///
/// The largest centred part with the target's aspect ratio is cropped and resized (Catmull-Rom to enlarge, area-weighted
/// triangle to shrink): nothing is distorted, and there is no padding that a generator would learn. Transparent pixels are blended
/// with white, or with black in a picture that would hardly show on white. Grey is Rec. 709 luma.
pub fn fit(picture: &DynamicImage, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let (wide, high) = (u64::from(picture.width()), u64::from(picture.height()));
    let (width, height) = (width as u64, height as u64);
    // The side that limits the crop is kept in full.
    let part_wide = wide.min((high * width + height / 2) / height).max(1);
    let part_high = high.min((wide * height + width / 2) / width).max(1);
    let part = picture.crop_imm(
        ((wide - part_wide) / 2) as u32,
        ((high - part_high) / 2) as u32,
        part_wide as u32,
        part_high as u32,
    );
    let part = if part.color().has_alpha() { on_contrast(&part, channels == 1) } else { part };
    let filter = if part_wide < width { FilterType::CatmullRom } else { FilterType::Triangle };
    if channels == 1 {
        let grey = part.to_luma8();
        if (part_wide, part_high) == (width, height) {
            return grey.into_raw();
        }
        image::imageops::resize(&grey, width as u32, height as u32, filter).into_raw()
    } else {
        let mut rgb = part.to_rgb8();
        if (part_wide, part_high) != (width, height) {
            rgb = image::imageops::resize(&rgb, width as u32, height as u32, filter);
        }
        let pixels = rgb.into_raw();
        (0..3).flat_map(|channel| pixels[channel..].iter().step_by(3).copied()).collect()
    }
}

/// Converts plain pixels to a number of channels and a size as [`fit`] does.
///
/// # Panics
/// If the pixels do not fill the picture.
pub fn fit_picture(picture: Picture, format: [usize; 3]) -> Vec<u8> {
    let Picture { width, height, channels, pixels } = picture;
    let (width, height) = (width as u32, height as u32);
    let picture = match channels {
        1 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
    };
    fit(&picture.expect("the pixels fill the picture"), format)
}

/// Blends transparent pixels with white.
pub fn on_white(picture: &DynamicImage) -> DynamicImage {
    on_background(picture.to_rgba8(), 255)
}

/// Blends transparent pixels with white, or with black if the picture has less than a third of its contrast on white, as
/// light ink has. What becomes grey has the contrast of its greys.
fn on_contrast(picture: &DynamicImage, grey: bool) -> DynamicImage {
    let pixels = if grey { DynamicImage::from(picture.to_luma_alpha8()).to_rgba8() } else { picture.to_rgba8() };
    let contrast = |background: u8| {
        let range = |channel: usize| {
            let values = pixels.pixels().map(|pixel| blended(pixel[channel], pixel[3], background));
            let (low, high) = values.fold((255, 0), |(low, high), value| (value.min(low), value.max(high)));
            u32::from(high - low)
        };
        (0..3).map(range).max().unwrap_or(0)
    };
    let background = if 3 * contrast(255) < contrast(0) { 0 } else { 255 };
    on_background(pixels, background)
}

fn on_background(mut pixels: RgbaImage, background: u8) -> DynamicImage {
    for pixel in pixels.pixels_mut() {
        let alpha = pixel[3];
        pixel.0[..3].iter_mut().for_each(|value| *value = blended(*value, alpha, background));
        pixel[3] = 255;
    }
    DynamicImage::ImageRgba8(pixels)
}

fn blended(value: u8, alpha: u8, background: u8) -> u8 {
    let [value, alpha, background] = [value, alpha, background].map(u32::from);
    ((value * alpha + background * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Luma, Rgb, Rgba};

    #[test]
    fn a_picture_of_the_right_size_is_unchanged() {
        let picture = GrayImage::from_fn(5, 3, |x, y| Luma([(x * 40 + y) as u8]));
        let format = [1, 3, 5];
        assert_eq!(fit(&picture.clone().into(), format), picture.into_raw());
    }

    #[test]
    fn the_centre_is_kept() {
        // Black, white, black: the centred square is the middle third.
        let picture = GrayImage::from_fn(60, 20, |x, _| Luma([if (20..40).contains(&x) { 255 } else { 0 }]));
        let format = [1, 10, 10];
        assert_eq!(fit(&picture.into(), format), [255; 100]);
        let picture = GrayImage::from_fn(20, 60, |_, y| Luma([if (20..40).contains(&y) { 255 } else { 0 }]));
        assert_eq!(fit(&picture.into(), format), [255; 100]);
    }

    #[test]
    fn channels_become_planes() {
        let picture = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8, 10 + x as u8, 20 + x as u8]));
        let format = [3, 1, 2];
        assert_eq!(fit(&picture.into(), format), [0, 1, 10, 11, 20, 21]);
    }

    #[test]
    fn transparent_is_white() {
        let picture = RgbaImage::from_pixel(1, 1, Rgba([0, 0, 0, 0]));
        assert_eq!(fit(&picture.into(), [1, 2, 2]), [255; 4]);
    }

    #[test]
    fn ink_shows_on_its_background() {
        // A stroke whose colour is hidden elsewhere, black, white and grey; its middle shows the ink.
        for (ink, corner) in [(0, 255), (255, 0), (210, 0), (120, 255)] {
            let stroke = |x: u32, y: u32| Rgba([ink, ink, ink, if (3..5).contains(&x) && y > 1 { 255 } else { 0 }]);
            let found = fit(&RgbaImage::from_fn(8, 8, stroke).into(), [1, 8, 8]);
            assert_eq!((found[0], found[36]), (corner, ink), "{ink}");
        }
        // Yellow is light, though its blue is dark.
        let yellow = RgbaImage::from_fn(8, 8, |x, _| Rgba([250, 220, 20, if x == 3 { 255 } else { 0 }]));
        assert_eq!(fit(&yellow.clone().into(), [1, 8, 8])[0], 0);
        assert_eq!(fit(&yellow.into(), [3, 8, 8])[0], 255);
    }

    #[test]
    fn extreme_proportions() {
        let line = GrayImage::from_pixel(1, 4000, Luma([9]));
        assert_eq!(fit(&line.clone().into(), [1, 4, 4]), [9; 16]);
        assert_eq!(fit(&line.into(), [1, 1, 64]), [9; 64]);
    }
}
