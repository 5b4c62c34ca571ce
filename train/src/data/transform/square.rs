//! Square crops of pictures of any aspect ratio, before resizing, which is cheaper than resizing the whole picture first.

use easel_runtime::{Picture, Random};

use super::Transform;
use crate::Result;

/// Crops the largest centred square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CentreSquare;

impl Transform for CentreSquare {
    fn apply(&self, picture: Picture, _: &mut Random) -> Result<Picture> {
        let side = picture.width.min(picture.height);
        let (left, top) = ((picture.width - side) / 2, (picture.height - side) / 2);
        Ok(cut(&picture, left, top, side))
    }
}

/// Crops a square at a random position, whose side is a random fraction of the picture's shorter side, from this one to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomSquare(pub f64);

impl Transform for RandomSquare {
    fn apply(&self, picture: Picture, random: &mut Random) -> Result<Picture> {
        let short = picture.width.min(picture.height);
        let part = self.0 + random.unit() * (1.0 - self.0);
        let side = ((short as f64 * part).round() as usize).clamp(1.min(short), short);
        let mut place = |room: usize| random.below(room as u32 + 1) as usize;
        let (left, top) = (place(picture.width - side), place(picture.height - side));
        Ok(cut(&picture, left, top, side))
    }
}

fn cut(picture: &Picture, left: usize, top: usize, side: usize) -> Picture {
    let bytes = side * picture.channels;
    let rows = (top..top + side).flat_map(|y| {
        let start = (y * picture.width + left) * picture.channels;
        &picture.pixels[start..start + bytes]
    });
    Picture { height: side, width: side, channels: picture.channels, pixels: rows.copied().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pixel's value is its column.
    fn columns() -> Picture {
        Picture { width: 9, height: 4, channels: 1, pixels: (0..36).map(|at| at % 9).collect() }
    }

    #[test]
    fn the_middle() {
        let square = CentreSquare.apply(columns(), &mut Random::new(0, 0)).unwrap();
        assert_eq!((square.width, square.height), (4, 4));
        assert_eq!(square.pixels, [2, 3, 4, 5].repeat(4));
        let tall = Picture { width: 1, height: 3, channels: 3, pixels: (0..9).collect() };
        assert_eq!(CentreSquare.apply(tall, &mut Random::new(0, 0)).unwrap().pixels, [3, 4, 5]);
    }

    #[test]
    fn random_places_and_sizes_are_all_there() {
        let mut random = Random::new(1, 0);
        let mut seen = [[false; 9]; 5];
        for _ in 0..500 {
            let square = RandomSquare(0.5).apply(columns(), &mut random).unwrap();
            assert_eq!(square.width, square.height);
            seen[square.width][usize::from(square.pixels[0])] = true;
        }
        for (side, seen) in seen.iter().enumerate() {
            let places = if side < 2 { 0 } else { 9 - side + 1 };
            assert_eq!(seen.iter().filter(|seen| **seen).count(), places, "{side}");
        }
        assert!((0..50).all(|_| RandomSquare(1.0).apply(columns(), &mut random).unwrap().width == 4));
    }
}
