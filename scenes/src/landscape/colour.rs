//! Linear colours.

use std::ops::{Add, AddAssign, Mul};

/// Linear red, green and blue; 1 is white paper in daylight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rgb(pub f32, pub f32, pub f32);

impl Rgb {
    /// A colour from sRGB, 0xRRGGBB.
    pub fn hex(srgb: u32) -> Self {
        let linear = |byte: u32| (((byte & 0xff) as f32 / 255.0 + 0.055) / 1.055).powf(2.4);
        Self(linear(srgb >> 16), linear(srgb >> 8), linear(srgb))
    }

    /// Rec. 709 luminance.
    pub fn luminance(self) -> f32 {
        0.2126 * self.0 + 0.7152 * self.1 + 0.0722 * self.2
    }

    /// The sRGB bytes, with highlights compressed as film does.
    pub fn to_bytes(self) -> [u8; 3] {
        [self.0, self.1, self.2].map(|light| {
            let light = light.max(0.0);
            let light = if light > 0.7 { 1.0 - 0.3 * (-(light - 0.7) / 0.3).exp() } else { light };
            let srgb = if light < 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
            (srgb * 255.0 + 0.5) as u8
        })
    }
}

/// Interpolates linearly: `a` at 0, `b` at 1.
pub fn mix(a: Rgb, b: Rgb, part: f32) -> Rgb {
    a * (1.0 - part) + b * part
}

impl Add for Rgb {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }
}

impl AddAssign for Rgb {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<f32> for Rgb {
    type Output = Self;
    fn mul(self, by: f32) -> Self {
        Self(self.0 * by, self.1 * by, self.2 * by)
    }
}

/// Coloured light on a coloured surface.
impl Mul for Rgb {
    type Output = Self;
    fn mul(self, by: Self) -> Self {
        Self(self.0 * by.0, self.1 * by.1, self.2 * by.2)
    }
}
