//! Colours that were multiplied with their opacity.

use image::DynamicImage;

/// Divides the colours of a picture by their opacity; those of opacity 0 become 0. Colours beyond their opacity, which are
/// not valid, become the largest. A picture without alpha is unchanged.
pub fn divide_by_alpha(picture: &mut DynamicImage) {
    let eight = |value: u8, alpha: u8| match u32::from(alpha) {
        0 => 0,
        alpha => ((u32::from(value) * 255 + alpha / 2) / alpha).min(255) as u8,
    };
    let sixteen = |value: u16, alpha: u16| match u64::from(alpha) {
        0 => 0,
        alpha => ((u64::from(value) * 65_535 + alpha / 2) / alpha).min(65_535) as u16,
    };
    match picture {
        DynamicImage::ImageLumaA8(pixels) => divide::<2, _>(pixels, eight),
        DynamicImage::ImageLumaA16(pixels) => divide::<2, _>(pixels, sixteen),
        DynamicImage::ImageRgba8(pixels) => divide::<4, _>(pixels, eight),
        DynamicImage::ImageRgba16(pixels) => divide::<4, _>(pixels, sixteen),
        DynamicImage::ImageRgba32F(pixels) => {
            divide::<4, _>(pixels, |value, alpha| if alpha > 0.0 { value / alpha } else { 0.0 });
        }
        _ => {}
    }
}

/// The last of N channels is alpha.
fn divide<const N: usize, T: Copy>(pixels: &mut [T], by: impl Fn(T, T) -> T) {
    for pixel in pixels.as_chunks_mut::<N>().0 {
        let alpha = pixel[N - 1];
        pixel[..N - 1].iter_mut().for_each(|value| *value = by(*value, alpha));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, LumaA, Rgba};

    #[test]
    fn all_depths_are_divided() {
        let mut eight = DynamicImage::from(ImageBuffer::from_pixel(1, 1, Rgba([64u8, 128, 200, 128])));
        divide_by_alpha(&mut eight);
        assert_eq!(eight.as_bytes(), [128, 255, 255, 128]);
        let mut sixteen = DynamicImage::from(ImageBuffer::from_pixel(1, 1, LumaA([20_000u16, 40_000])));
        divide_by_alpha(&mut sixteen);
        assert_eq!(sixteen.into_luma_alpha16().into_raw(), [32_768, 40_000]);
        let mut float = DynamicImage::from(ImageBuffer::from_pixel(1, 1, Rgba([0.25f32, 0.5, 0.0, 0.5])));
        divide_by_alpha(&mut float);
        assert_eq!(float.into_rgba32f().into_raw(), [0.5, 1.0, 0.0, 0.5]);
        let mut none = DynamicImage::from(ImageBuffer::from_pixel(1, 1, LumaA([9u8, 0])));
        divide_by_alpha(&mut none);
        assert_eq!(none.as_bytes(), [0, 0]);
    }
}
