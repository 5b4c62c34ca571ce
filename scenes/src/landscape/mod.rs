//! Landscapes.
//!
//! A scene is a small world: fractal ground ([`land`]), a time of day ([`light`]), a sky ([`sky`]), water that mirrors
//! it all ([`water`]), trees and buildings. It does not depend on the size at which it is drawn.

mod buildings;
mod camera;
mod colour;
mod land;
mod layer;
mod light;
mod motif;
mod noise;
mod render;
mod sky;
mod terrain;
mod trees;
mod water;
mod world;

use easel_runtime::{Picture, Random};

pub use motif::Motif;
use render::render;
use world::World;

/// Draws one scene in RGB; returns it with its label, an index into [`Motif::ALL`]. Motifs take turns by index;
/// everything else depends on the seed and the index alone.
///
/// # Panics
/// If a side is 0.
pub fn scene(seed: u64, index: u64, height: usize, width: usize) -> (Picture, u32) {
    assert!(height > 0 && width > 0, "a picture has pixels");
    let label = index % Motif::ALL.len() as u64;
    let world = World::random(Motif::ALL[label as usize], &mut Random::new(seed, index));
    (Picture { width, height, channels: 3, pixels: render(&world, height, width) }, label as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_depends_on_seed_and_index() {
        let pixels = |seed, index| scene(seed, index, 32, 40).0.pixels;
        assert_eq!(pixels(3, 2), pixels(3, 2));
        assert_ne!(pixels(3, 2), pixels(4, 2));
        assert_ne!(pixels(3, 2), pixels(3, 8));
        let labels: Vec<u32> = (0..8).map(|index| scene(3, index, 2, 2).1).collect();
        assert_eq!(labels, [0, 1, 2, 3, 4, 5, 0, 1]);
    }

    /// Drawn small, a scene looks as it does when it is drawn large and shrunk.
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
    fn scenes_have_contrast() {
        for index in 0..60 {
            let pixels = scene(2, index, 48, 48).0.pixels;
            let green: Vec<f32> = pixels.iter().skip(1).step_by(3).map(|&byte| f32::from(byte)).collect();
            let mean = green.iter().sum::<f32>() / green.len() as f32;
            let deviation = (green.iter().map(|byte| (byte - mean).powi(2)).sum::<f32>() / green.len() as f32).sqrt();
            assert!((40.0..215.0).contains(&mean) && deviation > 15.0, "scene {index}: {mean} {deviation}");
        }
    }

    #[test]
    fn any_size_can_be_drawn() {
        for (height, width) in [(1, 1), (1, 40), (40, 1), (3, 2), (33, 57)] {
            assert_eq!(scene(0, 1, height, width).0.pixels.len(), height * width * 3);
        }
    }
}
