//! Animated WebP, lossless: the container of Google's "WebP Container Specification"
//! (<https://developers.google.com/speed/webp/docs/riff_container>) around the frames of `image`'s encoder, which
//! writes still pictures alone.

use std::io;

use easel_runtime::Picture;
use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;

use super::{Frame, Settings};

/// A file's first bytes: `RIFF`, the length of the rest, `WEBP`.
const RIFF_HEADER: usize = 12;
/// A chunk's first bytes: its name and its length.
const CHUNK_HEADER: usize = 8;
/// The longest time that a frame can be shown, in milliseconds.
const LONGEST: u32 = (1 << 24) - 1;

/// VP8X: what the file has.
pub const ANIMATION: u8 = 0b10;
const EXIF: u8 = 0b1000;
pub const ALPHA: u8 = 0b1_0000;
const ICC_PROFILE: u8 = 0b10_0000;

/// ANMF: the frame replaces what was there.
pub const DO_NOT_BLEND: u8 = 0b10;
/// ANMF: its place is cleared afterwards.
pub const CLEAR: u8 = 0b1;

/// Frames of one size.
pub struct WebPWriter {
    /// Width and height as the format counts them, from 0.
    size: [u32; 2],
    settings: Settings,
    transparent: bool,
    frames: Vec<u8>,
}

impl WebPWriter {
    pub fn new(first: &Picture, settings: Settings) -> Self {
        let size = [first.width, first.height].map(|side| side as u32 - 1);
        Self { size, settings, transparent: false, frames: Vec::new() }
    }

    /// Adds a frame that is shown for so many milliseconds, and gives the frames' length so far.
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
        // Without metadata a still file holds one chunk, and that is what a frame holds.
        let bitstream = still
            .get(RIFF_HEADER..)
            .filter(|chunk| chunk.starts_with(b"VP8L"))
            .ok_or_else(|| io::Error::other("a still WebP without a VP8L chunk"))?;
        let mut payload = Vec::with_capacity(bitstream.len() + 16);
        let corner = [0, 0];
        for number in corner.into_iter().chain(self.size).chain([milliseconds.min(LONGEST)]) {
            payload.extend(bits24(number));
        }
        payload.push(DO_NOT_BLEND);
        payload.extend(bitstream);
        self.frames.extend(chunk(b"ANMF", &payload));
        Ok(self.frames.len())
    }

    /// Fails where the file would be longer than its format can say.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        let Settings { plays, icc_profile, exif, .. } = self.settings;
        let flags = [(self.transparent, ALPHA), (icc_profile.is_some(), ICC_PROFILE), (exif.is_some(), EXIF)];
        let flags = flags.into_iter().filter(|(has, _)| *has).fold(ANIMATION, |flags, (_, flag)| flags | flag);
        let mut extended = vec![flags, 0, 0, 0];
        extended.extend(self.size.into_iter().flat_map(bits24));
        // A background that is never seen, and 0 for repeating without an end.
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

/// A file of chunks. Fails where it would be longer than its format can say.
pub fn file(chunks: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    let length = 4 + chunks.iter().map(Vec::len).sum::<usize>();
    let length = u32::try_from(length).map_err(|_| io::Error::other("a WebP file cannot be beyond 4 GiB"))?;
    let mut bytes = [b"RIFF".as_slice(), &length.to_le_bytes(), b"WEBP"].concat();
    chunks.iter().for_each(|chunk| bytes.extend(chunk));
    Ok(bytes)
}

/// A named chunk, padded to an even length.
pub fn chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(CHUNK_HEADER + payload.len() + 1);
    chunk.extend(name);
    chunk.extend((payload.len() as u32).to_le_bytes());
    chunk.extend(payload);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

pub fn bits24(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::files;
    use image::ImageFormat;

    /// The layout byte by byte, as the specification has it: decoders forgive much.
    #[test]
    fn the_container_is_that_of_the_specification() {
        let frame = Picture::filled(300, 2, 1, 9);
        let written = |settings| {
            let mut writer = WebPWriter::new(&frame, settings);
            writer.push(Frame { picture: &frame, alpha: None }, 40).unwrap();
            writer.finish().unwrap()
        };
        let still = files::encode_picture(&frame, ImageFormat::WebP).unwrap();
        let file = written(Settings::default());
        assert_eq!(file[4..8], (file.len() as u32 - 8).to_le_bytes());
        assert_eq!(file[8..12], *b"WEBP");
        assert_eq!(file[12..30], *b"VP8X\x0a\0\0\0\x02\0\0\0\x2b\x01\0\x01\0\0");
        assert_eq!(file[30..44], *b"ANIM\x06\0\0\0\0\0\0\0\0\0");
        assert_eq!(file[44..48], *b"ANMF");
        assert_eq!(file[48..52], (16 + still.len() as u32 - 12).to_le_bytes());
        assert_eq!(file[52..68], *b"\0\0\0\0\0\0\x2b\x01\0\x01\0\0\x28\0\0\x02");
        assert_eq!(file[68..], still[12..]);

        let (icc_profile, exif) = (Some(b"abc".to_vec()), Some(b"de".to_vec()));
        let file = written(Settings { plays: 3, icc_profile, exif, ..Settings::default() });
        assert_eq!(file[12..30], *b"VP8X\x0a\0\0\0\x2a\0\0\0\x2b\x01\0\x01\0\0");
        assert_eq!(file[30..56], *b"ICCP\x03\0\0\0abc\0ANIM\x06\0\0\0\0\0\0\0\x03\0");
        assert!(file.ends_with(b"EXIF\x02\0\0\0de"));
    }
}
