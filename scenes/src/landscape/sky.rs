//! The sky: a gradient, the sun, stars, clouds.

use super::colour::{Rgb, mix};
use super::light::Light;
use super::noise::{Noise, lerp, smoothstep};

/// The sky of a scene.
#[derive(Debug, Clone)]
pub struct Sky {
    pub noise: Noise,
    /// The kind of clouds: flat layers (0) to heaps (1).
    pub heaped: f32,
    /// The frequency of clouds.
    pub size: f32,
}

impl Sky {
    /// The colour in a direction (right and up over forward); `pixel` is the size of a pixel.
    pub fn at(&self, light: &Light, right: f32, up: f32, pixel: f32) -> Rgb {
        let up = up.max(0.0);
        let direction = [right, up, 1.0];
        let [horizon, middle, zenith] = light.sky;
        let height = up / (1.0 + right * right).sqrt();
        let mut sky = mix(horizon, middle, smoothstep(0.0, 0.3, height));
        sky = mix(sky, zenith, smoothstep(0.1, 0.75, height));
        let towards = light.towards_sun(direction);
        sky += light.glow * (0.5 * towards.powi(10) + 0.8 * towards.powi(70));

        if light.stars > 0.0 {
            let (x, y) = (right * 70.0, up * 70.0);
            let (_, _, distance, _) = self.noise.other(9).worley(x, y);
            let bright = self.noise.other(10).cell(x.floor() as i32, y.floor() as i32);
            let star = smoothstep(0.16, 0.0, distance) * bright.powi(6) * smoothstep(0.1, 0.5, height);
            sky += Rgb(0.9, 0.95, 1.0) * (star * light.stars);
        }

        // Wider than half a degree, so that it shows in small pictures.
        let angle = towards.min(1.0).acos();
        let disc = smoothstep(0.026 + pixel, 0.026 - pixel, angle) * light.disc;
        sky += (mix(light.sunlight, Rgb(2.0, 2.0, 2.0), 0.3)) * (disc * 1.4);

        let (cloud, colour) = self.cloud(light, right, up, towards);
        mix(sky, colour, cloud)
    }

    /// The opacity and colour of clouds in a direction.
    fn cloud(&self, light: &Light, right: f32, up: f32, towards: f32) -> (f32, Rgb) {
        // A flat layer overhead, bent down at the horizon.
        let flat = 1.0 / (up + 0.16);
        let layer = (right * flat * self.size, flat * self.size * 1.6);
        // Heaps are as high as wide, and shrink more slowly towards the horizon.
        let wide = 2.0 * self.size * (0.55 + 0.16 * flat);
        let heap = (right * wide, -(up + 0.05).sqrt() * 4.6 * self.size);
        let (x, y) = (lerp(layer.0, heap.0, self.heaped), lerp(layer.1, heap.1, self.heaped));
        let bulge = self.noise.other(2).at(x * 1.7, y * 1.7) - 0.5;
        let (x, y) = (x + 0.35 * bulge, y - 0.35 * bulge);
        let density = |x: f32, y: f32, octaves: f32| {
            let fine = self.noise.octaves(x, y, octaves);
            let broad = self.noise.other(1).at(x * 0.45, y * 0.45);
            0.68 * fine + 0.32 * broad
        };
        let here = density(x, y, 5.5);
        let threshold = 0.70 - 0.34 * light.cover;
        let edge = 0.16 - 0.09 * self.heaped;
        let cloud = smoothstep(threshold, threshold + edge, here);
        if cloud <= 0.0 {
            return (0.0, Rgb::default());
        }
        // Denser clouds towards the sun cast shadow.
        let [sx, sy, _] = light.sun;
        let (dx, dy) = ((sx - right) * 0.16, -(sy - up).max(0.15) * 0.30 - 0.03);
        let before = density(x + dx, y + dy * flat.min(2.0), 4.0);
        let lit = smoothstep(-0.12, 0.12, here - before + 0.02) * 0.75
            + 0.25 * (1.0 - smoothstep(threshold + 0.08, threshold + 0.3, here));
        let [bright, dark] = light.clouds;
        let colour = mix(dark, bright, lit) + light.glow * (towards.powi(8) * 0.8 * (1.0 - cloud * 0.6));
        // Near the horizon, clouds fade into the air.
        let near = smoothstep(0.0, 0.16, up);
        let colour = mix(mix(light.sky[0], colour, 0.35), colour, near);
        (cloud * (0.35 + 0.65 * near) * 0.94, colour)
    }
}
