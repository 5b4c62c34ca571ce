//! `synthetic`: the handwritten digits of [`easel_scenes`] as a labelled set.

use easel_scenes::digit;
use rayon::prelude::*;

use super::{About, PictureFormat, Pictures};

/// The number of pictures of `--data synthetic`.
pub const COUNT: usize = 20_000;

/// The seed of `--data synthetic`. It does not depend on the run's, so that runs of different seeds have the same pictures.
pub const SEED: u64 = 0;

/// Draws `count` digits, 0 to 9 in turn, the same in every channel. A picture depends on the seed and its index alone.
pub fn digits(count: usize, seed: u64, format: PictureFormat) -> Pictures {
    let mut pixels = vec![0; count * format.len()];
    pixels.par_chunks_mut(format.len()).enumerate().for_each(|(index, planes)| {
        let (picture, _) = digit(seed, index as u64, format.height, format.width);
        planes.chunks_exact_mut(picture.pixels.len()).for_each(|plane| plane.copy_from_slice(&picture.pixels));
    });
    Pictures {
        format,
        pixels,
        labels: (0..count).map(|index| (index % 10) as u32).collect(),
        classes: (0..10).map(|digit| digit.to_string()).collect(),
        name: "synthetic".into(),
        skipped: 0,
        reasons: vec![],
        about: About::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_digits_of_its_indices() {
        let pictures = digits(12, 7, PictureFormat { channels: 3, height: 64, width: 48 });
        assert_eq!(pictures.labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        let wanted = digit(7, 3, 64, 48).0.pixels;
        assert_eq!(pictures.pixels_of(3).len(), 3 * wanted.len());
        assert!(pictures.pixels_of(3).chunks_exact(wanted.len()).all(|plane| plane == wanted));
    }
}
