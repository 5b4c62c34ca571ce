//! GIF.

use std::io;

use easel_runtime::Picture;
use gif::{Encoder, Frame, Repeat};

/// Every how many pixels of a frame its palette learns from: 12 ms for 256x256. From all of them the colours come 1 to
/// 3 dB nearer, in five times as long.
const PALETTE_EVERY: i32 = 4;

/// Grey frames with one palette, and coloured ones with a palette each: exact up to 256 colours.
pub struct GifWriter(Encoder<Vec<u8>>);

impl GifWriter {
    pub fn new(first: &Picture) -> io::Result<Self> {
        let palette: Vec<u8> = match first.channels {
            1 => (0..=255).flat_map(|grey| [grey; 3]).collect(),
            _ => vec![],
        };
        let mut encoder =
            Encoder::new(Vec::new(), first.width as u16, first.height as u16, &palette).map_err(io::Error::other)?;
        encoder.set_repeat(Repeat::Infinite).map_err(io::Error::other)?;
        Ok(Self(encoder))
    }

    /// Adds a frame that is shown for so many hundredths of a second, and gives the file's length so far.
    pub fn push(&mut self, frame: &Picture, hundredths: u16) -> io::Result<usize> {
        let (width, height) = (frame.width as u16, frame.height as u16);
        let frame = match frame.channels {
            1 => Frame::from_indexed_pixels(width, height, frame.pixels.clone(), None),
            _ => Frame::from_rgba_speed(width, height, &mut frame.to_rgba(), PALETTE_EVERY),
        };
        self.0.write_frame(&Frame { delay: hundredths, ..frame }).map_err(io::Error::other)?;
        Ok(self.0.get_ref().len())
    }

    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.0.into_inner().map_err(io::Error::other)
    }
}
