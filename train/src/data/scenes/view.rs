//! From the world to the picture.
//!
//! The ground is drawn column by column from near to far, each step of the ray rising above what hides it (the
//! "voxel space" way of Freeman 1992's flight games). The same walk draws the mirror image that water shows.

use super::colour::{Rgb, mix};
use super::land::Land;
use super::light::Light;

/// The camera: it looks forward, level; shifting the horizon stands in for tilting.
#[derive(Debug, Clone, Copy)]
pub struct Camera {
    /// Height above the water.
    pub height: f32,
    /// The horizon's row, in parts of the picture's height from the top.
    pub horizon: f32,
    /// Focal length in picture heights.
    pub focal: f32,
    /// The picture in pixels.
    pub size: [usize; 2],
}

impl Camera {
    /// Pixels that a unit takes at distance 1.
    pub fn scale(&self) -> f32 {
        self.focal * self.size[1] as f32
    }

    /// The place in the picture, in pixels from the upper left corner.
    pub fn project(&self, [x, y, z]: [f32; 3]) -> [f32; 2] {
        let scale = self.scale() / z;
        [self.size[0] as f32 / 2.0 + scale * x, self.horizon * self.size[1] as f32 - scale * (y - self.height)]
    }

    /// The direction of a pixel: right and up over forward.
    pub fn direction(&self, column: f32, row: f32) -> [f32; 2] {
        let scale = self.scale();
        [(column - self.size[0] as f32 / 2.0) / scale, (self.horizon * self.size[1] as f32 - row) / scale]
    }

    /// The camera that sees what water mirrors, upside down.
    pub fn mirrored(&self) -> Mirror {
        Mirror(*self)
    }
}

/// The camera below the water's surface.
#[derive(Debug, Clone, Copy)]
pub struct Mirror(Camera);

impl Mirror {
    pub fn row(&self, y: f32, z: f32) -> f32 {
        self.0.project([0.0, -y, z])[1]
    }
}

/// A picture with distances.
#[derive(Debug, Clone)]
pub struct Layer {
    pub size: [usize; 2],
    pub colour: Vec<Rgb>,
    /// How much of a pixel something covers.
    pub cover: Vec<f32>,
    pub distance: Vec<f32>,
}

impl Layer {
    pub fn new(size: [usize; 2]) -> Self {
        let pixels = size[0] * size[1];
        Self { size, colour: vec![Rgb::default(); pixels], cover: vec![0.0; pixels], distance: vec![f32::MAX; pixels] }
    }

    /// Lays something on a pixel that is not nearer than it.
    pub fn lay(&mut self, at: usize, colour: Rgb, cover: f32, distance: f32) {
        if distance <= self.distance[at] {
            self.colour[at] = mix(self.colour[at], colour, cover);
        }
    }

    /// The colour between pixels; outside the edge's.
    pub fn between(&self, column: f32, row: f32) -> Rgb {
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

/// What the ground looks like, before sky, water and all that stands on it.
pub struct Terrain {
    pub picture: Layer,
    pub mirror: Layer,
    /// How much of a pixel is water, and how deep it is there.
    pub water: Vec<[f32; 2]>,
}

/// Nearest and farthest, and how much each step goes on.
const NEAR: f32 = 1.2;
const FAR: f32 = 520.0;
const ON: f32 = 1.0115;

pub fn terrain(land: &Land, light: &Light, camera: &Camera) -> Terrain {
    let [width, height] = camera.size;
    let mut drawn = Terrain {
        picture: Layer::new(camera.size),
        mirror: Layer::new(camera.size),
        water: vec![[0.0, 0.0]; width * height],
    };
    let scale = camera.scale();
    let mirror = camera.mirrored();
    let steps = ((FAR / NEAR).ln() / ON.ln()) as usize;
    let wet = land.has_water();
    // Heights of the column to the left, for the slope across.
    let grain = |z: f32| (z / scale).max(z * (ON - 1.0) * 0.5);
    let far_left = camera.direction(-0.5, 0.0)[0];
    let distances: Vec<f32> = (0..steps).map(|step| NEAR * ON.powi(step as i32)).collect();
    let mut left: Vec<f32> = distances.iter().map(|&z| land.height(far_left * z, z, grain(z))).collect();
    for column in 0..width {
        let right = camera.direction(column as f32 + 0.5, 0.0)[0];
        let (mut top, mut deepest) = (height as f32, 0.0f32);
        let mut before = left[0];
        let mut last: Option<Rgb> = None;
        // Only what lies beyond water is mirrored in it.
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

/// Fills the rows between two edges of a column, edge pixels in part. `colour` is asked for a pixel's colour and told
/// how much of it is new.
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
