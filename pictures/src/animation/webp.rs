//! Lossless animated WebP: a container around frames of `image`'s encoder, which writes still pictures only.

use std::io;

use easel_runtime::Picture;
use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;

use super::frame::Frame;
use super::riff::{ALPHA, ANIMATION, DO_NOT_BLEND, EXIF, ICC_PROFILE, RIFF_HEADER, bits24, chunk, file};
use super::settings::AnimationSettings;

/// The longest delay, in milliseconds.
const MAX_DELAY: u32 = (1 << 24) - 1;

/// Frames of one size.
pub struct WebPWriter {
    /// Width and height, minus 1 as the format stores them.
    size: [u32; 2],
    settings: AnimationSettings,
    transparent: bool,
    frames: Vec<u8>,
}

impl WebPWriter {
    pub fn new(first: &Picture, settings: AnimationSettings) -> Self {
        let size = [first.width, first.height].map(|side| side as u32 - 1);
        Self { size, settings, transparent: false, frames: Vec::new() }
    }

    /// Adds a frame with a delay in milliseconds. Returns the bytes of all frames so far.
    pub fn push(&mut self, frame: Frame, milliseconds: u32) -> io::Result<usize> {
        let mut still = vec![];
        let Picture { width, height, channels, .. } = *frame.picture;
        let (pixels, colour) = match frame.alpha {
            Some(_) => (&frame.rgba(), ExtendedColorType::Rgba8),
            None if channels == 1 => (&frame.picture.pixels, ExtendedColorType::L8),
            None => (&frame.picture.pixels, ExtendedColorType::Rgb8),
        };
        self.transparent |= frame.alpha.is_some();
        WebPEncoder::new_lossless(&mut still)
            .encode(pixels, width as u32, height as u32, colour)
            .map_err(io::Error::other)?;
        // A still file without metadata is one chunk, which is what a frame holds.
        let bitstream = still
            .get(RIFF_HEADER..)
            .filter(|chunk| chunk.starts_with(b"VP8L"))
            .ok_or_else(|| io::Error::other("a still WebP without a VP8L chunk"))?;
        let mut payload = Vec::with_capacity(bitstream.len() + 16);
        let corner = [0, 0];
        for number in corner.into_iter().chain(self.size).chain([milliseconds.min(MAX_DELAY)]) {
            payload.extend(bits24(number));
        }
        payload.push(DO_NOT_BLEND);
        payload.extend(bitstream);
        self.frames.extend(chunk(b"ANMF", &payload));
        Ok(self.frames.len())
    }

    /// The file. Fails beyond 4 GiB.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        let AnimationSettings { plays, icc_profile, exif, .. } = self.settings;
        let flags = [(self.transparent, ALPHA), (icc_profile.is_some(), ICC_PROFILE), (exif.is_some(), EXIF)];
        let flags = flags.into_iter().filter(|(has, _)| *has).fold(ANIMATION, |flags, (_, flag)| flags | flag);
        let mut extended = vec![flags, 0, 0, 0];
        extended.extend(self.size.into_iter().flat_map(bits24));
        // The background colour, which is never seen, and the number of plays.
        let [low, high] = u16::try_from(plays).unwrap_or(u16::MAX).to_le_bytes();
        let optional = |name, payload: Option<Vec<u8>>| payload.map_or(vec![], |payload| chunk(name, &payload));
        file(&[
            chunk(b"VP8X", &extended),
            optional(b"ICCP", icc_profile),
            chunk(b"ANIM", &[0, 0, 0, 0, low, high]),
            self.frames,
            optional(b"EXIF", exif),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode_picture;
    use image::ImageFormat;

    /// The layout byte by byte: decoders forgive much.
    #[test]
    fn the_container_follows_the_specification() {
        let frame = Picture::filled(300, 2, 1, 9);
        let written = |settings| {
            let mut writer = WebPWriter::new(&frame, settings);
            writer.push(Frame { picture: &frame, alpha: None }, 40).unwrap();
            writer.finish().unwrap()
        };
        let still = encode_picture(&frame, ImageFormat::WebP).unwrap();
        let file = written(AnimationSettings::default());
        assert_eq!(file[4..8], (file.len() as u32 - 8).to_le_bytes());
        assert_eq!(file[8..12], *b"WEBP");
        assert_eq!(file[12..30], *b"VP8X\x0a\0\0\0\x02\0\0\0\x2b\x01\0\x01\0\0");
        assert_eq!(file[30..44], *b"ANIM\x06\0\0\0\0\0\0\0\0\0");
        assert_eq!(file[44..48], *b"ANMF");
        assert_eq!(file[48..52], (16 + still.len() as u32 - 12).to_le_bytes());
        assert_eq!(file[52..68], *b"\0\0\0\0\0\0\x2b\x01\0\x01\0\0\x28\0\0\x02");
        assert_eq!(file[68..], still[12..]);

        let (icc_profile, exif) = (Some(b"abc".to_vec()), Some(b"de".to_vec()));
        let file = written(AnimationSettings { plays: 3, icc_profile, exif, ..AnimationSettings::default() });
        assert_eq!(file[12..30], *b"VP8X\x0a\0\0\0\x2a\0\0\0\x2b\x01\0\x01\0\0");
        assert_eq!(file[30..56], *b"ICCP\x03\0\0\0abc\0ANIM\x06\0\0\0\0\0\0\0\x03\0");
        assert!(file.ends_with(b"EXIF\x02\0\0\0de"));
    }
}
