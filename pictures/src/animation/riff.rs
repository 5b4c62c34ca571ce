//! The container of WebP files: Google's "WebP Container Specification"
//! (<https://developers.google.com/speed/webp/docs/riff_container>).

use std::io;

use crate::error::{DecodeError, Result};

/// The bytes of a file header: `RIFF`, the length of the rest, `WEBP`.
pub const RIFF_HEADER: usize = 12;
/// The bytes of a chunk header: name and length.
const CHUNK_HEADER: usize = 8;

/// VP8X flags: what the file contains.
pub const ANIMATION: u8 = 0b10;
pub const EXIF: u8 = 0b1000;
pub const ALPHA: u8 = 0b1_0000;
pub const ICC_PROFILE: u8 = 0b10_0000;

/// ANMF flag: the frame replaces what was there.
pub const DO_NOT_BLEND: u8 = 0b10;
/// ANMF flag: the frame's area is cleared afterwards.
pub const CLEAR: u8 = 0b1;

/// A file of chunks. Fails beyond 4 GiB, which the format cannot express.
pub fn file(chunks: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    let length = 4 + chunks.iter().map(Vec::len).sum::<usize>();
    let length = u32::try_from(length).map_err(|_| io::Error::other("a WebP file cannot be larger than 4 GiB"))?;
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

/// A number in three little-endian bytes.
pub fn bits24(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

/// A little-endian number of up to four bytes.
pub fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// The named chunks of a file or of a chunk. A truncated chunk is an error, and the last item.
pub struct Chunks<'a>(pub &'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<(&'a [u8; 4], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let found = rest.split_first_chunk::<4>().and_then(|(length, rest)| rest.split_at_checked(number(length)));
        let Some((payload, rest)) = found else {
            self.0 = &[];
            return Some(Err(DecodeError::Truncated));
        };
        // Chunks begin at even offsets; the padding of the last one may be missing.
        self.0 = rest.get(payload.len() % 2..).unwrap_or_default();
        Some(Ok((name, payload)))
    }
}
