//! Landscapes drawn by the program: pictures that look like photos, for trying everything without a data set.
//!
//! A scene is a small world: ground of noise ([`land`]), a time of day ([`light`]), a sky ([`sky`]), water that mirrors
//! it all ([`water`]), trees and houses. It does not depend on the size at which it is drawn.

mod colour;
mod houses;
mod land;
mod light;
mod noise;
mod paint;
mod place;
mod sky;
mod trees;
mod view;
mod water;

use easel_runtime::{Picture, Random};
use rayon::prelude::*;

use super::{PictureFormat, Pictures};

/// What a scene is mainly of: its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motif {
    /// High mountains.
    Mountains,
    /// A lake that mirrors its shore.
    Lake,
    /// A beach and the sea.
    Sea,
    /// Woods.
    Forest,
    /// A village with its church.
    Village,
    /// Farmland.
    Fields,
}

impl Motif {
    /// In the order of the labels.
    pub const ALL: [Self; 6] = [Self::Mountains, Self::Lake, Self::Sea, Self::Forest, Self::Village, Self::Fields];

    /// The class's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mountains => "mountains",
            Self::Lake => "lake",
            Self::Sea => "sea",
            Self::Forest => "forest",
            Self::Village => "village",
            Self::Fields => "fields",
        }
    }
}

/// Draws one scene in RGB and gives its label. Motifs take turns; all else depends on the seed and the index alone.
///
/// # Panics
/// Where a side is 0.
pub fn scene(seed: u64, index: u64, height: usize, width: usize) -> (Picture, u32) {
    assert!(height > 0 && width > 0, "a picture has pixels");
    let label = index % Motif::ALL.len() as u64;
    let world = place::World::draw(Motif::ALL[label as usize], &mut Random::new(seed, index));
    (Picture { width, height, channels: 3, pixels: paint::paint(&world, height, width) }, label as u32)
}

/// Draws `count` scenes.
pub fn scenes(count: usize, seed: u64, format: PictureFormat) -> Pictures {
    let mut pixels = vec![0; count * format.len()];
    let plane = format.height * format.width;
    pixels.par_chunks_mut(format.len()).enumerate().for_each(|(index, planes)| {
        let (picture, _) = scene(seed, index as u64, format.height, format.width);
        for (at, pixel) in picture.pixels.chunks_exact(3).enumerate() {
            match format.channels {
                // Rec. 709, as the loaders of files make grey.
                1 => {
                    planes[at] = ((2126 * u32::from(pixel[0]) + 7152 * u32::from(pixel[1]) + 722 * u32::from(pixel[2]))
                        / 10000) as u8
                }
                _ => (0..3).for_each(|channel| planes[channel * plane + at] = pixel[channel]),
            }
        }
    });
    Pictures {
        format,
        pixels,
        labels: (0..count).map(|index| (index % Motif::ALL.len()) as u32).collect(),
        classes: Motif::ALL.map(|motif| motif.name().into()).to_vec(),
        name: "synthetic scenes".into(),
        skipped: 0,
        reasons: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_depends_on_seed_and_index() {
        let format = PictureFormat { channels: 3, height: 32, width: 40 };
        let some = scenes(8, 3, format);
        assert_eq!(scenes(4, 3, format).pixels, some.pixels[..4 * format.len()]);
        assert_ne!(scenes(4, 4, format).pixels, some.pixels[..4 * format.len()]);
        assert_eq!(some.labels, [0, 1, 2, 3, 4, 5, 0, 1]);
        assert_eq!(some.picture(5), scene(3, 5, 32, 40).0);
    }

    /// Drawn small, a scene looks as it does when it is drawn large and then made small.
    #[test]
    fn size_does_not_change_the_scene() {
        for index in 0..6 {
            let (small, _) = scene(1, index, 48, 64);
            let (large, _) = scene(1, index, 192, 256);
            let mut sum = 0.0;
            for (at, &byte) in small.pixels.iter().enumerate() {
                let (x, y, channel) = (at / 3 % 64, at / 3 / 64, at % 3);
                let block =
                    (0..16).map(|i| f32::from(large.pixels[((y * 4 + i / 4) * 256 + x * 4 + i % 4) * 3 + channel]));
                sum += (block.sum::<f32>() / 16.0 - f32::from(byte)).abs();
            }
            let mean = sum / small.pixels.len() as f32;
            assert!(mean < 14.0, "scene {index}: {mean}");
        }
    }

    /// No picture is nearly black, nearly white or of one colour.
    #[test]
    fn scenes_look_like_something() {
        let format = PictureFormat { channels: 1, height: 48, width: 48 };
        let pictures = scenes(60, 2, format);
        for index in 0..pictures.len() {
            let bytes: Vec<f32> = pictures.pixels_of(index).iter().map(|&byte| f32::from(byte)).collect();
            let mean = bytes.iter().sum::<f32>() / bytes.len() as f32;
            let deviation = (bytes.iter().map(|byte| (byte - mean).powi(2)).sum::<f32>() / bytes.len() as f32).sqrt();
            assert!((40.0..215.0).contains(&mean) && deviation > 15.0, "scene {index}: {mean} {deviation}");
        }
    }

    #[test]
    fn any_size() {
        for (height, width) in [(1, 1), (1, 40), (40, 1), (3, 2), (33, 57)] {
            assert_eq!(scene(0, 1, height, width).0.pixels.len(), height * width * 3);
        }
    }
}
