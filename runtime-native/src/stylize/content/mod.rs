//! A picture file's pixels, and all that must not get lost beside them.

mod encode;
mod resize;

use std::time::Duration;

use easel_runtime::Picture;
use easel_runtime::decode::{self, Exif, MOST_DECODED_BYTES};
use image::{ImageFormat, RgbaImage};

pub use encode::{Compression, Quality};
use resize::shrink;
pub(super) use resize::{fitted, resize};

use crate::animation::read;

/// What a frame takes of the memory for an animation at least, however small it is.
const LEAST_BYTES: u64 = 1 << 10;

/// What a file holds: a picture, or those of an animation.
pub(super) struct Content {
    format: ImageFormat,
    /// RGB, of one size.
    pictures: Vec<Picture>,
    /// How opaque each pixel of each picture is, where not all are.
    alphas: Option<Vec<Vec<u8>>>,
    /// Until when each picture of an animation is shown, from the beginning. A still picture has no use for it.
    until: Vec<Duration>,
    /// How often an animation is shown; 0 without an end.
    plays: u32,
    /// What colours the numbers mean, where the file says so.
    icc_profile: Option<Vec<u8>>,
    /// What else the file says.
    exif: Option<Exif>,
}

impl Content {
    /// How many pictures a file says it has.
    pub fn frames_in(bytes: &[u8]) -> usize {
        decode::format_of(bytes).map_or(1, |format| read::frames(bytes, format))
    }

    /// Reads a picture file's bytes, told by content, and makes it smaller where its longer side has more than
    /// `max_size` pixels.
    ///
    /// Fails on an animation that takes more memory than [`MOST_DECODED_BYTES`]. The error says what is wrong without
    /// the path.
    pub fn decode(bytes: Vec<u8>, max_size: Option<u32>) -> Result<Self, String> {
        Self::read(&bytes, max_size, MOST_DECODED_BYTES)
    }

    fn read(file: &[u8], max_size: Option<u32>, most: u64) -> Result<Self, String> {
        let format = decode::format_of(file)?;
        let (mut pictures, mut alphas, mut until) = (vec![], vec![], vec![]);
        let (mut bytes, mut now) = (0, Duration::ZERO);
        let mut take = |frame: RgbaImage, shown_for: Duration| {
            let (rgb, alpha) =
                split(&shrink(into_picture(frame.width(), frame.height(), 4, frame.into_raw()), max_size)?);
            bytes += ((rgb.pixels.len() + alpha.len()) as u64).max(LEAST_BYTES);
            if bytes > most {
                return Err(format!(
                    "an animation of {}x{} whose frames take more than {} MiB; --max-size makes them smaller",
                    rgb.width,
                    rgb.height,
                    most >> 20
                ));
            }
            now += shown_for;
            pictures.push(rgb);
            alphas.push(alpha);
            until.push(now);
            Ok(())
        };
        if let Some(read::Whole { plays, icc_profile, exif }) = read::read(file, format, &mut take)? {
            // Frames are read with transparency, whether they have some or not.
            let alphas = alphas.iter().flatten().any(|&alpha| alpha < 255).then_some(alphas);
            let icc_profile = icc_profile.filter(|profile| decode::is_rgb(profile));
            return Ok(Self { format, pictures, alphas, until, plays, icc_profile, exif });
        }
        let decode::Decoded { picture, icc_profile, exif, .. } = decode::decode_bytes(file)?;
        let (width, height) = (picture.width(), picture.height());
        let (picture, alphas) = if picture.color().has_alpha() {
            let all = into_picture(width, height, 4, picture.into_rgba8().into_raw());
            let (rgb, alpha) = split(&shrink(all, max_size)?);
            (rgb, Some(vec![alpha]))
        } else {
            (shrink(into_picture(width, height, 3, picture.into_rgb8().into_raw()), max_size)?, None)
        };
        Ok(Self { format, pictures: vec![picture], alphas, until: vec![Duration::ZERO], plays: 0, icc_profile, exif })
    }

    /// The RGB pictures: one, or an animation's in their order. All have one size.
    pub fn pictures(&self) -> &[Picture] {
        &self.pictures
    }

    /// The same, to be replaced by others of one size, in which transparency stays as it is.
    pub fn pictures_mut(&mut self) -> &mut [Picture] {
        &mut self.pictures
    }

    /// Width and height of each picture.
    pub fn size(&self) -> (usize, usize) {
        self.pictures.first().map_or((0, 0), |picture| (picture.width, picture.height))
    }

    /// Whether it moves.
    pub fn is_animated(&self) -> bool {
        self.pictures.len() > 1
    }

    /// What the file was.
    pub fn format(&self) -> ImageFormat {
        self.format
    }

    /// Forgets all but pixels, transparency, times and colour profile.
    pub fn strip(&mut self) {
        self.exif = None;
    }
}

fn into_picture(width: u32, height: u32, channels: usize, pixels: Vec<u8>) -> Picture {
    Picture { width: width as usize, height: height as usize, channels, pixels }
}

fn split(rgba: &Picture) -> (Picture, Vec<u8>) {
    let pixels = rgba.pixels.as_chunks::<4>().0;
    let rgb = pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    let alpha = pixels.iter().map(|pixel| pixel[3]).collect();
    (Picture { channels: 3, pixels: rgb, ..*rgba }, alpha)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::animation::{Animation, AnimationFormat, Frame, Settings, palette::Palette};
    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader};
    use moxcms::ColorProfile;
    use std::io::Cursor;

    const QUALITY: Quality = Quality { jpeg: 95, png: Compression::Fast };

    /// Three frames of few colours, the left half of the second transparent; 40, 1000 and 70 ms.
    fn moving(format: AnimationFormat, plays: u32) -> (Vec<u8>, Vec<Picture>, Vec<Vec<u8>>) {
        let picture = |seed: usize| Picture {
            width: 6,
            height: 4,
            channels: 3,
            pixels: (0..24).flat_map(|at| [(at * 5 + seed * 80) as u8, (at % 3 * 90) as u8, seed as u8 * 70]).collect(),
        };
        let pictures: Vec<_> = (0..3).map(picture).collect();
        let alphas: Vec<Vec<u8>> =
            (0..3).map(|frame| (0..24).map(|at| if frame == 1 && at % 6 < 3 { 0 } else { 255 }).collect()).collect();
        let frames = pictures.iter().zip(&alphas).map(|(picture, alpha)| Frame { picture, alpha: Some(alpha) });
        let palette = Some(Palette::of(frames.clone()));
        let mut animation = Animation::new(format, Settings { plays, palette, ..Settings::default() });
        for (frame, until) in frames.zip([40, 1040, 1110]) {
            animation.push(frame, Duration::from_millis(until)).unwrap();
        }
        (animation.finish().unwrap(), pictures, alphas)
    }

    #[test]
    fn animations_stay_what_they_are() {
        for format in [AnimationFormat::Gif, AnimationFormat::WebP] {
            for plays in [0, 1, 5] {
                let (bytes, pictures, alphas) = moving(format, plays);
                let content = Content::decode(bytes, None).unwrap();
                assert_eq!(content.format(), format.picture_format());
                for result in [ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Png] {
                    let again = Content::decode(content.encode(result, QUALITY).unwrap(), None).unwrap();
                    assert_eq!((again.format, again.plays, again.is_animated()), (result, plays, true));
                    assert_eq!(again.until, [40, 1040, 1110].map(Duration::from_millis), "{result:?}");
                    let found = again.alphas.unwrap();
                    assert_eq!(found, alphas, "{result:?}");
                    for ((found, wanted), alpha) in again.pictures.iter().zip(&pictures).zip(&alphas) {
                        let pixels = found.pixels.chunks(3).zip(wanted.pixels.chunks(3)).zip(alpha);
                        assert!(pixels.filter(|(_, alpha)| **alpha > 0).all(|((a, b), _)| a == b), "{result:?}");
                    }
                }
                for result in [ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Tiff] {
                    let error = content.encode(result, QUALITY).unwrap_err().to_string();
                    assert!(error.contains("an animation has 3; write gif, webp or png"), "{error}");
                }
            }
        }
    }

    #[test]
    fn many_frames_are_refused_before_memory_is_full() {
        let (bytes, ..) = moving(AnimationFormat::Gif, 0);
        let read = |most| Content::read(&bytes, None, most).map(|content| content.pictures.len());
        assert_eq!(read(3 * LEAST_BYTES), Ok(3));
        assert!(read(3 * LEAST_BYTES - 1).unwrap_err().starts_with("an animation of 6x4 whose frames take more than"));
    }

    /// Every cut, and every byte made another: an error or a picture, and never a panic.
    #[test]
    fn hostile_animations_end() {
        for format in [AnimationFormat::Gif, AnimationFormat::WebP] {
            let (whole, ..) = moving(format, 2);
            let png = Content::decode(whole.clone(), None).unwrap().encode(ImageFormat::Png, QUALITY).unwrap();
            for whole in [whole, png] {
                let all = Content::decode(whole.clone(), None).unwrap().pictures;
                for length in 0..whole.len() {
                    match Content::decode(whole[..length].to_vec(), None) {
                        // A PNG has an end mark behind its pixels.
                        Ok(content) => assert_eq!((content.pictures == all, content.format), (true, ImageFormat::Png)),
                        Err(error) => assert!(!error.contains('\n'), "{error}"),
                    }
                }
                for at in 0..whole.len() {
                    for value in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
                        let mut bytes = whole.clone();
                        bytes[at] = value;
                        if let Ok(content) = Content::read(&bytes, None, 1 << 22) {
                            assert!(content.pictures.iter().all(|picture| !picture.pixels.is_empty()));
                        }
                    }
                }
            }
        }
    }

    /// A photo of a camera that lay on its side, in a wide colour space.
    fn photo(profile: &ColorProfile) -> Vec<u8> {
        let exif = b"II*\0\x08\0\0\0\x05\0\
            \x0f\x01\x02\0\x04\0\0\0Cam\0\
            \x12\x01\x03\0\x01\0\0\0\x06\0\0\0\
            \x1a\x01\x05\0\x01\0\0\0\x4a\0\0\0\
            \x1b\x01\x05\0\x01\0\0\0\x4a\0\0\0\
            \x28\x01\x03\0\x01\0\0\0\x02\0\0\0\
            \0\0\0\0\x48\0\0\0\x01\0\0\0";
        let pixels: Vec<u8> = (0..32 * 16).flat_map(|at| [30, 200, (at % 32 * 4) as u8]).collect();
        let mut bytes = vec![];
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
        encoder.set_icc_profile(profile.encode().unwrap()).unwrap();
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder.write_image(&pixels, 32, 16, ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    #[test]
    fn what_a_camera_wrote_stays_and_stays_true() {
        let profile = ColorProfile::new_adobe_rgb();
        let mut content = Content::decode(photo(&profile), Some(24)).unwrap();
        assert_eq!((content.pictures[0].width, content.pictures[0].height), (12, 24));
        let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff];
        for format in formats {
            let bytes = content.encode(format, QUALITY).unwrap();
            let again = Content::decode(bytes.clone(), None).unwrap();
            assert_eq!((again.pictures[0].width, again.pictures[0].height), (12, 24), "{format:?}");
            assert_eq!((&again.exif, &again.icc_profile), (&content.exif, &content.icc_profile), "{format:?}");
            assert_eq!(again.icc_profile, Some(profile.encode().unwrap()));
            let mut decoder = ImageReader::with_format(Cursor::new(&bytes), format).into_decoder().unwrap();
            assert_eq!(decoder.orientation().unwrap(), image::metadata::Orientation::NoTransforms);
        }
        content.strip();
        for format in formats {
            let bytes = content.encode(format, QUALITY).unwrap();
            let again = Content::decode(bytes.clone(), None).unwrap();
            assert!(again.icc_profile.is_some());
            // A TIFF has a resolution whether it means something or not.
            assert!(again.exif.is_none() || format == ImageFormat::Tiff, "{format:?}");
            assert!(!bytes.windows(4).any(|part| part == b"Cam\0"));
        }
    }

    /// Adobe RGB (30, 200, 60) is a green that sRGB does not have: red becomes 0.
    #[test]
    fn formats_without_a_profile_get_srgb() {
        let content = Content::decode(photo(&ColorProfile::new_adobe_rgb()), None).unwrap();
        for format in [ImageFormat::Bmp, ImageFormat::Gif] {
            let again = Content::decode(content.encode(format, QUALITY).unwrap(), None).unwrap();
            assert_eq!((again.icc_profile, again.exif), (None, None));
            let pixel = &again.pictures[0].pixels[..3];
            assert!(pixel[0] == 0 && pixel[1].abs_diff(201) <= 2, "{pixel:?}");
        }
    }

    #[test]
    fn qualities_change_the_size() {
        let noise: Vec<u8> = (0..64u32 * 64 * 3).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 / 4).collect();
        let mut png = vec![];
        PngEncoder::new(&mut png).write_image(&noise, 64, 64, ExtendedColorType::Rgb8).unwrap();
        let content = Content::decode(png, None).unwrap();
        let size = |format, jpeg, png| content.encode(format, Quality { jpeg, png }).unwrap().len();
        let jpeg = [10, 90, 100].map(|quality| size(ImageFormat::Jpeg, quality, Compression::Fast));
        assert!(jpeg.is_sorted_by(|a, b| a < b), "{jpeg:?}");
        let [fast, best] = [Compression::Fast, Compression::Best].map(|how| size(ImageFormat::Png, 90, how));
        assert!(best < fast, "{best} {fast}");
    }

    #[test]
    fn sixteen_bits_become_the_nearest_eight() {
        let values = [0u16, 128, 129, 385, 386, 32_768, 65_406, 65_407, 65_535];
        let deep = image::ImageBuffer::from_fn(9, 1, |x, _| image::Luma([values[x as usize]]));
        for format in [ImageFormat::Png, ImageFormat::Tiff] {
            let mut bytes = Cursor::new(vec![]);
            DynamicImage::ImageLuma16(deep.clone()).write_to(&mut bytes, format).unwrap();
            let content = Content::decode(bytes.into_inner(), None).unwrap();
            let found: Vec<_> = content.pictures[0].pixels.chunks(3).map(|pixel| pixel[0]).collect();
            assert_eq!(found, [0, 0, 1, 1, 2, 128, 254, 255, 255], "{format:?}");
        }
    }
}
