//! The range of pictures' values, which tells of files that are written in another range than pictures have.
//!
//! Cameras and microscopes save 12 bits in files of 16, which are nearly black as pictures; float files hold 0 to 255, or
//! counts, of which all but the darkest are white.

use std::path::PathBuf;

use easel_pictures::DynamicImage;
use rayon::prelude::*;

/// Hardly a value of a nearly black picture is higher: 12 bits in 16, as 8 bits.
const DARK: u8 = 16;

/// One value in so many may be, of hot pixels. A thin digit has more.
const HOT: usize = 100;

/// A set of 16-bit pictures whose values are all below this does not use the highest two bits.
const UNUSED: u16 = 1 << 14;

/// How many pictures of a set that stays on disk are read to check the range of their values.
const CHECKED: usize = 8;

/// Float values up to here are 1 but for rounding.
const BEYOND: f32 = 1.001;

/// And from here on 0.
const BELOW: f32 = -0.001;

/// The range of the values of pictures with 16 bits and of float ones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Levels {
    /// The number of pictures with 16 bits, and their highest value.
    deep: (usize, u16),
    /// The number of float pictures with values beyond 1, and the highest.
    beyond: (usize, f32),
    /// The number of float pictures with values below 0, and the lowest.
    below: (usize, f32),
}

impl Levels {
    /// The range of a picture as it was decoded. Alpha does not count.
    pub fn of(picture: &DynamicImage) -> Self {
        use DynamicImage::{ImageLuma16, ImageLumaA16, ImageRgb16, ImageRgb32F, ImageRgba16, ImageRgba32F};
        let deep = |highest: Option<u16>| Self { deep: (1, highest.unwrap_or(0)), ..Self::default() };
        let float = |values: &mut dyn Iterator<Item = f32>| {
            let (lowest, highest) = values.fold((0f32, 0f32), |(low, high), value| (low.min(value), high.max(value)));
            let beyond = if highest > BEYOND { (1, highest) } else { (0, 0.0) };
            let below = if lowest < BELOW { (1, lowest) } else { (0, 0.0) };
            Self { beyond, below, ..Self::default() }
        };
        match picture {
            ImageLuma16(pixels) => deep(pixels.iter().max().copied()),
            ImageRgb16(pixels) => deep(pixels.iter().max().copied()),
            ImageLumaA16(pixels) => deep(pixels.pixels().map(|pixel| pixel[0]).max()),
            ImageRgba16(pixels) => deep(pixels.pixels().flat_map(|pixel| pixel.0[..3].to_vec()).max()),
            ImageRgb32F(pixels) => float(&mut pixels.iter().copied()),
            ImageRgba32F(pixels) => float(&mut pixels.pixels().flat_map(|pixel| pixel.0[..3].to_vec())),
            _ => Self::default(),
        }
    }

    /// Warnings about the range of picture files, of which a few are read.
    pub(super) fn warnings_of(files: &[(PathBuf, u32)]) -> Vec<String> {
        let count = CHECKED.min(files.len());
        let read = |number: usize| {
            let picture = easel_pictures::open(&files[number * files.len() / count].0).ok()?;
            Some((Self::of(&picture), Self::is_dark(picture.to_rgb8().as_raw())))
        };
        let found: Vec<_> = super::on_all_cores(|| (0..count).into_par_iter().filter_map(read).collect());
        let dark = found.iter().filter(|(_, dark)| *dark).count();
        found.iter().map(|(levels, _)| *levels).fold(Self::default(), Self::and).warnings(dark, found.len())
    }

    /// Whether a picture's bytes are nearly black.
    pub fn is_dark(bytes: &[u8]) -> bool {
        bytes.iter().filter(|&&byte| byte > DARK).count() * HOT <= bytes.len()
    }

    /// The range of both.
    pub fn and(self, other: Self) -> Self {
        let (deep, beyond) = (self.deep.0 + other.deep.0, self.beyond.0 + other.beyond.0);
        Self {
            deep: (deep, self.deep.1.max(other.deep.1)),
            beyond: (beyond, self.beyond.1.max(other.beyond.1)),
            below: (self.below.0 + other.below.0, self.below.1.min(other.below.1)),
        }
    }

    /// Warnings about a set of `count` pictures, of which `dark` are nearly black.
    pub fn warnings(&self, dark: usize, count: usize) -> Vec<String> {
        let mut warnings = vec![];
        let (deep, highest) = self.deep;
        if highest > 0 && highest < UNUSED {
            let bits = u16::BITS - highest.leading_zeros();
            warnings.push(format!(
                "{deep} pictures of 16 bits use only {bits} of them (no value is above {highest} of 65535), so they are nearly \
                 black; multiply their values by {}",
                1 << (u16::BITS - bits)
            ));
        } else if dark > 0 && 2 * dark >= count {
            warnings.push(format!(
                "{dark} of {count} pictures are nearly black (hardly a value is above {DARK} of 255); scale their values to the full \
                 range"
            ));
        }
        let (beyond, highest) = self.beyond;
        if beyond > 0 {
            warnings.push(format!(
                "{beyond} float pictures have values above 1 (up to {highest}), which become white; divide them, so that 1 is white"
            ));
        }
        let (below, lowest) = self.below;
        if below > 0 {
            warnings.push(format!(
                "{below} float pictures have values below 0 (down to {lowest}), which become black; scale them to 0 to 1"
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb};

    #[test]
    fn values_in_another_range_are_told() {
        let deep = |highest: u16| DynamicImage::ImageLuma16(ImageBuffer::from_pixel(2, 2, Luma([highest])));
        let found = |pictures: &[DynamicImage]| {
            let levels = pictures.iter().map(Levels::of).fold(Levels::default(), Levels::and);
            levels.warnings(0, pictures.len())
        };
        let twelve = found(&[deep(17), deep(4095)]);
        assert!(twelve.len() == 1 && twelve[0].contains("12 of them") && twelve[0].contains("by 16"), "{twelve:?}");
        assert!(found(&[deep(17), deep(65_000)]).is_empty());
        assert!(found(&[deep(0)]).is_empty());
        // The alpha of a picture is no brightness.
        let clear = DynamicImage::ImageLumaA16(ImageBuffer::from_pixel(2, 2, LumaA([900, u16::MAX])));
        assert!(found(&[clear])[0].contains("10 of them"));
        let float = |highest: f32| DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(2, 2, Rgb([0.1, highest, 0.0])));
        assert!(found(&[float(1.0), float(0.0)]).is_empty());
        let bytes = found(&[float(1.0), float(255.0)]);
        assert!(bytes.len() == 1 && bytes[0].contains("1 float") && bytes[0].contains("255"), "{bytes:?}");
        let both = found(&[float(-1.0), float(2.0)]);
        assert!(both.len() == 2 && both[1].contains("down to -1"), "{both:?}");
    }

    #[test]
    fn mostly_black_sets_are_told() {
        let warned = |dark, count| !Levels::default().warnings(dark, count).is_empty();
        assert_eq!([warned(5, 10), warned(4, 10), warned(0, 0), warned(1, 1)], [true, false, false, true]);
        assert!(Levels::is_dark(&[0, 15]) && Levels::is_dark(&[16]) && !Levels::is_dark(&[3, 17]));
        // A hot pixel.
        assert!(Levels::is_dark(&[&[9; 199][..], &[255]].concat()));
    }
}
