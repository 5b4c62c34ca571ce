//! The encoding of a [`PictureFile`].

use std::borrow::Cow;
use std::io::{self, Cursor};

use easel_runtime::Picture;
use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

use super::PictureFile;
use crate::animation::{AnimationFormat, AnimationSettings, AnimationWriter, Frame, Palette, write_png};
use crate::colour::rgb_to_srgb;
use crate::exif::Exif;
use crate::format::max_side;
use crate::quality::Quality;
use crate::tiff::TiffPicture;

impl PictureFile {
    /// Fails if a format cannot hold the pictures: too many, or too large.
    pub fn check(&self, format: ImageFormat) -> io::Result<()> {
        let (width, height) = self.size();
        if let Some(limit) = max_side(format).filter(|&limit| width.max(height) > limit) {
            return Err(io::Error::other(format!(
                "the format has at most {limit} pixels a side, not {width}x{height}"
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

    /// The bytes in a format. JPEG has no transparency: pixels are blended with white. BMP and GIF have no colour profile:
    /// colours become sRGB.
    pub fn encode(&self, format: ImageFormat, quality: Quality) -> io::Result<Vec<u8>> {
        self.check(format)?;
        if matches!(format, ImageFormat::Gif | ImageFormat::Png) || self.is_animated() {
            return self.encode_frames(format, quality);
        }
        let mut bytes = Cursor::new(Vec::new());
        match format {
            ImageFormat::Jpeg => {
                let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality.jpeg);
                if let Some(density) = self.density {
                    encoder.set_pixel_density(density.jfif());
                }
                self.write(encoder, format)
            }
            ImageFormat::WebP => self.write(WebPEncoder::new_lossless(&mut bytes), format),
            ImageFormat::Bmp => self.write(BmpEncoder::new(&mut bytes), format),
            ImageFormat::Tiff => return self.encode_tiff(),
            _ => return Err(io::Error::other("pictures are not written in this format")),
        }?;
        let mut bytes = bytes.into_inner();
        if let (ImageFormat::Bmp, Some(density)) = (format, self.density) {
            density.set_in_bmp(&mut bytes);
        }
        Ok(bytes)
    }

    fn encode_tiff(&self) -> io::Result<Vec<u8>> {
        let frame = self.frame(0);
        let rgba = frame.alpha.map(|_| Picture { channels: 4, pixels: frame.rgba(), ..*frame.picture });
        let mut picture = TiffPicture::from(rgba.as_ref().unwrap_or(frame.picture));
        picture.icc_profile = self.icc_profile.as_deref();
        picture.density = self.density;
        picture.encode(self.exif.as_ref())
    }

    /// The EXIF block, which in a WebP file is also the only place for a density.
    fn exif_bytes(&self, format: ImageFormat) -> Option<Vec<u8>> {
        let only_density = Exif::default();
        let density = self.density.filter(|_| format == ImageFormat::WebP);
        let exif = self.exif.as_ref().or(density.map(|_| &only_density))?;
        let (width, height) = self.size();
        Some(exif.to_bytes(width as u32, height as u32, self.density))
    }

    fn frame(&self, at: usize) -> Frame<'_> {
        let alpha = self.alphas.as_ref().map(|alphas| alphas[at].as_slice());
        Frame { picture: &self.pictures[at], alpha }
    }

    /// The pictures, in sRGB for a format without colour profiles.
    fn frames(&self, format: ImageFormat) -> Vec<Cow<'_, Picture>> {
        let profile = self.icc_profile.as_ref().filter(|_| matches!(format, ImageFormat::Bmp | ImageFormat::Gif));
        let converted = |picture: &Picture| {
            let pixels = rgb_to_srgb(&picture.pixels, profile?)?;
            Some(Cow::Owned(Picture { pixels, ..*picture }))
        };
        self.pictures.iter().map(|picture| converted(picture).unwrap_or(Cow::Borrowed(picture))).collect()
    }

    fn encode_frames(&self, format: ImageFormat, quality: Quality) -> io::Result<Vec<u8>> {
        let pictures = self.frames(format);
        let frame = |at: usize| Frame { picture: &pictures[at], ..self.frame(at) };
        let frames = (0..pictures.len()).map(frame);
        let mut settings = AnimationSettings {
            plays: if self.is_animated() { self.plays } else { 1 },
            icc_profile: self.icc_profile.clone(),
            exif: self.exif_bytes(format),
            density: self.density,
            palette: None,
        };
        let format = match format {
            ImageFormat::Png => {
                let frames: Vec<_> = frames.zip(self.until.iter().copied()).collect();
                return write_png(&frames, &settings, quality.png);
            }
            ImageFormat::Gif => {
                settings.palette = Some(Palette::of(frames.clone()));
                AnimationFormat::Gif
            }
            _ => AnimationFormat::WebP,
        };
        let mut animation = AnimationWriter::new(format, settings);
        for (frame, &until) in frames.zip(&self.until) {
            animation.push(frame, until)?;
        }
        animation.finish()
    }

    fn write(&self, mut encoder: impl ImageEncoder, format: ImageFormat) -> io::Result<()> {
        // A failure means that the format has no place for them, which is dealt with elsewhere.
        if let Some(profile) = &self.icc_profile {
            let _ = encoder.set_icc_profile(profile.clone());
        }
        if let Some(exif) = self.exif_bytes(format) {
            let _ = encoder.set_exif_metadata(exif);
        }
        let frames = self.frames(format);
        let picture = frames.first().ok_or_else(|| io::Error::other("no picture"))?;
        let frame = Frame { picture, ..self.frame(0) };
        let rgba = frame.alpha.map(|_| frame.rgba());
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
