//! Animated WebP, lossless: the container of Google's "WebP Container Specification"
//! (<https://developers.google.com/speed/webp/docs/riff_container>) around the frames of `image`'s encoder, which
//! writes still pictures alone.

use std::io;

use easel_runtime::{Picture, files};
use image::ImageFormat;

/// A file's first bytes: `RIFF`, the length of the rest, `WEBP`.
const RIFF_HEADER: usize = 12;
/// A chunk's first bytes: its name and its length.
const CHUNK_HEADER: usize = 8;
/// VP8X: the file is an animation.
const ANIMATION: u8 = 0b10;
/// ANMF: the frame replaces what was there and stays.
const DO_NOT_BLEND: u8 = 0b10;

/// Frames of one size.
pub struct WebPWriter {
    /// Width and height as the format counts them, from 0.
    size: [u32; 2],
    frames: Vec<u8>,
}

impl WebPWriter {
    pub fn new(first: &Picture) -> Self {
        Self { size: [first.width, first.height].map(|side| side as u32 - 1), frames: Vec::new() }
    }

    /// Adds a frame that is shown for so many milliseconds, and gives the frames' length so far.
    pub fn push(&mut self, frame: &Picture, milliseconds: u16) -> io::Result<usize> {
        let still = files::encode_picture(frame, ImageFormat::WebP)?;
        // Without metadata a still file holds one chunk, and that is what a frame holds.
        let bitstream = still
            .get(RIFF_HEADER..)
            .filter(|chunk| chunk.starts_with(b"VP8L"))
            .ok_or_else(|| io::Error::other("a still WebP without a VP8L chunk"))?;
        let mut payload = Vec::with_capacity(bitstream.len() + 16);
        let corner = [0, 0];
        for number in corner.into_iter().chain(self.size).chain([milliseconds.into()]) {
            payload.extend(bits24(number));
        }
        payload.push(DO_NOT_BLEND);
        payload.extend(bitstream);
        self.frames.extend(chunk(b"ANMF", &payload));
        Ok(self.frames.len())
    }

    /// Fails where the file would be longer than its format can say.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        let mut extended = vec![ANIMATION, 0, 0, 0];
        extended.extend(self.size.into_iter().flat_map(bits24));
        // A background that is never seen, and 0 for repeating without an end.
        let repeat = [0; 6];
        let body = [b"WEBP".to_vec(), chunk(b"VP8X", &extended), chunk(b"ANIM", &repeat), self.frames].concat();
        let length = u32::try_from(body.len()).map_err(|_| io::Error::other("a WebP file cannot be beyond 4 GiB"))?;
        Ok([b"RIFF".as_slice(), &length.to_le_bytes(), &body].concat())
    }
}

/// A named chunk, padded to an even length.
fn chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(CHUNK_HEADER + payload.len() + 1);
    chunk.extend(name);
    chunk.extend((payload.len() as u32).to_le_bytes());
    chunk.extend(payload);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn bits24(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout byte by byte, as the specification has it: decoders forgive much.
    #[test]
    fn the_container_is_that_of_the_specification() {
        let frame = Picture::filled(300, 2, 1, 9);
        let mut writer = WebPWriter::new(&frame);
        writer.push(&frame, 40).unwrap();
        let still = files::encode_picture(&frame, ImageFormat::WebP).unwrap();
        let file = writer.finish().unwrap();
        assert_eq!(file[4..8], (file.len() as u32 - 8).to_le_bytes());
        assert_eq!(file[8..12], *b"WEBP");
        assert_eq!(file[12..30], *b"VP8X\x0a\0\0\0\x02\0\0\0\x2b\x01\0\x01\0\0");
        assert_eq!(file[30..44], *b"ANIM\x06\0\0\0\0\0\0\0\0\0");
        assert_eq!(file[44..48], *b"ANMF");
        assert_eq!(file[48..52], (16 + still.len() as u32 - 12).to_le_bytes());
        assert_eq!(file[52..68], *b"\0\0\0\0\0\0\x2b\x01\0\x01\0\0\x28\0\0\x02");
        assert_eq!(file[68..], still[12..]);
    }
}
