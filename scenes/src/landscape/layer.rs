//! Pixels with coverage and distance.

use super::colour::{Rgb, mix};

/// A picture with coverage and distance.
#[derive(Debug, Clone)]
pub struct Layer {
    pub size: [usize; 2],
    pub colour: Vec<Rgb>,
    /// The fraction of each pixel that is covered.
    pub cover: Vec<f32>,
    /// The distance of each pixel; `f32::MAX` for the sky.
    pub distance: Vec<f32>,
}

impl Layer {
    pub fn new(size: [usize; 2]) -> Self {
        let pixels = size[0] * size[1];
        Self { size, colour: vec![Rgb::default(); pixels], cover: vec![0.0; pixels], distance: vec![f32::MAX; pixels] }
    }

    /// Blends a colour into a pixel unless the pixel is nearer.
    pub fn blend(&mut self, at: usize, colour: Rgb, cover: f32, distance: f32) {
        if distance <= self.distance[at] {
            self.colour[at] = mix(self.colour[at], colour, cover);
        }
    }

    /// The bilinear interpolation of colours, clamped at the edges.
    pub fn bilinear(&self, column: f32, row: f32) -> Rgb {
        let [width, height] = self.size;
        let (x, y) = ((column - 0.5).clamp(0.0, width as f32 - 1.0), (row - 0.5).clamp(0.0, height as f32 - 1.0));
        let (c, r) = (x as usize, y as usize);
        let (u, v) = (x - c as f32, y - r as f32);
        let right = (c + 1).min(width - 1);
        let below = (r + 1).min(height - 1);
        let row = |r: usize| mix(self.colour[r * width + c], self.colour[r * width + right], u);
        mix(row(r), row(below), v)
    }
}
