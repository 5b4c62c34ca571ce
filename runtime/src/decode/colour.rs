//! Colours by ICC profiles.

use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Whether an ICC profile (ICC.1:2022, 7.2.6: the colour space at byte 16) is for RGB.
pub fn is_rgb(profile: &[u8]) -> bool {
    profile.get(16..20) == Some(b"RGB ")
}

/// The sRGB pixels of the same colours as RGB pixels with a profile. `None` where the profile cannot be used.
pub fn rgb_to_srgb(pixels: &[u8], profile: &[u8]) -> Option<Vec<u8>> {
    to_srgb(pixels, DataColorSpace::Rgb, Layout::Rgb, profile)
}

/// The sRGB pixels of a grey picture with a profile. One that is not for grey says nothing about it.
pub(super) fn grey_to_srgb(picture: DynamicImage, profile: &[u8]) -> DynamicImage {
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

/// The sRGB pixels of inks, four bytes a pixel, 255 all of it. Without a profile for them white paper is multiplied by
/// what each ink and black leave of it.
pub(super) fn cmyk_to_srgb(inks: &[u8], profile: Option<&[u8]>) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::jpeg::tests::of_four;
    use crate::decode::{Decoded, decode_bytes};
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    fn decoded(bytes: Vec<u8>) -> Decoded {
        decode_bytes(&bytes).unwrap()
    }

    /// A profile by which cyan is a middle grey, black is black, and nothing else leaves a trace on the paper.
    fn cmyk_profile() -> Vec<u8> {
        // mft1: four channels in, three out, two points a side, the first ink's the slowest.
        let mut table = [b"mft1\0\0\0\0\x04\x03\x02\0".as_slice(), &[0; 36]].concat();
        for diagonal in [12, 28, 44] {
            table[diagonal + 1] = 1;
        }
        table.extend((0..4).flat_map(|_| 0..=255u8));
        for corner in 0..16 {
            let (cyan, black) = (corner & 8 > 0, corner & 1 > 0);
            let lightness = if black {
                0
            } else if cyan {
                128
            } else {
                255
            };
            table.extend([lightness, 128, 128]);
        }
        table.extend((0..3).flat_map(|_| 0..=255u8));
        let mut profile = vec![0; 128];
        profile[8] = 2;
        profile[12..24].copy_from_slice(b"prtrCMYKLab ");
        profile[36..40].copy_from_slice(b"acsp");
        profile[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
        profile.extend(1u32.to_be_bytes());
        profile.extend(b"A2B0");
        profile.extend(144u32.to_be_bytes());
        profile.extend((table.len() as u32).to_be_bytes());
        profile.extend(table);
        let length = profile.len() as u32;
        profile[..4].copy_from_slice(&length.to_be_bytes());
        profile
    }

    #[test]
    fn inks_become_what_their_profile_says() {
        // Stored is what is missing: cyan alone.
        let cyan = [0, 255, 255, 255];
        let found = decoded(of_four(cyan, 0, None));
        assert_eq!((found.picture.into_rgb8()[(3, 3)].0, found.icc_profile), ([0, 255, 255], None));
        assert_eq!(decoded(of_four([255, 155, 55, 128], 0, None)).picture.into_rgb8()[(0, 0)].0, [128, 78, 28]);
        let profile = cmyk_profile();
        let found = decoded(of_four(cyan, 0, Some(&profile)));
        let pixel = found.picture.into_rgb8()[(3, 3)].0;
        assert!(pixel.iter().all(|value| value.abs_diff(119) <= 2), "{pixel:?}");
        assert_eq!(found.icc_profile, None);
        // A profile that cannot be used, or is for something else, says nothing.
        for other in [&profile[..200], &ColorProfile::new_adobe_rgb().encode().unwrap()] {
            let found = decoded(of_four(cyan, 0, Some(other)));
            assert_eq!(found.picture.into_rgb8()[(3, 3)].0, [0, 255, 255]);
        }
    }

    #[test]
    fn grey_becomes_what_its_profile_says() {
        let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
        let written = |profile: &[u8], pixels: &[u8], colour| {
            let mut bytes = vec![];
            let mut encoder = PngEncoder::new(&mut bytes);
            encoder.set_icc_profile(profile.to_vec()).unwrap();
            encoder.write_image(pixels, 2, 1, colour).unwrap();
            bytes
        };
        let found = decoded(written(&linear, &[0, 128], ExtendedColorType::L8));
        let pixels = found.picture.into_rgb8().into_raw();
        assert!(pixels[..3] == [0; 3] && pixels[3..].iter().all(|value| value.abs_diff(188) <= 1), "{pixels:?}");
        assert_eq!(found.icc_profile, None);
        let found =
            decoded(written(&linear, &[0, 255, 128, 7], ExtendedColorType::La8)).picture.into_rgba8().into_raw();
        assert!(found[3] == 255 && found[7] == 7 && found[4].abs_diff(188) <= 1, "{found:?}");
        // With an RGB profile grey is a colour of it, and stays.
        let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
        let found = decoded(written(&adobe, &[0, 128], ExtendedColorType::L8));
        assert_eq!(
            (found.picture.into_rgb8().into_raw(), found.icc_profile),
            (vec![0, 0, 0, 128, 128, 128], Some(adobe))
        );
    }
}
