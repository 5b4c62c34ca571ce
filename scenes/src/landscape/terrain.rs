//! Drawing the ground.
//!
//! The ground is drawn column by column from near to far; each step of the ray rises above what hides it (the "voxel
//! space" technique of the game Comanche, NovaLogic 1992). The same walk draws the mirror image for water.

use super::camera::Camera;
use super::colour::{Rgb, mix};
use super::land::Land;
use super::layer::Layer;
use super::light::Light;

/// The ground, before sky, water and objects.
pub struct Terrain {
    pub picture: Layer,
    pub mirror: Layer,
    /// For each pixel, the fraction that is water, and the height of its bed times that fraction.
    pub water: Vec<[f32; 2]>,
}

/// The nearest and farthest distances of a ray, and the ratio of its steps.
const NEAR: f32 = 1.2;
const FAR: f32 = 520.0;
const RATIO: f32 = 1.0115;

/// Draws the ground.
pub fn terrain(land: &Land, light: &Light, camera: &Camera) -> Terrain {
    let [width, height] = camera.size;
    let mut drawn = Terrain {
        picture: Layer::new(camera.size),
        mirror: Layer::new(camera.size),
        water: vec![[0.0, 0.0]; width * height],
    };
    let scale = camera.scale();
    let mirror = camera.mirrored();
    let steps = ((FAR / NEAR).ln() / RATIO.ln()) as usize;
    let wet = land.has_water();
    // The heights of the column to the left, for the slope across.
    let grain = |z: f32| (z / scale).max(z * (RATIO - 1.0) * 0.5);
    let far_left = camera.direction(-0.5, 0.0)[0];
    let distances: Vec<f32> = (0..steps).map(|step| NEAR * RATIO.powi(step as i32)).collect();
    let mut left: Vec<f32> = distances.iter().map(|&z| land.height(far_left * z, z, grain(z))).collect();
    for column in 0..width {
        let right = camera.direction(column as f32 + 0.5, 0.0)[0];
        let (mut top, mut deepest) = (height as f32, 0.0f32);
        let mut before = left[0];
        let mut last: Option<Rgb> = None;
        // Only ground beyond water is mirrored.
        let mut beyond = false;
        for (step, &z) in distances.iter().enumerate() {
            let x = right * z;
            let y = land.height(x, z, grain(z));
            let slope_right = (y - left[step]) * scale / z;
            let slope_on = if step > 0 { (y - before) / (z - distances[step - 1]) } else { 0.0 };
            left[step] = y;
            before = y;
            let surface = if wet { y.max(0.0) } else { y };
            let row = camera.project([0.0, surface, z])[1];
            let row_mirrored = mirror.row(surface, z);
            let seen = row < top;
            beyond |= wet && y <= 0.0;
            let seen_mirrored = beyond && y > 0.0 && row_mirrored > deepest;
            if !seen && !seen_mirrored {
                last = None;
                continue;
            }
            if wet && y <= 0.0 {
                cover(&mut drawn.picture, column, [row, top], z, |at, part| {
                    drawn.water[at][0] += part;
                    drawn.water[at][1] += part * y;
                    Rgb::default()
                });
                top = row;
                last = None;
                continue;
            }
            let steepness = (slope_right * slope_right + slope_on * slope_on + 1.0).sqrt().recip();
            let normal = [-slope_right * steepness, steepness, -slope_on * steepness];
            let ground = land.ground(x, y, z, normal, grain(z));
            let lit = ground.colour * light.on(normal, ground.open * land.shade(x, z, light));
            let colour = light.through_air(lit, z, [right, (y - camera.height) / z, 1.0]);
            let from = last.unwrap_or(colour);
            if seen {
                let span = (top - row).max(1e-3);
                cover(&mut drawn.picture, column, [row, top], z, |at, _| {
                    let part = ((top - (at / width) as f32 - 0.5) / span).clamp(0.0, 1.0);
                    mix(from, colour, part)
                });
                top = row;
            }
            if seen_mirrored {
                let begin = deepest.max(mirror.row(0.0, z) - 1.0);
                cover(&mut drawn.mirror, column, [begin, row_mirrored], z, |_, _| colour);
                deepest = row_mirrored;
            }
            last = Some(colour);
            if top <= 0.0 {
                break;
            }
        }
    }
    drawn
}

/// Fills the rows between two edges of a column, edge pixels partly. `colour` gives the colour of a pixel from its
/// index and the fraction that is newly covered.
fn cover(
    layer: &mut Layer,
    column: usize,
    [top, bottom]: [f32; 2],
    distance: f32,
    mut colour: impl FnMut(usize, f32) -> Rgb,
) {
    let [width, height] = layer.size;
    let (top, bottom) = (top.max(0.0), bottom.min(height as f32));
    let mut row = top as usize;
    while (row as f32) < bottom {
        let at = row * width + column;
        let part = (bottom.min(row as f32 + 1.0) - top.max(row as f32)).min(1.0 - layer.cover[at]);
        if part > 0.0 {
            let colour = colour(at, part);
            layer.colour[at] += colour * part;
            layer.cover[at] += part;
            if layer.cover[at] > 0.5 && layer.distance[at] == f32::MAX {
                layer.distance[at] = distance;
            }
        }
        row += 1;
    }
}
