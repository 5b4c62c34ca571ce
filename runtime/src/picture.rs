//! 8-bit pictures, and their conversion to and from tensors.

use crate::transparency::split_alpha;
use crate::{Error, Result, Tensor};

/// An 8-bit picture, rows from the top, channels interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of one colour, the same in every channel.
    pub fn filled(width: usize, height: usize, channels: usize, value: u8) -> Self {
        Self { width, height, channels, pixels: vec![value; width * height * channels] }
    }

    /// The pictures of a batch `[batch, channel, height, width]` with values in `[0, 1]`. Values outside are clamped; NaN
    /// becomes 0. Fails if there are not 1 or 3 channels.
    pub fn from_batch(batch: &Tensor) -> Result<Vec<Self>> {
        let [count, channels, height, width] = batch.nchw()?;
        if !matches!(channels, 1 | 3) {
            return Err(Error::Shape(format!("pictures have 1 or 3 channels, these have {channels}")));
        }
        let plane = height * width;
        let values = batch.as_f32()?;
        Ok((0..count)
            .map(|index| {
                let planes = &values[index * channels * plane..][..channels * plane];
                let pixels =
                    (0..plane * channels).map(|at| to_byte(planes[at % channels * plane + at / channels])).collect();
                Self { width, height, channels, pixels }
            })
            .collect())
    }

    /// The picture as a batch of one, `[1, channel, height, width]` in `[0, 1]`.
    pub fn to_tensor(&self) -> Tensor {
        let plane = self.width * self.height;
        let values: Vec<f32> = (0..plane * self.channels)
            .map(|at| f32::from(self.pixels[at % plane * self.channels + at / plane]) / 255.0)
            .collect();
        Tensor::new([1, self.channels, self.height, self.width], values).expect("the shape is the picture's own")
    }

    /// An RGB picture from RGBA bytes, as a canvas returns them. Transparent pixels are blended with white. Fails if there
    /// are not four bytes per pixel, or no pixels.
    pub fn from_rgba(rgba: &[u8], width: usize, height: usize) -> Result<Self> {
        let (mut picture, alpha) = split_alpha(rgba, width, height)?;
        let on_white = |value: u8, alpha: u8| {
            ((u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha)) + 127) / 255) as u8
        };
        for (pixel, alpha) in picture.pixels.as_chunks_mut::<3>().0.iter_mut().zip(alpha) {
            *pixel = pixel.map(|value| on_white(value, alpha));
        }
        Ok(picture)
    }

    /// Opaque RGBA bytes, as a canvas takes them.
    pub fn to_rgba(&self) -> Vec<u8> {
        self.pixels
            .chunks_exact(self.channels)
            .flat_map(|pixel| match pixel {
                [grey] => [*grey, *grey, *grey, 255],
                rgb => [rgb[0], rgb[1], rgb[2], 255],
            })
            .collect()
    }
}

/// Rounds a value in `[0, 1]` to the nearest of 256 levels.
fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_are_blended_with_white() {
        let picture = Picture::from_rgba(&[9, 8, 7, 255, 9, 8, 7, 0, 0, 255, 100, 128], 3, 1).unwrap();
        assert_eq!(picture.pixels, [9, 8, 7, 255, 255, 255, 127, 255, 177]);
        assert_eq!(Picture::from_rgba(&picture.to_rgba(), 3, 1).unwrap(), picture);
        assert!(Picture::from_rgba(&[0; 12], 4, 1).is_err());
        assert!(Picture::from_rgba(&[], 0, 3).is_err());
        assert!(Picture::from_rgba(&[0; 12], usize::MAX, 2).is_err());
    }

    #[test]
    fn bytes_survive_conversion_to_a_tensor_and_back() {
        let pixels = (0..3 * 256).map(|i| (i % 256) as u8).collect();
        let picture = Picture { width: 32, height: 8, channels: 3, pixels };
        assert_eq!(Picture::from_batch(&picture.to_tensor()).unwrap(), [picture]);
    }

    #[test]
    fn values_outside_are_clamped() {
        let batch = Tensor::new([1, 1, 1, 4], vec![-3.0, 7.0, f32::NAN, 0.5]).unwrap();
        assert_eq!(Picture::from_batch(&batch).unwrap()[0].pixels, [0, 255, 0, 128]);
    }

    #[test]
    fn channels_are_interleaved() {
        let batch = Tensor::new([1, 3, 1, 2], vec![0.0, 1.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
        let picture = &Picture::from_batch(&batch).unwrap()[0];
        assert_eq!(picture.pixels, [0, 0, 255, 255, 0, 0]);
        assert_eq!(picture.to_rgba(), [0, 0, 255, 255, 255, 0, 0, 255]);
    }
}
