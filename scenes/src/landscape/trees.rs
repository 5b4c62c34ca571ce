//! Trees and bushes.

use easel_runtime::Random;

use super::colour::{Rgb, mix};
use super::light::Light;
use super::noise::{Noise, smoothstep};

/// The shape of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    Round,
    Conifer,
    Slender,
    Bush,
}

/// A tree of height 1 at the origin that looks the same from all sides.
#[derive(Debug, Clone)]
pub struct Tree {
    growth: Growth,
    noise: Noise,
    leaves: Rgb,
    snow: bool,
    /// Clumps of leaves: right, up, towards the eye, radius.
    clumps: Vec<[f32; 4]>,
    lean: f32,
}

impl Tree {
    pub fn random(growth: Growth, leaves: Rgb, snow: bool, random: &mut Random) -> Self {
        let noise = Noise(random.next_u32());
        let mut u = |low, high| random.uniform(low, high);
        let lean = u(-0.06, 0.06);
        let clumps = match growth {
            Growth::Round => {
                let (wide, middle) = (u(0.26, 0.36), u(0.6, 0.66));
                (0..22)
                    .map(|clump| {
                        // The golden angle spreads them evenly.
                        let angle = clump as f32 * 2.4 + u(-0.4, 0.4);
                        let out = (clump as f32 / 22.0).sqrt() * u(0.8, 1.05);
                        let towards = (1.0 - out * out).max(0.0).sqrt() * 0.2;
                        [
                            wide * out * angle.cos(),
                            middle + 0.27 * out * angle.sin(),
                            towards + u(-0.05, 0.05),
                            u(0.07, 0.12),
                        ]
                    })
                    .collect()
            }
            Growth::Slender => (0..9)
                .map(|clump| [u(-0.03, 0.03), 0.12 + 0.095 * clump as f32, u(-0.03, 0.03), u(0.075, 0.11)])
                .collect(),
            Growth::Bush => (0..6).map(|_| [u(-0.5, 0.5), u(0.2, 0.55), u(-0.2, 0.2), u(0.28, 0.42)]).collect(),
            Growth::Conifer => vec![],
        };
        Self { growth, noise, leaves, snow, clumps, lean }
    }

    /// The extent to either side.
    pub fn reach(&self) -> f32 {
        match self.growth {
            Growth::Round => 0.56,
            Growth::Conifer => 0.34,
            Growth::Slender => 0.18,
            Growth::Bush => 0.95,
        }
    }

    /// The lit colour at a point (right, up), and how much of a pixel of width `pixel` it covers. `None` outside.
    pub fn at(&self, x: f32, y: f32, pixel: f32, light: &Light) -> Option<(Rgb, f32)> {
        let x = x - self.lean * y * y;
        match self.growth {
            Growth::Conifer => self.conifer(x, y, pixel, light),
            _ => self.clumps(x, y, pixel, light),
        }
    }

    fn trunk(&self, x: f32, y: f32, pixel: f32, light: &Light) -> Option<(Rgb, f32)> {
        let width = 0.026 * (1.25 - y) + 0.02 * smoothstep(0.08, 0.0, y);
        let cover = smoothstep(width + pixel * 0.6, width - pixel * 0.6, x.abs()) * smoothstep(0.75, 0.6, y);
        let side = (x / width).clamp(-1.0, 1.0);
        let lit = light.on([side, 0.1, -(1.0 - side * side).sqrt()], 0.6);
        (cover > 0.0).then(|| (Rgb::hex(0x5d4b3c) * lit, cover))
    }

    fn clumps(&self, x: f32, y: f32, pixel: f32, light: &Light) -> Option<(Rgb, f32)> {
        let leafy = smoothstep(0.09, 0.03, pixel);
        let fine = if leafy > 0.0 { 1.0 } else { 0.0 };
        let ragged = (self.noise.octaves(x * 11.0, y * 11.0, 1.0 + fine) - 0.5) * 0.8;
        let leaf = if leafy > 0.0 { self.leaf(x, y, pixel) } else { 0.5 };
        let (mut front, mut cover) = (None::<(f32, [f32; 3])>, 0.0f32);
        for &[cx, cy, cz, radius] in &self.clumps {
            let (dx, dy) = ((x - cx) / radius, (y - cy) / radius);
            let squared = dx * dx + dy * dy;
            if squared > 2.2 {
                continue;
            }
            let distance = squared.sqrt() + ragged + (leaf - 0.5) * 0.7 * leafy;
            let soft = pixel / radius * 0.8 + 0.06;
            let here = smoothstep(1.0 + soft, 1.0 - soft, distance);
            cover = cover.max(here);
            let towards = (1.0 - squared.min(0.98)).sqrt();
            let nearness = cz + towards * radius;
            if here > 0.3 && front.is_none_or(|(nearest, _)| nearness > nearest) {
                front = Some((nearness, [dx * 0.8, dy * 0.8, -towards]));
            }
        }
        let Some((nearness, normal)) = front.filter(|_| cover > 0.0) else {
            return if self.growth == Growth::Bush { None } else { self.trunk(x, y, pixel, light) };
        };
        let bottom = if self.growth == Growth::Bush { 0.0 } else { 0.35 };
        let open = (0.5 + 0.55 * ((y - bottom) / (1.0 - bottom)).clamp(0.0, 1.0)) * (0.8 + nearness).clamp(0.6, 1.05);
        let leaf = 1.0 + (0.5 - leaf) * 1.1 * leafy;
        // Leaves let light through, so that their shadow side glows against the sun.
        let through = light.sunlight * (0.14 * light.sun[2].max(0.0) + 0.08);
        let lit = light.on(normal, open) + through * Rgb(0.9, 1.0, 0.4) * open;
        let colour = self.leaves * lit * leaf;
        // Bare twigs let the sky through.
        Some((colour, if self.snow { cover * 0.55 } else { cover }))
    }

    /// Leaves: about 0 in the middle of one, 1 between them.
    fn leaf(&self, x: f32, y: f32, pixel: f32) -> f32 {
        let spray = |size: f32, number| {
            let (c, r, distance, _) = self.noise.other(number).worley(x * size, y * size * 1.3);
            0.55 * distance + 0.6 * self.noise.other(number + 1).cell(c, r)
        };
        let fine = smoothstep(0.014, 0.005, pixel);
        let coarse = spray(24.0, 3);
        if fine > 0.0 { coarse * (1.0 - 0.5 * fine) + 0.5 * fine * spray(58.0, 5) } else { coarse }
    }

    fn conifer(&self, x: f32, y: f32, pixel: f32, light: &Light) -> Option<(Rgb, f32)> {
        if y < 0.07 {
            return self.trunk(x, y, pixel, light);
        }
        let t = (y - 0.06) / 0.94;
        if t > 1.0 {
            return None;
        }
        let needles = smoothstep(0.012, 0.004, pixel);
        let fine = self.noise.octaves(x * 16.0, y * 26.0, 2.0 + 2.0 * needles) - 0.5;
        // Whorls of branches, which droop outwards.
        let whorl =
            (t + 0.3 * x.abs() + 0.03 * fine) * (8.5 + 4.0 * needles) + self.noise.cell(1, 1) + 0.8 * fine * needles;
        let tooth = 1.0 - whorl.fract();
        let width = 0.27 * (1.0 - t).powf(0.85) * (0.6 + 0.42 * tooth) * (1.0 + 0.7 * fine) + 0.006;
        let cover = smoothstep(width + pixel * 0.7, width - pixel * 0.7, x.abs());
        if cover <= 0.0 {
            return None;
        }
        let side = (x / width.max(1e-3)).clamp(-1.0, 1.0);
        let normal = [side * 0.75, 0.35 + 0.3 * (1.0 - tooth), -(1.0 - 0.6 * side * side).sqrt() * 0.7];
        let leafy = smoothstep(0.07, 0.02, pixel);
        let open = (0.62 + 0.4 * t) * (1.0 - 0.42 * tooth * leafy) * (1.0 + 1.1 * fine * leafy);
        let lit = light.on(normal, open.max(0.1)) + light.sunlight * (0.12 * light.sun[2].max(0.0) * open);
        let mut colour = self.leaves * lit;
        if self.snow {
            colour = mix(colour, Rgb::hex(0xeef3fa) * lit, smoothstep(0.75, 0.35, tooth + 0.6 * fine) * 0.85);
        }
        Some((colour, cover))
    }
}
