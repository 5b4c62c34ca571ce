//! Value noise, fractal sums of it, and Worley noise.

/// Noise of a seed.
#[derive(Debug, Clone, Copy)]
pub struct Noise(pub u32);

/// A hash of a cell, in `[0, 1)`.
fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x27d4_eb2d) ^ (y as u32).wrapping_mul(0x1656_67b1) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    ((h ^ (h >> 16)) >> 8) as f32 * (1.0 / 16_777_216.0)
}

impl Noise {
    /// Independent noise.
    pub fn other(self, number: u32) -> Self {
        Self(self.0 ^ number.wrapping_mul(0x9e37_79b9).rotate_left(7))
    }

    /// The random number of a cell of the unit grid, in `[0, 1)`.
    pub fn cell(self, x: i32, y: i32) -> f32 {
        hash(x, y, self.0)
    }

    /// Value noise on the unit grid, interpolated smoothly; in `[0, 1)`.
    pub fn at(self, x: f32, y: f32) -> f32 {
        let (column, row) = (x.floor(), y.floor());
        let (u, v) = (fade(x - column), fade(y - row));
        let (c, r) = (column as i32, row as i32);
        let above = lerp(hash(c, r, self.0), hash(c + 1, r, self.0), u);
        let below = lerp(hash(c, r + 1, self.0), hash(c + 1, r + 1, self.0), u);
        lerp(above, below, v)
    }

    /// A fractal sum: each octave has half the size and half the height of the one before. Centred on 0.5, within
    /// `[0, 1]`; a fraction of an octave has that fraction of its height.
    pub fn octaves(self, mut x: f32, mut y: f32, octaves: f32) -> f32 {
        let (mut sum, mut height, mut left, mut total) = (0.0, 0.5, octaves, 0.0);
        while left > 0.0 {
            let part = height * left.min(1.0);
            sum += part * self.at(x, y);
            total += part;
            // Rotated, to hide the grid.
            (x, y) = (1.6 * x - 1.2 * y + 17.3, 1.2 * x + 1.6 * y + 9.1);
            height *= 0.5;
            left -= 1.0;
        }
        sum / total.max(1e-6)
    }

    /// A ridged multifractal (Musgrave, in "Texturing and Modeling", 1994); in `[0, 1]`.
    pub fn ridges(self, mut x: f32, mut y: f32, octaves: f32) -> f32 {
        let (mut sum, mut height, mut weight, mut left) = (0.0, 0.52, 1.0, octaves);
        while left > 0.0 {
            let crest = 1.0 - (2.0 * self.at(x, y) - 1.0).abs();
            let crest = crest * crest * weight;
            sum += height * left.min(1.0) * crest;
            weight = (crest * 2.0).clamp(0.0, 1.0);
            (x, y) = (1.6 * x - 1.2 * y + 31.7, 1.2 * x + 1.6 * y + 3.3);
            height *= 0.5;
            left -= 1.0;
        }
        sum
    }

    /// Worley noise (1996): the cell of the nearest scattered point, its distance, and how much farther the second is.
    pub fn worley(self, x: f32, y: f32) -> (i32, i32, f32, f32) {
        let (column, row) = (x.floor() as i32, y.floor() as i32);
        let (mut nearest, mut second) = ((column, row, f32::MAX), f32::MAX);
        for r in row - 1..=row + 1 {
            for c in column - 1..=column + 1 {
                let px = c as f32 + 0.15 + 0.7 * self.cell(c, r) - x;
                let py = r as f32 + 0.15 + 0.7 * self.other(1).cell(c, r) - y;
                let distance = px * px + py * py;
                if distance < nearest.2 {
                    second = nearest.2;
                    nearest = (c, r, distance);
                } else if distance < second {
                    second = distance;
                }
            }
        }
        let distance = nearest.2.sqrt();
        (nearest.0, nearest.1, distance, second.sqrt() - distance)
    }
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (6.0 * t - 15.0) + 10.0)
}

pub fn lerp(a: f32, b: f32, part: f32) -> f32 {
    a + (b - a) * part
}

/// 0 below `low`, 1 above `high`, smooth between; reversed if `low` is above `high`.
pub fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
