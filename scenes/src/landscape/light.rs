//! Light and air at a time of day.

use easel_runtime::Random;

use super::colour::{Rgb, mix};

/// The light of a scene.
#[derive(Debug, Clone)]
pub struct Light {
    /// Direction to the sun: right, up, forward; length 1.
    pub sun: [f32; 3],
    /// Direct light.
    pub sunlight: Rgb,
    /// Light from the whole sky.
    pub skylight: Rgb,
    /// The colours of the sky at the horizon, above it, and overhead.
    pub sky: [Rgb; 3],
    /// The glow around the sun.
    pub glow: Rgb,
    /// The brightness of the sun's disc; 0 hides it.
    pub disc: f32,
    /// The colour that distant objects fade into.
    pub haze: Rgb,
    /// The distance at which a fraction 1/e of an object's colour is left.
    pub clear: f32,
    /// The colours of clouds, in the sun and in shadow.
    pub clouds: [Rgb; 2],
    /// The fraction of the sky that clouds cover.
    pub cover: f32,
    /// Whether lamps are lit: 0 or 1.
    pub lamps: f32,
    /// The visibility of stars.
    pub stars: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hour {
    Day,
    Dawn,
    Golden,
    Dusk,
    Overcast,
    Blue,
}

impl Light {
    pub fn random(random: &mut Random) -> Self {
        use Hour::*;
        let hours = [
            Day, Day, Day, Day, Day, Day, Day, Day, Golden, Golden, Golden, Golden, Dusk, Dusk, Dusk, Dawn, Dawn,
            Overcast, Blue,
        ];
        let hour = hours[random.below(hours.len() as u32) as usize];
        let [a, b, c, d] = [0; 4].map(|_| random.uniform(0.0, 1.0));
        // The sun in the picture, or behind the camera on one side.
        let low = |a: f32, b: f32| if b < 0.6 { (a - 0.5) * 0.9 } else { (a - 0.5) * 4.0 };
        let side = |a: f32| if a < 0.5 { -0.9 - a * 2.2 } else { 0.9 + (a - 0.5) * 2.2 };
        let (azimuth, elevation) = match hour {
            Day => (side(a), 0.5 + 0.5 * b),
            Dawn => (low(a, b), 0.1 + 0.1 * c),
            Golden => (low(a, b), 0.1 + 0.14 * c),
            Dusk => (low(a, b), 0.015 + 0.05 * c),
            Overcast => (side(a), 0.9),
            Blue => (low(a, b), 0.03),
        };
        let sun = [elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos()];
        let hex = Rgb::hex;
        let light = |sunlight, skylight, sky: [u32; 3], glow, haze, clouds: [u32; 2]| Self {
            sun,
            sunlight,
            skylight,
            sky: sky.map(hex),
            glow,
            disc: 1.0,
            haze: hex(haze),
            clear: 260.0 + 400.0 * c,
            clouds: clouds.map(hex),
            cover: 0.15 + 0.55 * d,
            lamps: 0.0,
            stars: 0.0,
        };
        match hour {
            Day => {
                let deep = mix(hex(0x2a66b8), hex(0x4a8fd0), a);
                let mut day = light(
                    Rgb(1.65, 1.5, 1.28),
                    Rgb(0.34, 0.42, 0.56),
                    [0xc9deee, 0x86b4e0, 0],
                    Rgb(0.25, 0.22, 0.18),
                    0xb4cbe0,
                    [0xffffff, 0xa3b0c2],
                );
                day.sky[2] = deep;
                day
            }
            Dawn => {
                let mut dawn = light(
                    Rgb(1.35, 0.95, 0.72),
                    Rgb(0.36, 0.37, 0.5),
                    [0xffdcc4, 0xd9c0d6, 0x7d9ccf],
                    Rgb(0.5, 0.32, 0.2),
                    0xe6cfd2,
                    [0xffe3d6, 0xa796b4],
                );
                dawn.clear = 110.0 + 120.0 * c;
                dawn
            }
            Golden => light(
                Rgb(1.9, 1.15, 0.56),
                Rgb(0.29, 0.31, 0.42),
                [0xffdf9e, 0xc8c6c0, 0x4d7db8],
                Rgb(0.75, 0.42, 0.14),
                0xe5c59b,
                [0xffe4b0, 0x8b8596],
            ),
            Dusk => {
                let zenith = mix(hex(0x29306c), hex(0x453a72), b);
                let mut dusk = light(
                    Rgb(1.1, 0.5, 0.28),
                    Rgb(0.2, 0.18, 0.32),
                    [0xffa35e, 0xb8678a, 0],
                    Rgb(0.85, 0.34, 0.1),
                    0xb87b80,
                    [0xff9d6b, 0x4c416b],
                );
                dusk.sky[2] = zenith;
                dusk.lamps = f32::from(c < 0.5);
                dusk.cover = 0.3 + 0.4 * d;
                dusk
            }
            Overcast => {
                let mut grey = light(
                    Rgb(0.28, 0.28, 0.28),
                    Rgb(0.55, 0.58, 0.62),
                    [0xd5dade, 0xb9c2ca, 0x9aa6b2],
                    Rgb(0.05, 0.05, 0.05),
                    0xc3ccd3,
                    [0xe2e6ea, 0x8b95a2],
                );
                grey.disc = 0.0;
                grey.cover = 0.85;
                grey.clear = 150.0 + 150.0 * c;
                grey
            }
            Blue => {
                let mut blue = light(
                    Rgb(0.12, 0.1, 0.12),
                    Rgb(0.13, 0.17, 0.31),
                    [0xe8a884, 0x5f6fa8, 0x141f4c],
                    Rgb(0.3, 0.12, 0.06),
                    0x6c76a0,
                    [0xc58a92, 0x2c3560],
                );
                blue.disc = 0.0;
                blue.lamps = 1.0;
                blue.stars = 1.0;
                blue.cover = 0.1 + 0.35 * d;
                blue
            }
        }
    }

    /// The light on a surface with a normal (right, up, forward); `open` is the fraction of the sky that it sees.
    pub fn on(&self, normal: [f32; 3], open: f32) -> Rgb {
        let direct = normal[0] * self.sun[0] + normal[1] * self.sun[1] + normal[2] * self.sun[2];
        self.sunlight * (direct.max(0.0) * open) + self.skylight * (open * (0.65 + 0.35 * normal[1]))
    }

    /// A colour seen through `distance` of air in a direction (right, up, forward).
    pub fn through_air(&self, colour: Rgb, distance: f32, direction: [f32; 3]) -> Rgb {
        let gone = 1.0 - (-distance / self.clear).exp();
        let towards = self.towards_sun(direction).powi(4);
        mix(colour, mix(self.haze, self.sky[0] + self.glow * 0.35, towards * 0.7), gone)
    }

    /// The cosine between a direction and that of the sun; at least 0.
    pub fn towards_sun(&self, [x, y, z]: [f32; 3]) -> f32 {
        let length = (x * x + y * y + z * z).sqrt();
        ((x * self.sun[0] + y * self.sun[1] + z * self.sun[2]) / length).max(0.0)
    }
}
