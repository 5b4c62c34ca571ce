//! The bytes of a result.

use std::borrow::Cow;
use std::io::{self, Cursor};

use easel_runtime::{Picture, decode};
use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

use super::Content;
use crate::animation::palette::Palette;
use crate::animation::{Animation, AnimationFormat, Frame, Settings, png, ticks};

/// How well and how small results are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// Of jpg, 1 to 100.
    pub jpeg: u8,
    /// Of png.
    pub png: Compression,
}

/// How hard png results are packed. Their pixels are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// Quickly.
    Fast,
    /// In several times as long, a little smaller.
    Balanced,
    /// As small as can be, slowly.
    Best,
}

impl From<Compression> for CompressionType {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Fast => Self::Fast,
            Compression::Balanced => Self::Default,
            Compression::Best => Self::Best,
        }
    }
}

impl Content {
    /// Fails where a format cannot hold this: more than one picture, or one so large.
    pub fn check(&self, format: ImageFormat) -> io::Result<()> {
        let (width, height) = self.size();
        let longest = match format {
            ImageFormat::WebP => (1 << 14) - 1,
            ImageFormat::Jpeg | ImageFormat::Gif => (1 << 16) - 1,
            _ => usize::MAX,
        };
        if width.max(height) > longest {
            return Err(io::Error::other(format!(
                "the format has at most {longest} pixels a side, not {width}x{height}"
            )));
        }
        if self.is_animated() && !matches!(format, ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Png) {
            return Err(io::Error::other(format!(
                "the format has one picture, and an animation has {}; write gif, webp or png",
                self.pictures.len()
            )));
        }
        Ok(())
    }

    /// The file's bytes in a format. JPEG has no transparency: pictures are laid on white. BMP and GIF have no colour
    /// profile: colours become sRGB.
    pub fn encode(&self, format: ImageFormat, quality: Quality) -> io::Result<Vec<u8>> {
        self.check(format)?;
        if format == ImageFormat::Gif || self.is_animated() {
            return self.encode_frames(format, quality);
        }
        let mut bytes = Cursor::new(Vec::new());
        match format {
            ImageFormat::Jpeg => self.write(JpegEncoder::new_with_quality(&mut bytes, quality.jpeg), format),
            ImageFormat::WebP => self.write(WebPEncoder::new_lossless(&mut bytes), format),
            ImageFormat::Tiff => self.write(TiffEncoder::new(&mut bytes), format),
            ImageFormat::Bmp => self.write(BmpEncoder::new(&mut bytes), format),
            _ => self.write(PngEncoder::new_with_quality(&mut bytes, quality.png.into(), FilterType::Adaptive), format),
        }?;
        let mut bytes = bytes.into_inner();
        if let (ImageFormat::Tiff, Some(exif)) = (format, &self.exif) {
            let (width, height) = self.size();
            exif.add_to_tiff(&mut bytes, width as u32, height as u32);
        }
        Ok(bytes)
    }

    fn exif_bytes(&self) -> Option<Vec<u8>> {
        let (width, height) = self.size();
        Some(self.exif.as_ref()?.to_bytes(width as u32, height as u32))
    }

    /// The pictures as a format has to hold them: where it has no colour profile, in sRGB.
    fn frames(&self, format: ImageFormat) -> Vec<Cow<'_, Picture>> {
        let profile = self.icc_profile.as_ref().filter(|_| matches!(format, ImageFormat::Bmp | ImageFormat::Gif));
        let converted = |picture: &Picture| {
            let pixels = decode::rgb_to_srgb(&picture.pixels, profile?)?;
            Some(Cow::Owned(Picture { pixels, ..*picture }))
        };
        self.pictures.iter().map(|picture| converted(picture).unwrap_or(Cow::Borrowed(picture))).collect()
    }

    fn encode_frames(&self, format: ImageFormat, quality: Quality) -> io::Result<Vec<u8>> {
        let pictures = self.frames(format);
        let frame = |at: usize| {
            let alpha = self.alphas.as_ref().map(|alphas| alphas[at].as_slice());
            Frame { picture: &pictures[at], alpha }
        };
        let frames = (0..pictures.len()).map(frame);
        let mut settings = Settings {
            plays: if self.is_animated() { self.plays } else { 1 },
            icc_profile: self.icc_profile.clone(),
            exif: self.exif_bytes(),
            palette: None,
        };
        let format = match format {
            ImageFormat::Png => {
                let mut before = 0;
                let lengths = self.until.iter().map(|&until| ticks(&mut before, until, 1000));
                return png::write(&frames.zip(lengths).collect::<Vec<_>>(), &settings, quality.png.into());
            }
            ImageFormat::Gif => {
                settings.palette = Some(Palette::of(frames.clone()));
                AnimationFormat::Gif
            }
            _ => AnimationFormat::WebP,
        };
        let mut animation = Animation::new(format, settings);
        for (frame, &until) in frames.zip(&self.until) {
            animation.push(frame, until)?;
        }
        animation.finish()
    }

    fn write(&self, mut encoder: impl ImageEncoder, format: ImageFormat) -> io::Result<()> {
        // Where a format has no place for these, that is dealt with elsewhere.
        if let Some(profile) = &self.icc_profile {
            let _ = encoder.set_icc_profile(profile.clone());
        }
        if let Some(exif) = self.exif_bytes() {
            let _ = encoder.set_exif_metadata(exif);
        }
        let frames = self.frames(format);
        let picture = frames.first().ok_or_else(|| io::Error::other("no picture"))?;
        let alpha = self.alphas.as_ref().map(|alphas| alphas[0].as_slice());
        let rgba = alpha.map(|_| Frame { picture, alpha }.rgba());
        let (width, height) = self.size();
        let (pixels, colour) = match (rgba, format) {
            (None, _) => (Cow::Borrowed(&picture.pixels), ExtendedColorType::Rgb8),
            (Some(rgba), ImageFormat::Jpeg) => {
                let on_white = Picture::from_rgba(&rgba, width, height).map_err(io::Error::other)?;
                (Cow::Owned(on_white.pixels), ExtendedColorType::Rgb8)
            }
            (Some(rgba), _) => (Cow::Owned(rgba), ExtendedColorType::Rgba8),
        };
        encoder.write_image(&pixels, width as u32, height as u32, colour).map_err(io::Error::other)
    }
}
