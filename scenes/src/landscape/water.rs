//! Lakes and the sea.

use super::camera::Camera;
use super::colour::{Rgb, mix};
use super::light::Light;
use super::noise::{Noise, smoothstep};
use super::terrain::Terrain;

/// A lake or the sea.
#[derive(Debug, Clone)]
pub struct Water {
    pub noise: Noise,
    /// Wind: 0 a mirror, 1 waves.
    pub wind: f32,
    /// The colours of deep and shallow water.
    pub colours: [Rgb; 2],
    /// Whether there is surf at the shore.
    pub surf: bool,
}

impl Water {
    /// Fills the water of a picture whose mirror image is complete.
    pub fn fill(&self, drawn: &mut Terrain, light: &Light, camera: &Camera) {
        let [width, height] = camera.size;
        let pixels = height as f32;
        let rough = 0.006 + 0.05 * self.wind;
        for row in 0..height {
            for column in 0..width {
                let at = row * width + column;
                let [part, bed] = drawn.water[at];
                if part <= 0.0 {
                    continue;
                }
                let (c, r) = (column as f32 + 0.5, row as f32 + 0.5);
                let [right, up] = camera.direction(c, r);
                let z = camera.height / (-up).max(2e-3);
                let (x, depth) = (right * z, -bed / part);
                let grain = z / camera.scale() * (z / camera.height).sqrt();
                let detail = |size: f32| smoothstep(size * 1.5, size * 0.3, grain);

                // Waves run along the shore, so they are longer across.
                let n = self.noise;
                let swell = (n.octaves(x * 0.35, z * 0.9, 2.0) - 0.5) * detail(2.5);
                let ripple = (n.other(1).octaves(x * 1.6, z * 3.6, 2.0) - 0.5) * detail(0.6);
                let gust = smoothstep(0.35, 0.7, n.other(2).octaves(x * 0.03, z * 0.07, 3.0));
                let wave = (0.8 * swell + ripple) * (0.5 + gust);
                let shift = wave * rough * 2.0 * camera.scale();
                let sway = shift * 0.25;

                // Slopes within a pixel smear the mirror image downwards.
                let smear = rough * camera.scale() * (0.5 + gust) * 0.6;
                let mut mirrored = Rgb::default();
                for (tap, weight) in [(-1.0, 0.2), (-0.33, 0.3), (0.33, 0.3), (1.0, 0.2)] {
                    let there = (r + shift + smear * (1.0 + tap)).max(camera.horizon * pixels + 0.5);
                    mirrored += drawn.mirror.bilinear(c + sway, there) * weight;
                }

                let length = (right * right + up * up + 1.0).sqrt();
                let facing = (-up / length + wave * rough * 4.0).clamp(0.0, 1.0);
                let mirrors = (0.03 + 0.97 * (1.0 - facing).powi(5)) * (1.0 - 0.25 * self.wind);
                let clear = (-depth.max(0.0) * 0.9).exp();
                let [deep, shallow] = self.colours;
                let body =
                    mix(deep, shallow, clear) * (light.skylight + light.sunlight * (light.sun[1].max(0.05) * 0.8));
                let mut colour = mix(body, mirrored, mirrors);

                // Facets that face the sun.
                let [sx, sy, sz] = light.sun;
                if sz > 0.0 && light.disc > 0.0 {
                    let (aside, above) = (right - sx / sz, -up - sy / sz);
                    let spread = 0.03 + 0.10 * self.wind + 0.06 * (-up);
                    let path = (-(aside / spread).powi(2)).exp() * (-(above / (0.12 + 0.5 * self.wind)).powi(2)).exp();
                    let facet = n.other(3).at(x * 2.2 + z, z * 7.0) * detail(0.25) + 0.6 * (1.0 - detail(0.25));
                    colour += light.sunlight * (path * smoothstep(0.45, 0.85, facet + 0.3 * wave) * 0.9);
                }
                if self.surf {
                    let line = n.other(4).octaves(x * 0.5, z * 0.5, 3.0);
                    let breaker = (depth * 5.5 + 2.4 * line).sin();
                    let foam = smoothstep(0.55, 0.95, breaker) * smoothstep(1.5, 0.5, depth)
                        + smoothstep(0.16, 0.04, depth + 0.12 * (line - 0.5));
                    let lace = n.other(5).octaves(x * 4.0, z * 4.0, 2.0) * detail(0.5) + 0.5 * (1.0 - detail(0.5));
                    let white = light.skylight + light.sunlight * 0.5;
                    colour =
                        mix(colour, white * 0.95, (foam * smoothstep(0.3, 0.6, lace + 0.15 * foam)).clamp(0.0, 0.9));
                }
                let colour = light.through_air(colour, z, [right, up, 1.0]);
                drawn.picture.colour[at] += colour * part;
            }
        }
    }
}
