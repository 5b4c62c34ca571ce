//! Random shifts.

use easel_runtime::{Picture, Random};

use crate::Result;
use crate::data::Transform;

/// Shifts a picture by up to this many pixels in each direction, with uniform probability. The edges are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomShift(pub u32);

impl Transform for RandomShift {
    fn apply(&self, picture: Picture, random: &mut Random) -> Result<Picture> {
        let most = self.0 as isize;
        let mut distance = || random.below(2 * self.0 + 1) as isize - most;
        let (down, right) = (distance(), distance());
        Ok(if (down, right) == (0, 0) { picture } else { shifted(&picture, down, right) })
    }
}

fn shifted(picture: &Picture, down: isize, right: isize) -> Picture {
    let Picture { width, height, channels, .. } = *picture;
    let from = |at: usize, moved: isize, length: usize| at.saturating_add_signed(-moved).min(length - 1);
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for y in 0..height {
        let row = &picture.pixels[from(y, down, height) * width * channels..][..width * channels];
        for x in 0..width {
            pixels.extend_from_slice(&row[from(x, right, width) * channels..][..channels]);
        }
    }
    Picture { width, height, channels, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_repeated() {
        let picture = Picture { width: 3, height: 2, channels: 1, pixels: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(shifted(&picture, 0, 1).pixels, [1, 1, 2, 4, 4, 5]);
        assert_eq!(shifted(&picture, 1, -1).pixels, [2, 3, 3, 2, 3, 3]);
        assert_eq!(shifted(&picture, -9, 9).pixels, [4; 6]);
        let colour = Picture { width: 2, height: 1, channels: 3, pixels: (0..6).collect() };
        assert_eq!(shifted(&colour, 0, -1).pixels, [3, 4, 5, 3, 4, 5]);
    }

    #[test]
    fn every_distance_comes() {
        let picture = Picture { width: 5, height: 1, channels: 1, pixels: vec![0, 1, 2, 3, 4] };
        let mut random = Random::new(1, 0);
        let mut seen = [0; 5];
        for _ in 0..500 {
            seen[RandomShift(2).apply(picture.clone(), &mut random).unwrap().pixels[2] as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 60), "{seen:?}");
        assert_eq!(RandomShift(0).apply(picture.clone(), &mut random).unwrap(), picture);
    }
}
