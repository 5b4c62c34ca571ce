//! Resizing.

use easel_runtime::{Picture, Random};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Transform;
use crate::{Error, Result};

/// Resizes with an antialiasing triangle filter where a side shrinks, and Catmull-Rom where both grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The shorter side becomes this long; the other keeps the aspect ratio, rounded down.
    ShortSide(usize),
    /// Exactly this size, whatever the aspect ratio.
    Exactly {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Resize {
    /// The size that a picture of this height and width gets, `(height, width)`.
    pub fn size(&self, height: usize, width: usize) -> (usize, usize) {
        match *self {
            Self::Exactly { height, width } => (height, width),
            Self::ShortSide(short) if height <= width => (short, short * width / height),
            Self::ShortSide(short) => (short * height / width, short),
        }
    }
}

impl Transform for Resize {
    fn apply(&self, picture: Picture, _: &mut Random) -> Result<Picture> {
        if picture.height == 0 || picture.width == 0 {
            return Err(Error::Data("a picture without pixels cannot be resized".into()));
        }
        let (height, width) = self.size(picture.height, picture.width);
        if (height, width) == (picture.height, picture.width) {
            return Ok(picture);
        }
        let grows = height >= picture.height && width >= picture.width;
        let filter = if grows { FilterType::CatmullRom } else { FilterType::Bilinear };
        let kind = if picture.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
        let failed = |what: String| Error::Data(format!("cannot be resized to {width}x{height}: {what}"));
        let from = ImageRef::new(picture.width as u32, picture.height as u32, &picture.pixels, kind)
            .map_err(|error| failed(error.to_string()))?;
        let mut to = Image::new(width as u32, height as u32, kind);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        Resizer::new().resize(&from, &mut to, &options).map_err(|error| failed(error.to_string()))?;
        Ok(Picture { height, width, channels: picture.channels, pixels: to.into_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(resize: Resize, picture: &Picture) -> Picture {
        resize.apply(picture.clone(), &mut Random::new(0, 0)).unwrap()
    }

    #[test]
    fn sizes() {
        assert_eq!(Resize::ShortSide(256).size(480, 640), (256, 341));
        assert_eq!(Resize::ShortSide(256).size(640, 480), (341, 256));
        assert_eq!(Resize::ShortSide(9).size(3, 3), (9, 9));
        assert_eq!(Resize::Exactly { height: 2, width: 7 }.size(3, 3), (2, 7));
    }

    #[test]
    fn shrinking_averages_and_growing_keeps() {
        let stripes = Picture { width: 64, height: 32, channels: 1, pixels: [0, 200].repeat(64 * 16) };
        let small = resized(Resize::ShortSide(4), &stripes);
        assert_eq!((small.width, small.height), (8, 4));
        assert!(small.pixels.iter().all(|value| (94..=106).contains(value)), "{:?}", small.pixels);
        let flat = Picture { width: 3, height: 2, channels: 3, pixels: [10, 20, 30].repeat(6) };
        let large = resized(Resize::Exactly { height: 9, width: 5 }, &flat);
        assert_eq!(large.pixels, [10, 20, 30].repeat(45));
        assert_eq!(resized(Resize::ShortSide(2), &flat), flat);
    }

    #[test]
    fn agrees_with_the_plain_way() {
        let mut random = Random::new(1, 0);
        let pixels: Vec<u8> = (0..40 * 30 * 3).map(|_| random.below(256) as u8).collect();
        let picture = Picture { width: 40, height: 30, channels: 3, pixels: pixels.clone() };
        let ours = resized(Resize::Exactly { height: 12, width: 17 }, &picture);
        let plain = image::RgbImage::from_raw(40, 30, pixels).unwrap();
        let plain = image::imageops::resize(&plain, 17, 12, image::imageops::FilterType::Triangle).into_raw();
        let worst = ours.pixels.iter().zip(&plain).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 2, "{worst}");
    }
}
