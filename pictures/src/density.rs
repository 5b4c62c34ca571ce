//! Print resolution: how many pixels a unit of length has.

use image::ImageFormat;
use image::codecs::jpeg::{PixelDensity, PixelDensityUnit};
use image::metadata::Orientation;
use png::{PixelDimensions, Unit};

use crate::ifd::{Field, Reader};

const METRES_PER_INCH: f64 = 0.0254;

const X: u16 = 0x011a;
const Y: u16 = 0x011b;
const UNIT: u16 = 0x0128;

/// The pixels along a unit of length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Density {
    /// Columns per unit.
    pub x: f64,
    /// Rows per unit.
    pub y: f64,
    /// The unit.
    pub unit: DensityUnit,
}

/// The unit of a [`Density`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DensityUnit {
    /// None: only the ratio of x to y, the shape of a pixel, has a meaning.
    Ratio,
    /// An inch.
    Inch,
    /// A centimetre.
    Centimetre,
}

impl Default for Density {
    /// 72 pixels per inch, which EXIF has for an unknown density.
    fn default() -> Self {
        Self { x: 72.0, y: 72.0, unit: DensityUnit::Inch }
    }
}

impl Density {
    /// The density of square pixels without a unit, which TIFF has for an unknown one.
    pub(crate) const SQUARE: Self = Self { x: 1.0, y: 1.0, unit: DensityUnit::Ratio };

    /// The density that a picture file declares in a way of its own, or else in its EXIF block.
    pub(crate) fn read(bytes: &[u8], format: ImageFormat, exif: Option<&[u8]>) -> Option<Self> {
        let own = match format {
            ImageFormat::Jpeg => Self::of_jpeg(bytes),
            ImageFormat::Png => Self::of_png(bytes),
            ImageFormat::Bmp => Self::of_bmp(bytes),
            ImageFormat::Tiff => Self::of_tiff(bytes),
            _ => None,
        };
        own.or_else(|| Self::of_tiff(exif?))
    }

    /// `None` for square pixels of unknown size, and for numbers that mean nothing.
    fn new(x: f64, y: f64, unit: DensityUnit) -> Option<Self> {
        let valid = |number: f64| number > 0.0 && number <= f64::from(u16::MAX);
        (valid(x) && valid(y) && (unit != DensityUnit::Ratio || x != y)).then_some(Self { x, y, unit })
    }

    /// JFIF 1.02: the segment after the start of the picture.
    fn of_jpeg(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
        while let [0xff, 0xe0..=0xef, high, low, ..] = *rest {
            let segment = rest.get(4..2 + usize::from(u16::from_be_bytes([high, low])))?;
            if let Some(&[_, _, unit, x0, x1, y0, y1, ..]) = segment.strip_prefix(b"JFIF\0") {
                let unit = match unit {
                    1 => DensityUnit::Inch,
                    2 => DensityUnit::Centimetre,
                    _ => DensityUnit::Ratio,
                };
                return Self::new(u16::from_be_bytes([x0, x1]).into(), u16::from_be_bytes([y0, y1]).into(), unit);
            }
            rest = &rest[4 + segment.len()..];
        }
        None
    }

    /// PNG, 11.3.4.3: the chunk pHYs, before the pixels.
    fn of_png(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.get(8..)?;
        loop {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (name, after) = after.split_first_chunk::<4>()?;
            let content = after.get(..u32::from_be_bytes(*length) as usize)?;
            match name {
                b"pHYs" => {
                    let (x, y) = content.split_first_chunk::<4>()?;
                    let (y, unit) = y.split_first_chunk::<4>()?;
                    let [x, y] = [*x, *y].map(u32::from_be_bytes);
                    return if unit == [1] {
                        Self::per_metre(x, y)
                    } else {
                        Self::new(x.into(), y.into(), DensityUnit::Ratio)
                    };
                }
                b"IDAT" => return None,
                _ => rest = after.get(content.len() + 4..)?,
            }
        }
    }

    fn of_bmp(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        // Older headers are shorter.
        (number(14)? >= 40).then_some(())?;
        Self::per_metre(number(38)?, number(42)?)
    }

    /// The first directory of a TIFF file or an EXIF block. Without a unit it is an inch.
    pub(crate) fn of_tiff(bytes: &[u8]) -> Option<Self> {
        let (mut reader, first) = Reader::new(bytes, 100)?;
        let fields = reader.directory(first, |tag| matches!(tag, X | Y | UNIT));
        let number = |tag: u16| fields.iter().find(|field| field.tag == tag)?.number();
        let unit = match number(UNIT) {
            Some(1.0) => DensityUnit::Ratio,
            Some(3.0) => DensityUnit::Centimetre,
            _ => DensityUnit::Inch,
        };
        Self::new(number(X)?, number(Y)?, unit)
    }

    /// Whole numbers per inch are recognised although formats with metres round them.
    fn per_metre(x: u32, y: u32) -> Option<Self> {
        let inches = [x, y].map(|number| (f64::from(number) * METRES_PER_INCH).round());
        if inches.map(|number| (number / METRES_PER_INCH).round() as u32) == [x, y] {
            return Self::new(inches[0], inches[1], DensityUnit::Inch);
        }
        Self::new(f64::from(x) / 100.0, f64::from(y) / 100.0, DensityUnit::Centimetre)
    }

    fn in_metres(self) -> Option<[u32; 2]> {
        let metres = match self.unit {
            DensityUnit::Ratio => return None,
            DensityUnit::Inch => METRES_PER_INCH,
            DensityUnit::Centimetre => 0.01,
        };
        Some([self.x, self.y].map(|number| (number / metres).round() as u32))
    }

    /// The density of the picture after it was turned.
    pub(crate) fn turned(self, orientation: Orientation) -> Self {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let aside = matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
        if aside { Self { x: self.y, y: self.x, ..self } } else { self }
    }

    /// The fields of a TIFF file or an EXIF block.
    pub(crate) fn fields(self) -> [Field; 3] {
        let unit = match self.unit {
            DensityUnit::Ratio => 1,
            DensityUnit::Inch => 2,
            DensityUnit::Centimetre => 3,
        };
        [Field::rational(X, self.x), Field::rational(Y, self.y), Field::short(UNIT, &[unit])]
    }

    /// As a JPEG file has it.
    pub(crate) fn jfif(self) -> PixelDensity {
        let unit = match self.unit {
            DensityUnit::Ratio => PixelDensityUnit::PixelAspectRatio,
            DensityUnit::Inch => PixelDensityUnit::Inches,
            DensityUnit::Centimetre => PixelDensityUnit::Centimeters,
        };
        let [x, y] = [self.x, self.y].map(|number| number.round().max(1.0) as u16);
        PixelDensity { density: (x, y), unit }
    }

    /// As a PNG file has it.
    pub(crate) fn phys(self) -> PixelDimensions {
        let whole = |number: f64| number.round().max(1.0) as u32;
        let (unit, [xppu, yppu]) = match self.in_metres() {
            Some(metres) => (Unit::Meter, metres),
            None => (Unit::Unspecified, [whole(self.x), whole(self.y)]),
        };
        PixelDimensions { xppu, yppu, unit }
    }

    /// Writes the density into a BMP file, which has one per metre.
    pub(crate) fn set_in_bmp(self, file: &mut [u8]) {
        if let (Some([x, y]), Some(place)) = (self.in_metres(), file.get_mut(38..46)) {
            place.copy_from_slice(&[x.to_le_bytes(), y.to_le_bytes()].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(x: f64, y: f64, unit: DensityUnit) -> Density {
        Density { x, y, unit }
    }

    #[test]
    fn whole_numbers_per_inch_survive_metres() {
        for dpi in 1..2000 {
            let density = of(dpi.into(), 300.0, DensityUnit::Inch);
            let [x, y] = density.in_metres().unwrap();
            assert_eq!(Density::per_metre(x, y), Some(density));
        }
        assert_eq!(Density::per_metre(3000, 3000), Some(of(30.0, 30.0, DensityUnit::Centimetre)));
        assert_eq!(Density::per_metre(0, 0), None);
    }

    #[test]
    fn fields_are_read_as_written() {
        for density in [
            of(300.0, 150.0, DensityUnit::Inch),
            of(118.11, 30.5, DensityUnit::Centimetre),
            of(1.0, 2.0, DensityUnit::Ratio),
        ] {
            let mut bytes = b"II*\0\x08\0\0\0".to_vec();
            crate::ifd::write(&mut bytes, density.fields().to_vec());
            assert_eq!(Density::of_tiff(&bytes), Some(density));
            for length in 0..bytes.len() {
                Density::of_tiff(&bytes[..length]);
            }
        }
        let mut square = b"II*\0\x08\0\0\0".to_vec();
        crate::ifd::write(&mut square, Density::SQUARE.fields().to_vec());
        assert_eq!(Density::of_tiff(&square), None);
    }

    #[test]
    fn jfif_is_read_where_it_is() {
        let jfif = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x02\x02\0\x76\0\x76\0\0\xff\xd9";
        assert_eq!(Density::of_jpeg(jfif), Some(of(118.0, 118.0, DensityUnit::Centimetre)));
        let after_another = [&jfif[..2], b"\xff\xe1\0\x04ab", &jfif[2..]].concat();
        assert_eq!(Density::of_jpeg(&after_another), Density::of_jpeg(jfif));
        for length in 0..jfif.len() {
            Density::of_jpeg(&jfif[..length]);
        }
        let exif = [b"II*\0\x08\0\0\0".as_slice(), &[0; 20]].concat();
        assert_eq!(Density::read(b"\xff\xd8\xff\xd9", ImageFormat::Jpeg, Some(&exif)), None);
    }
}
