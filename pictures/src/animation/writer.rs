//! Animations, written frame by frame.

use std::io;
use std::time::Duration;

use super::format::AnimationFormat;
use super::frame::Frame;
use super::gif::GifWriter;
use super::settings::AnimationSettings;
use super::ticks::Ticks;
use super::webp::WebPWriter;

/// Writes an animation frame by frame. The first frame decides its size.
///
/// ```
/// use std::time::Duration;
///
/// use easel_pictures::animation::{AnimationFormat, AnimationSettings, AnimationWriter, Frame};
/// use easel_runtime::Picture;
///
/// let mut writer = AnimationWriter::new(AnimationFormat::WebP, AnimationSettings::default());
/// for (level, until) in [(0, 40), (255, 80)] {
///     writer.push(Frame::opaque(&Picture::filled(8, 8, 3, level)), Duration::from_millis(until))?;
/// }
/// assert!(writer.finish()?.starts_with(b"RIFF"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct AnimationWriter {
    ticks: Ticks,
    encoder: Encoder,
}

enum Encoder {
    /// Before the first frame.
    Empty(AnimationFormat, AnimationSettings),
    Gif(GifWriter),
    WebP(WebPWriter),
}

impl AnimationWriter {
    /// An animation without frames yet.
    pub fn new(format: AnimationFormat, settings: AnimationSettings) -> Self {
        Self { ticks: Ticks::new(format.ticks_per_second()), encoder: Encoder::Empty(format, settings) }
    }

    /// Adds a frame that is shown until `until` after the beginning. Returns the bytes of all frames so far.
    pub fn push(&mut self, frame: Frame, until: Duration) -> io::Result<usize> {
        let delay = self.ticks.delay(until);
        if let Encoder::Empty(format, settings) = &mut self.encoder {
            let settings = std::mem::take(settings);
            self.encoder = match format {
                AnimationFormat::Gif => Encoder::Gif(GifWriter::new(frame.picture, settings)?),
                AnimationFormat::WebP => Encoder::WebP(WebPWriter::new(frame.picture, settings)),
            };
        }
        match &mut self.encoder {
            Encoder::Empty(..) => Ok(0),
            Encoder::Gif(gif) => gif.push(frame, delay),
            Encoder::WebP(webp) => webp.push(frame, delay),
        }
    }

    /// The file. Fails without frames.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.encoder {
            Encoder::Empty(..) => Err(io::Error::other("an animation needs a frame")),
            Encoder::Gif(gif) => gif.finish(),
            Encoder::WebP(webp) => webp.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Picture;
    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;
    use image::codecs::webp::WebPDecoder;

    /// The RGB pixels and delays in milliseconds of all frames.
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
        let mut animation = AnimationWriter::new(format, AnimationSettings::default());
        for (index, frame) in frames.iter().enumerate() {
            animation.push(Frame::opaque(frame), seconds(index as u64 + 1, fps)).unwrap();
        }
        let bytes = animation.finish().unwrap();
        assert!(bytes.starts_with(if format == AnimationFormat::Gif { b"GIF89a" } else { b"RIFF" }));
        bytes
    }

    #[test]
    fn frames_can_be_decoded() {
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
    fn many_colours_are_approximated() {
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
    fn delays_add_up() {
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
        let mut held = AnimationWriter::new(AnimationFormat::Gif, AnimationSettings::default());
        held.push(Frame::opaque(&frame), seconds(1, 25)).unwrap();
        held.push(Frame::opaque(&frame), seconds(39, 25)).unwrap();
        let times = decoded(AnimationFormat::Gif, &held.finish().unwrap()).into_iter().map(|(_, time)| time);
        assert_eq!(times.collect::<Vec<_>>(), [40, 1520]);
    }
}
