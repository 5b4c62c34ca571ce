//! Colour spaces that are given by numbers: the code points of ITU-T H.273, and PNG's gamma and chromaticities.
//!
//! Pictures in them become sRGB, so that a network sees what it was trained on. High dynamic range is tone-mapped.

use image::DynamicImage;

/// Chromaticities x and y.
type Point = [f64; 2];

/// The luminance of diffuse white in a picture of high dynamic range, in cd/m² (ITU-R BT.2408).
const REFERENCE_WHITE: f64 = 203.0;

/// The brightest luminance that is told from white, in cd/m².
const PEAK: f64 = 1000.0;

/// Linear values above this are compressed if some are above 1.
const KNEE: f64 = 0.6;

const D65: Point = [0.3127, 0.329];

/// Red, green, blue and white.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Primaries([Point; 4]);

const BT709: Primaries = Primaries([[0.64, 0.33], [0.3, 0.6], [0.15, 0.06], D65]);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Transfer {
    Srgb,
    /// Linear light is this power of a value.
    Power(f64),
    /// SMPTE ST 2084.
    Pq,
    /// ARIB STD-B67.
    Hlg,
    /// SMPTE ST 428-1.
    Cinema,
}

/// A colour space, and how its values are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourSpace {
    primaries: Primaries,
    transfer: Transfer,
    /// Whether black and white are stored as 16 and 235 of 255.
    narrow: bool,
}

impl ColourSpace {
    /// The colour space of code points (ITU-T H.273, tables 2 and 3) of RGB values. `None` if one is unknown.
    pub fn from_code_points(primaries: u16, transfer: u16, full_range: bool) -> Option<Self> {
        const C: Point = [0.31, 0.316];
        const BT601: Primaries = Primaries([[0.63, 0.34], [0.31, 0.595], [0.155, 0.07], D65]);
        let primaries = match primaries {
            // 2: unspecified.
            1 | 2 => BT709,
            4 => Primaries([[0.67, 0.33], [0.21, 0.71], [0.14, 0.08], C]),
            5 => Primaries([[0.64, 0.33], [0.29, 0.6], [0.15, 0.06], D65]),
            6 | 7 => BT601,
            8 => Primaries([[0.681, 0.319], [0.243, 0.692], [0.145, 0.049], C]),
            9 => Primaries([[0.708, 0.292], [0.17, 0.797], [0.131, 0.046], D65]),
            10 => Primaries([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0 / 3.0, 1.0 / 3.0]]),
            11 => Primaries([[0.68, 0.32], [0.265, 0.69], [0.15, 0.06], [0.314, 0.351]]),
            12 => Primaries([[0.68, 0.32], [0.265, 0.69], [0.15, 0.06], D65]),
            22 => Primaries([[0.63, 0.34], [0.295, 0.605], [0.155, 0.077], D65]),
            _ => return None,
        };
        let transfer = match transfer {
            // Cameras and encoders name the curve of BT.709 for what is shown as sRGB.
            1 | 2 | 6 | 7 | 11..=15 => Transfer::Srgb,
            4 => Transfer::Power(2.2),
            5 => Transfer::Power(2.8),
            8 => Transfer::Power(1.0),
            16 => Transfer::Pq,
            17 => Transfer::Cinema,
            18 => Transfer::Hlg,
            _ => return None,
        };
        Some(Self { primaries, transfer, narrow: !full_range })
    }

    /// The colour space of PNG's gAMA and cHRM: the exponent of stored values, and the chromaticities of red, green, blue
    /// and white. `None` if it is sRGB within what files mean by it, and for impossible numbers.
    pub fn from_gamma(gamma: Option<f64>, chromaticities: Option<[Point; 4]>) -> Option<Self> {
        let transfer = match gamma {
            // As decoders have it, a picture of 1/2.2 is one for a screen, and so is one a twentieth beside it.
            Some(gamma) if gamma > 0.0 && (2.2 * gamma - 1.0).abs() > 0.05 => Transfer::Power(1.0 / gamma),
            _ => Transfer::Srgb,
        };
        let primaries = chromaticities.map_or(BT709, Primaries);
        let near = primaries.0.iter().flatten().zip(BT709.0.iter().flatten()).all(|(a, b)| (a - b).abs() < 0.005);
        let primaries = if near { BT709 } else { primaries };
        primaries.to_xyz().and_then(inverse)?;
        Some(Self { primaries, transfer, narrow: false }).filter(|space| !space.is_srgb())
    }

    /// Whether values are those of sRGB.
    pub fn is_srgb(&self) -> bool {
        *self == Self { primaries: BT709, transfer: Transfer::Srgb, narrow: false }
    }

    /// Converts a picture to sRGB, in its own depth. Alpha stays.
    pub fn to_srgb(self, picture: DynamicImage) -> DynamicImage {
        if self.is_srgb() {
            return picture;
        }
        let colour = if picture.color().has_color() { 3 } else { 1 };
        let channels = usize::from(picture.color().channel_count());
        let mut picture = picture;
        match &mut picture {
            DynamicImage::ImageLuma8(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageLumaA8(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageRgb8(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageRgba8(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageLuma16(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageLumaA16(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageRgb16(pixels) => self.convert(pixels, channels, colour),
            DynamicImage::ImageRgba16(pixels) => self.convert(pixels, channels, colour),
            // Floating point is linear or not by its own format's rules.
            _ => {}
        }
        picture
    }

    /// Converts interleaved pixels, of whose channels the first `colour` are 1 (grey) or 3 (RGB).
    pub fn convert<T: Sample>(&self, pixels: &mut [T], channels: usize, colour: usize) {
        let Some(matrix) = self.to_bt709() else { return };
        let linear: Vec<f32> = (0..=T::MAX).map(|value| self.to_linear(value as f64 / T::MAX as f64) as f32).collect();
        // Fine enough that the darkest values of 16 bits differ.
        const STEPS: usize = 1 << 16;
        let encoded: Vec<T> = (0..=STEPS).map(|at| T::of(encode((at as f64 / STEPS as f64).powi(2)))).collect();
        let encode = |value: f64| encoded[(value.clamp(0.0, 1.0).sqrt() * STEPS as f64).round() as usize];
        for pixel in pixels.chunks_exact_mut(channels) {
            let at = |channel: usize| f64::from(linear[pixel[channel].index()]);
            if colour == 1 {
                pixel[0] = encode(self.tone_mapped([at(0); 3])[0]);
            } else {
                let rgb = self.tone_mapped(multiply(&matrix, [at(0), at(1), at(2)]));
                pixel[..3].copy_from_slice(&rgb.map(encode));
            }
        }
    }

    /// Linear light of a stored value. 1 is white, or diffuse white in high dynamic range.
    fn to_linear(self, value: f64) -> f64 {
        let value = if self.narrow { ((value * 255.0 - 16.0) / 219.0).max(0.0) } else { value };
        match self.transfer {
            Transfer::Srgb if value <= 0.04045 => value / 12.92,
            Transfer::Srgb => ((value + 0.055) / 1.055).powf(2.4),
            Transfer::Power(power) => value.powf(power),
            Transfer::Cinema => value.powf(2.6) * 52.37 / 48.0,
            Transfer::Pq => {
                let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 32.0);
                let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
                let root = value.powf(1.0 / m2);
                10_000.0 / REFERENCE_WHITE * ((root - c1).max(0.0) / (c2 - c3 * root)).powf(1.0 / m1)
            }
            // Scene light, which becomes that of a display in `tone_mapped`.
            Transfer::Hlg if value <= 0.5 => value * value / 3.0,
            Transfer::Hlg => {
                let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
                (((value - c) / a).exp() + b) / 12.0
            }
        }
    }

    /// Brings linear BT.709 of high dynamic range into 0..1, with its hues.
    fn tone_mapped(&self, rgb: [f64; 3]) -> [f64; 3] {
        let rgb = match self.transfer {
            Transfer::Hlg => {
                // The system gamma of a display of 1,000 cd/m² (ITU-R BT.2100, table 5).
                let luminance = (0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]).max(0.0);
                rgb.map(|value| value * luminance.powf(0.2) * PEAK / REFERENCE_WHITE)
            }
            Transfer::Pq => rgb,
            _ => return rgb,
        };
        let brightest = rgb.into_iter().fold(0.0, f64::max);
        if brightest <= KNEE {
            return rgb;
        }
        // As steep as the straight part at the knee, and 1 at the peak.
        let room = 1.0 - KNEE;
        let over = (brightest.min(PEAK / REFERENCE_WHITE) - KNEE) / (PEAK / REFERENCE_WHITE - KNEE);
        let steep = (PEAK / REFERENCE_WHITE - KNEE) / room;
        let compressed = KNEE + room * steep * over / (1.0 + (steep - 1.0) * over);
        rgb.map(|value| value * compressed / brightest)
    }

    /// Linear RGB to linear BT.709, white to white.
    fn to_bt709(self) -> Option<Matrix> {
        if self.primaries == BT709 {
            return Some(IDENTITY);
        }
        // Bradford's adaptation of the white.
        const CONES: Matrix = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
        let white = |primaries: &Primaries| multiply(&CONES, xyz(primaries.0[3]));
        let (from, to) = (white(&self.primaries), white(&BT709));
        let mut scaled = CONES;
        for row in 0..3 {
            scaled[row] = scaled[row].map(|value| value * to[row] / from[row]);
        }
        let adapted = product(&inverse(CONES)?, &scaled);
        Some(product(&inverse(BT709.to_xyz()?)?, &product(&adapted, &self.primaries.to_xyz()?)))
    }
}

impl Primaries {
    /// Linear RGB to XYZ, in which white has luminance 1. `None` for impossible chromaticities.
    fn to_xyz(self) -> Option<Matrix> {
        if self.0.iter().any(|[_, y]| !y.is_finite()) || self.0[3][1] <= 0.0 {
            return None;
        }
        let columns = [self.0[0], self.0[1], self.0[2]].map(|[x, y]| [x, y, 1.0 - x - y]);
        let mut matrix = [[0.0; 3]; 3];
        for row in 0..3 {
            matrix[row] = [columns[0][row], columns[1][row], columns[2][row]];
        }
        let scales = multiply(&inverse(matrix)?, xyz(self.0[3]));
        for row in &mut matrix {
            *row = [row[0] * scales[0], row[1] * scales[1], row[2] * scales[2]];
        }
        Some(matrix)
    }
}

/// A channel of 8 or 16 bits.
pub trait Sample: Copy {
    const MAX: usize;
    fn index(self) -> usize;
    /// The nearest one of a value in `[0, 1]`.
    fn of(value: f64) -> Self;
}

impl Sample for u8 {
    const MAX: usize = 255;
    fn index(self) -> usize {
        self.into()
    }
    fn of(value: f64) -> Self {
        (value * 255.0).round() as Self
    }
}

impl Sample for u16 {
    const MAX: usize = 65_535;
    fn index(self) -> usize {
        self.into()
    }
    fn of(value: f64) -> Self {
        (value * 65_535.0).round() as Self
    }
}

/// The curve of sRGB (IEC 61966-2-1).
fn encode(linear: f64) -> f64 {
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

type Matrix = [[f64; 3]; 3];

const IDENTITY: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// XYZ of a chromaticity, with luminance 1.
fn xyz([x, y]: Point) -> [f64; 3] {
    [x / y, 1.0, (1.0 - x - y) / y]
}

fn multiply(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    a.map(|row| [0, 1, 2].map(|column| (0..3).map(|at| row[at] * b[at][column]).sum()))
}

fn inverse(m: Matrix) -> Option<Matrix> {
    let cofactor = |row: usize, column: usize| {
        let [a, b, c, d] = [(row + 1) % 3, (row + 2) % 3, (column + 1) % 3, (column + 2) % 3];
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|column| m[0][column] * cofactor(0, column)).sum();
    let usable = determinant.is_finite() && determinant.abs() > 1e-9;
    usable.then(|| [0, 1, 2].map(|row| [0, 1, 2].map(|column| cofactor(column, row) / determinant)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgb, RgbImage, Rgba};

    fn converted(space: Option<ColourSpace>, rgb: [u8; 3]) -> [u8; 3] {
        space.unwrap().to_srgb(RgbImage::from_pixel(1, 1, Rgb(rgb)).into()).to_rgb8()[(0, 0)].0
    }

    fn near(found: [u8; 3], wanted: [u8; 3]) {
        assert!(found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 1), "{found:?}, not {wanted:?}");
    }

    /// P3 by the matrix of CSS Color 4.
    #[test]
    fn numbers_become_srgb() {
        let at = |primaries, transfer| ColourSpace::from_code_points(primaries, transfer, true);
        near(converted(at(1, 8), [55, 55, 1]), [128, 128, 13]);
        near(converted(at(1, 13), [1, 2, 3]), [1, 2, 3]);
        // Display P3: its white and greys are those of sRGB.
        near(converted(at(12, 13), [200, 200, 200]), [200, 200, 200]);
        near(converted(at(12, 13), [200, 100, 50]), [215, 93, 31]);
        near(converted(at(9, 13), [128, 128, 128]), [128, 128, 128]);
        assert!(at(1, 1).unwrap().is_srgb() && at(1, 13).unwrap().is_srgb() && at(2, 2).unwrap().is_srgb());
        assert!(at(3, 13).is_none() && at(1, 9).is_none());
        let narrow = ColourSpace::from_code_points(1, 13, false);
        assert_eq!(
            [[16; 3], [235; 3], [3; 3], [255; 3]].map(|rgb| converted(narrow, rgb)),
            [[0; 3], [255; 3], [0; 3], [255; 3]]
        );
    }

    #[test]
    fn gamma_and_chromaticities_become_srgb() {
        let bt709 = [[0.64, 0.33], [0.3, 0.6], [0.15, 0.06], [0.3127, 0.329]];
        assert_eq!(ColourSpace::from_gamma(Some(0.45455), Some(bt709)), None);
        assert_eq!(ColourSpace::from_gamma(None, None), None);
        assert_eq!(ColourSpace::from_gamma(Some(0.45455), Some([[0.0; 2]; 4])), None);
        near(converted(ColourSpace::from_gamma(Some(1.0), Some(bt709)), [55, 0, 255]), [128, 0, 255]);
        near(converted(ColourSpace::from_gamma(Some(1.0 / 1.8), None), [128, 128, 128]), [147, 147, 147]);
        let p3 = [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06], [0.3127, 0.329]];
        near(converted(ColourSpace::from_gamma(None, Some(p3)), [200, 100, 50]), [215, 93, 31]);
    }

    /// Diffuse white of both curves is bright, and what is brighter is brighter.
    #[test]
    fn high_dynamic_range_is_tone_mapped() {
        for (transfer, white) in [(16, 148), (18, 191)] {
            let grey = |value: u8| converted(ColourSpace::from_code_points(9, transfer, true), [value; 3])[0];
            assert!((225..245).contains(&grey(white)), "{transfer}: {}", grey(white));
            assert_eq!((grey(0), grey(255)), (0, 255));
            assert!((1..=255).all(|value| grey(value) >= grey(value - 1)));
        }
    }

    #[test]
    fn depth_grey_and_alpha_are_kept() {
        let linear = ColourSpace::from_gamma(Some(1.0), None).unwrap();
        let grey = linear.to_srgb(GrayImage::from_pixel(1, 1, Luma([55])).into());
        assert_eq!((grey.color(), grey.to_luma8()[(0, 0)].0), (image::ColorType::L8, [128]));
        let deep = image::ImageBuffer::from_fn(2, 1, |x, _| Rgba([20 + x as u16, 0, 65_535, 7u16]));
        let DynamicImage::ImageRgba16(deep) = linear.to_srgb(deep.into()) else { panic!("16 bits") };
        assert_eq!((deep[(0, 0)].0, deep[(1, 0)].0), ([258, 0, 65_535, 7], [271, 0, 65_535, 7]));
    }
}
