//! Colour conversion with ICC profiles.

use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Whether an ICC profile (ICC.1:2022, 7.2.6: the colour space at byte 16) is for RGB.
pub fn is_rgb(profile: &[u8]) -> bool {
    profile.get(16..20) == Some(b"RGB ")
}

/// RGB pixels with a profile, as sRGB. `None` if the profile cannot be used.
pub fn rgb_to_srgb(pixels: &[u8], profile: &[u8]) -> Option<Vec<u8>> {
    to_srgb(pixels, DataColorSpace::Rgb, Layout::Rgb, profile)
}

/// A grey picture with a profile, as sRGB. A profile that is not for grey is ignored.
pub fn grey_to_srgb(picture: DynamicImage, profile: &[u8]) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let grey = picture.to_luma8().into_raw();
    let Some(rgb) = to_srgb(&grey, DataColorSpace::Gray, Layout::Gray, profile) else { return picture };
    if !picture.color().has_alpha() {
        return RgbImage::from_raw(width, height, rgb).map_or(picture, DynamicImage::from);
    }
    let alpha = picture.to_luma_alpha8().into_raw();
    let pixels = rgb.as_chunks::<3>().0.iter().zip(alpha.as_chunks::<2>().0);
    let rgba = pixels.flat_map(|(&[red, green, blue], &[_, alpha])| [red, green, blue, alpha]).collect();
    RgbaImage::from_raw(width, height, rgba).map_or(picture, DynamicImage::from)
}

/// CMYK values, four bytes a pixel, 255 for full ink, as sRGB. Without a usable profile each channel is
/// `(1 - ink) * (1 - black)`.
pub fn cmyk_to_srgb(inks: &[u8], profile: Option<&[u8]>) -> Vec<u8> {
    let by_profile = profile.and_then(|profile| to_srgb(inks, DataColorSpace::Cmyk, Layout::Rgba, profile));
    by_profile.unwrap_or_else(|| {
        let left = |ink: u8, black: u8| ((u32::from(255 - ink) * u32::from(255 - black) + 127) / 255) as u8;
        inks.as_chunks().0.iter().flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| left(ink, k))).collect()
    })
}

fn to_srgb(pixels: &[u8], space: DataColorSpace, layout: Layout, profile: &[u8]) -> Option<Vec<u8>> {
    let profile = ColorProfile::new_from_slice(profile).ok().filter(|profile| profile.color_space == space)?;
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(layout, &srgb, Layout::Rgb, TransformOptions::default()).ok()?;
    let mut rgb = vec![0; pixels.len() / layout.channels() * 3];
    transform.transform(pixels, &mut rgb).ok()?;
    Some(rgb)
}
