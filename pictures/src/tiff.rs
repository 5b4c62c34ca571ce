//! Writing TIFF files (TIFF 6.0): one uncompressed picture.

use std::io;

use easel_runtime::Picture;

use crate::density::Density;
use crate::exif::Exif;
use crate::ifd::Field;

/// The most bytes of a strip, unless a row has more.
const STRIP: usize = 1 << 18;

/// Eight bits of grey (1 channel), RGB (3) or RGBA (4) a channel.
pub struct TiffPicture<'a> {
    pub pixels: &'a [u8],
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub icc_profile: Option<&'a [u8]>,
    pub density: Option<Density>,
}

impl<'a> From<&'a Picture> for TiffPicture<'a> {
    fn from(Picture { width, height, channels, pixels }: &'a Picture) -> Self {
        Self { pixels, width: *width, height: *height, channels: *channels, icc_profile: None, density: None }
    }
}

impl TiffPicture<'_> {
    /// The file, with EXIF fields. Fails beyond 4 GiB, which the format cannot express.
    pub fn encode(&self, exif: Option<&Exif>) -> io::Result<Vec<u8>> {
        const HEADER: usize = 8;
        let row = self.width * self.channels;
        let rows = (STRIP / row.max(1)).clamp(1, self.height.max(1));
        let strips = || self.pixels.chunks(rows * row.max(1));
        // Directories begin at even places.
        let directory = (HEADER + self.pixels.len()).next_multiple_of(2);
        let start = u32::try_from(directory).ok().filter(|start| start.checked_add(1 << 24).is_some());
        let start = start.ok_or_else(|| io::Error::other("a TIFF file cannot be larger than 4 GiB"))?;
        let offsets: Vec<u32> = (0..strips().len()).map(|strip| (HEADER + strip * rows * row) as u32).collect();
        let lengths: Vec<u32> = strips().map(|strip| strip.len() as u32).collect();
        let (black_is_zero, rgb) = (1, 2);
        let mut fields = vec![
            Field::long(0x0100, &[self.width as u32]),
            Field::long(0x0101, &[self.height as u32]),
            // Bits per sample.
            Field::short(0x0102, &vec![8; self.channels]),
            // No compression.
            Field::short(0x0103, &[1]),
            Field::short(0x0106, &[if self.channels < 3 { black_is_zero } else { rgb }]),
            Field::long(0x0111, &offsets),
            Field::short(0x0115, &[self.channels as u16]),
            Field::long(0x0116, &[rows as u32]),
            Field::long(0x0117, &lengths),
        ];
        fields.extend(self.density.unwrap_or(Density::SQUARE).fields());
        if self.channels == 4 {
            // The fourth sample is alpha, which the colours are not multiplied with.
            fields.push(Field::short(0x0152, &[2]));
        }
        fields.extend(self.icc_profile.map(|profile| Field::undefined(0x8773, profile)));
        let mut bytes = Vec::with_capacity(directory + (1 << 16));
        bytes.extend(b"II*\0");
        bytes.extend(start.to_le_bytes());
        bytes.extend(self.pixels);
        bytes.resize(directory, 0);
        exif.unwrap_or(&Exif::default()).append_to_tiff(&mut bytes, fields);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use tiff::decoder::{Decoder, DecodingResult};
    use tiff::tags::{Tag, Type};

    #[test]
    fn the_fields_say_what_the_pixels_are() {
        for channels in [1, 3, 4] {
            let (width, height) = (301, 701);
            let pixels: Vec<u8> = (0..width * height * channels).map(|at| (at * at % 251) as u8).collect();
            let profile = [7; 300];
            let density = Some(Density { x: 300.0, y: 300.0, ..Density::default() });
            let picture =
                TiffPicture { pixels: &pixels, width, height, channels, icc_profile: Some(&profile), density };
            let file = picture.encode(None).unwrap();
            let mut decoder = Decoder::new(Cursor::new(&file)).unwrap();
            let mut numbers = |tag| decoder.find_tag(tag).unwrap().map(|value| value.into_u32_vec().unwrap());
            assert_eq!(numbers(Tag::ExtraSamples), (channels == 4).then_some(vec![2]));
            assert_eq!(numbers(Tag::Predictor), None);
            assert_eq!(numbers(Tag::Compression), Some(vec![1]));
            assert_eq!(numbers(Tag::ResolutionUnit), Some(vec![2]));
            assert_eq!(numbers(Tag::BitsPerSample), Some(vec![8; channels]));
            assert_eq!(numbers(Tag::StripByteCounts).unwrap().iter().sum::<u32>() as usize, pixels.len());
            let place = decoder.ifd_pointer().unwrap();
            let directory = decoder.read_directory(place).unwrap();
            assert_eq!(directory.get(Tag::IccProfile).unwrap().field_type(), Type::UNDEFINED);
            let DecodingResult::U8(found) = decoder.read_image().unwrap() else { panic!() };
            assert!(found == pixels, "{channels}");
        }
    }
}
