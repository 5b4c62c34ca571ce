//! Moving pictures, read and written.

mod gif;
pub mod palette;
pub mod png;
pub mod read;
mod webp;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

use easel_runtime::Picture;
use image::ImageFormat;

use gif::GifWriter;
use palette::Palette;
use webp::WebPWriter;

/// The formats of moving pictures that are written as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnimationFormat {
    /// At most 256 colours in a frame, times in hundredths of a second.
    Gif,
    /// Lossless, times in milliseconds.
    WebP,
}

impl AnimationFormat {
    /// The format that a path's extension names.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "gif" => Some(Self::Gif),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// The format as that of a file.
    pub fn picture_format(self) -> ImageFormat {
        match self {
            Self::Gif => ImageFormat::Gif,
            Self::WebP => ImageFormat::WebP,
        }
    }

    /// How many of the format's units of time there are in a second.
    fn ticks(self) -> u64 {
        match self {
            Self::Gif => 100,
            Self::WebP => 1000,
        }
    }
}

/// A picture of an animation.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub picture: &'a Picture,
    /// How opaque each pixel is, where not all are.
    pub alpha: Option<&'a [u8]>,
}

impl<'a> Frame<'a> {
    /// A frame without transparency.
    pub fn opaque(picture: &'a Picture) -> Self {
        Self { picture, alpha: None }
    }

    /// Four bytes a pixel.
    pub fn rgba(&self) -> Vec<u8> {
        let mut rgba = self.picture.to_rgba();
        let alpha = self.alpha.into_iter().flatten();
        rgba.as_chunks_mut::<4>().0.iter_mut().zip(alpha).for_each(|(pixel, &alpha)| pixel[3] = alpha);
        rgba
    }
}

/// What is true of an animation as a whole.
#[derive(Default)]
pub struct Settings {
    /// How often it is shown; 0 without an end.
    pub plays: u32,
    /// What colours the pixels mean. A GIF has no place for it.
    pub icc_profile: Option<Vec<u8>>,
    /// An EXIF block. A GIF has no place for it.
    pub exif: Option<Vec<u8>>,
    /// The colours of a GIF.
    pub palette: Option<Palette>,
}

/// An animation in the making. The first frame decides on its size.
pub struct Animation {
    format: AnimationFormat,
    settings: Settings,
    ticks: u64,
    writer: Option<Writer>,
}

enum Writer {
    Gif(GifWriter),
    WebP(WebPWriter),
}

impl Animation {
    /// An animation without frames yet.
    pub fn new(format: AnimationFormat, settings: Settings) -> Self {
        Self { format, settings, ticks: 0, writer: None }
    }

    /// Adds a frame that is shown until so long after the beginning, and gives the bytes that all take so far.
    pub fn push(&mut self, frame: Frame, until: Duration) -> io::Result<usize> {
        let length = ticks(&mut self.ticks, until, self.format.ticks());
        let mut writer = match (self.writer.take(), self.format) {
            (Some(writer), _) => writer,
            (None, AnimationFormat::Gif) => {
                Writer::Gif(GifWriter::new(frame.picture, std::mem::take(&mut self.settings))?)
            }
            (None, AnimationFormat::WebP) => {
                Writer::WebP(WebPWriter::new(frame.picture, std::mem::take(&mut self.settings)))
            }
        };
        let bytes = match &mut writer {
            Writer::Gif(gif) => gif.push(frame, length),
            Writer::WebP(webp) => webp.push(frame, length),
        };
        self.writer = Some(writer);
        bytes
    }

    /// The file. Fails where there are no frames.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.writer {
            Some(Writer::Gif(gif)) => gif.finish(),
            Some(Writer::WebP(webp)) => webp.finish(),
            None => Err(io::Error::other("an animation needs a frame")),
        }
    }
}

/// How many ticks pass from those before, which become those until then. Rounded from the beginning, so that the frames'
/// roundings do not add up.
pub fn ticks(before: &mut u64, until: Duration, in_a_second: u64) -> u32 {
    const SECOND: u128 = 1_000_000_000;
    let after = ((until.as_nanos() * u128::from(in_a_second) + SECOND / 2) / SECOND) as u64;
    let passed = after.saturating_sub(*before);
    *before = after;
    u32::try_from(passed).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;
    use image::codecs::webp::WebPDecoder;

    /// The frames' RGB pixels and their times in milliseconds.
    fn decoded(format: AnimationFormat, bytes: &[u8]) -> Vec<(Vec<u8>, u32)> {
        let bytes = io::Cursor::new(bytes);
        let frames = match format {
            AnimationFormat::Gif => GifDecoder::new(bytes).unwrap().into_frames().collect_frames(),
            AnimationFormat::WebP => WebPDecoder::new(bytes).unwrap().into_frames().collect_frames(),
        };
        let rgb = |frame: image::Frame| {
            let time = frame.delay().numer_denom_ms();
            let rgba = frame.into_buffer();
            assert!(rgba.pixels().all(|pixel| pixel[3] == 255));
            (rgba.pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(), time.0 / time.1)
        };
        frames.unwrap().into_iter().map(rgb).collect()
    }

    fn seconds(frames: u64, fps: u32) -> Duration {
        Duration::from_nanos(frames * 1_000_000_000 / u64::from(fps))
    }

    fn animation(format: AnimationFormat, fps: u32, frames: &[Picture]) -> Vec<u8> {
        let mut animation = Animation::new(format, Settings::default());
        for (index, frame) in frames.iter().enumerate() {
            animation.push(Frame::opaque(frame), seconds(index as u64 + 1, fps)).unwrap();
        }
        let bytes = animation.finish().unwrap();
        assert!(bytes.starts_with(if format == AnimationFormat::Gif { b"GIF89a" } else { b"RIFF" }));
        bytes
    }

    #[test]
    fn frames_come_back() {
        for format in [AnimationFormat::Gif, AnimationFormat::WebP] {
            for (channels, width, height) in [(1, 5, 3), (3, 5, 3), (3, 1, 1), (1, 8, 2)] {
                let count = width * height * channels;
                let frame = |seed: usize| {
                    let pixels = (0..count).map(|at| (at * 37 + seed * 101) as u8).collect();
                    Picture { width, height, channels, pixels }
                };
                let frames = [frame(1), frame(2), frame(3), frame(2)];
                let found = decoded(format, &animation(format, 10, &frames));
                assert_eq!(found.len(), 4);
                for ((pixels, time), frame) in found.iter().zip(&frames) {
                    let rgba = frame.to_rgba();
                    let expected: Vec<_> =
                        rgba.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
                    assert_eq!((pixels, *time), (&expected, 100), "{format:?}");
                }
            }
        }
    }

    #[test]
    fn many_colours_keep_their_tone() {
        let (width, height) = (64, 64);
        let pixels = (0..width * height).flat_map(|at| [(at % 64 * 4) as u8, (at / 64 * 4) as u8, 90]).collect();
        let picture = Picture { width, height, channels: 3, pixels };
        let of = |format| decoded(format, &animation(format, 25, std::slice::from_ref(&picture))).remove(0).0;
        assert_eq!(of(AnimationFormat::WebP), picture.pixels);
        let differences = of(AnimationFormat::Gif).into_iter().zip(&picture.pixels).map(|(a, b)| a.abs_diff(*b));
        let mean = differences.map(f64::from).sum::<f64>() / picture.pixels.len() as f64;
        assert!(mean < 6.0, "{mean}");
    }

    #[test]
    fn times_add_up() {
        let frame = Picture::filled(1, 1, 1, 7);
        for (format, fps, first) in [
            (AnimationFormat::Gif, 30, [30, 40, 30]),
            (AnimationFormat::WebP, 30, [33, 34, 33]),
            (AnimationFormat::Gif, 50, [20; 3]),
        ] {
            let times: Vec<_> = decoded(format, &animation(format, fps, &vec![frame.clone(); 60]))
                .into_iter()
                .map(|(_, time)| time)
                .collect();
            assert_eq!(times[..3], first, "{format:?}");
            assert_eq!(times.iter().sum::<u32>(), 60_000 / fps, "{format:?}");
        }
        let mut held = Animation::new(AnimationFormat::Gif, Settings::default());
        held.push(Frame::opaque(&frame), seconds(1, 25)).unwrap();
        held.push(Frame::opaque(&frame), seconds(39, 25)).unwrap();
        let times = decoded(AnimationFormat::Gif, &held.finish().unwrap()).into_iter().map(|(_, time)| time);
        assert_eq!(times.collect::<Vec<_>>(), [40, 1520]);
    }
}
