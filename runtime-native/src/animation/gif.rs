//! GIF.

use std::io;

use easel_runtime::Picture;
use gif::{DisposalMethod, Encoder, Repeat};

use super::palette::Palette;
use super::{Frame, Settings};

/// Every how many pixels of a frame its palette learns from: 12 ms for 256x256. From all of them the colours come 1 to
/// 3 dB nearer, in five times as long.
const PALETTE_EVERY: i32 = 4;

/// Grey frames with one palette, and coloured ones with one that is given, or a palette each: exact up to 256 colours.
pub struct GifWriter {
    encoder: Encoder<Vec<u8>>,
    palette: Option<Palette>,
}

impl GifWriter {
    pub fn new(first: &Picture, settings: Settings) -> io::Result<Self> {
        let palette = match (&settings.palette, first.channels) {
            (Some(palette), _) => palette.bytes(),
            (None, 1) => (0..=255).flat_map(|grey| [grey; 3]).collect(),
            (None, _) => vec![],
        };
        let mut encoder =
            Encoder::new(Vec::new(), first.width as u16, first.height as u16, &palette).map_err(io::Error::other)?;
        let repeat = match settings.plays {
            0 => Repeat::Infinite,
            // The format counts how often it begins anew.
            plays => Repeat::Finite(u16::try_from(plays - 1).unwrap_or(u16::MAX)),
        };
        encoder.set_repeat(repeat).map_err(io::Error::other)?;
        Ok(Self { encoder, palette: settings.palette })
    }

    /// Adds a frame that is shown for so many hundredths of a second, and gives the file's length so far.
    pub fn push(&mut self, frame: Frame, hundredths: u32) -> io::Result<usize> {
        let Picture { width, height, channels, .. } = *frame.picture;
        let (width, height) = (width as u16, height as u16);
        let mut written = match (&self.palette, channels) {
            (Some(palette), _) => {
                gif::Frame::from_indexed_pixels(width, height, palette.numbers(frame), palette.transparent())
            }
            (None, 1) => gif::Frame::from_indexed_pixels(width, height, frame.picture.pixels.clone(), None),
            (None, _) => gif::Frame::from_rgba_speed(width, height, &mut frame.rgba(), PALETTE_EVERY),
        };
        written.delay = u16::try_from(hundredths).unwrap_or(u16::MAX);
        if written.transparent.is_some() {
            written.dispose = DisposalMethod::Background;
        }
        self.encoder.write_frame(&written).map_err(io::Error::other)?;
        Ok(self.encoder.get_ref().len())
    }

    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.encoder.into_inner().map_err(io::Error::other)
    }
}
