//! Moving pictures that repeat for ever.

mod gif;
mod webp;

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use easel_runtime::Picture;
use image::ImageFormat;

use gif::GifWriter;
use webp::WebPWriter;

/// The formats of moving pictures.
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

/// An animation in the making. The first frame decides on its size.
pub struct Animation {
    format: AnimationFormat,
    fps: u64,
    frames: u64,
    writer: Option<Writer>,
}

enum Writer {
    Gif(GifWriter),
    WebP(WebPWriter),
}

impl Animation {
    /// An animation without frames yet, to be shown at `fps` frames in a second.
    pub fn new(format: AnimationFormat, fps: u32) -> Self {
        Self { format, fps: fps.into(), frames: 0, writer: None }
    }

    /// Adds a frame that is shown as long as so many, and gives the bytes that all take so far.
    pub fn push(&mut self, frame: &Picture, frames: u16) -> io::Result<usize> {
        // Rounded from the beginning, so that the frames' roundings do not add up.
        let begins = |frame: u64| (frame * self.format.ticks() + self.fps / 2) / self.fps;
        let after = self.frames + u64::from(frames);
        let ticks = u16::try_from(begins(after) - begins(self.frames)).unwrap_or(u16::MAX);
        self.frames = after;
        let mut writer = match (self.writer.take(), self.format) {
            (Some(writer), _) => writer,
            (None, AnimationFormat::Gif) => Writer::Gif(GifWriter::new(frame)?),
            (None, AnimationFormat::WebP) => Writer::WebP(WebPWriter::new(frame)),
        };
        let length = match &mut writer {
            Writer::Gif(gif) => gif.push(frame, ticks),
            Writer::WebP(webp) => webp.push(frame, ticks),
        };
        self.writer = Some(writer);
        length
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

    fn animation(format: AnimationFormat, fps: u32, frames: &[Picture]) -> Vec<u8> {
        let mut animation = Animation::new(format, fps);
        for frame in frames {
            animation.push(frame, 1).unwrap();
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
        let mut held = Animation::new(AnimationFormat::Gif, 25);
        held.push(&frame, 1).unwrap();
        held.push(&frame, 38).unwrap();
        let times = decoded(AnimationFormat::Gif, &held.finish().unwrap()).into_iter().map(|(_, time)| time);
        assert_eq!(times.collect::<Vec<_>>(), [40, 1520]);
    }
}
