//! Random horizontal flips.

use easel_runtime::{Picture, Random};

use super::Transform;
use crate::Result;

/// Flips a picture horizontally with this probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomFlip(pub f64);

impl Default for RandomFlip {
    /// Probability 0.5.
    fn default() -> Self {
        Self(0.5)
    }
}

impl Transform for RandomFlip {
    fn apply(&self, mut picture: Picture, random: &mut Random) -> Result<Picture> {
        // The number is drawn whatever the probability, so that later transforms draw the same numbers.
        if random.unit() < self.0 {
            let channels = picture.channels;
            for row in picture.pixels.chunks_exact_mut(picture.width * channels) {
                row.reverse();
                row.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
            }
        }
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_pixels_not_channels() {
        let picture = Picture { width: 2, height: 2, channels: 3, pixels: (0..12).collect() };
        let flipped = RandomFlip(1.0).apply(picture.clone(), &mut Random::new(0, 0)).unwrap();
        assert_eq!(flipped.pixels, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
        assert_eq!(RandomFlip(0.0).apply(picture.clone(), &mut Random::new(0, 0)).unwrap(), picture);
    }

    #[test]
    fn every_other_one() {
        let picture = Picture { width: 2, height: 1, channels: 1, pixels: vec![0, 1] };
        let mut random = Random::new(1, 0);
        let flips =
            (0..2000).filter(|_| RandomFlip::default().apply(picture.clone(), &mut random).unwrap().pixels[0] == 1);
        let flips = flips.count();
        assert!((900..1100).contains(&flips), "{flips}");
    }
}
