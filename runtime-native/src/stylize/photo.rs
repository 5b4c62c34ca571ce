//! A picture file's pixels, transparency and colour profile.

use std::io;

use easel_runtime::Picture;
use easel_runtime::decode::decode_bytes;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

/// A picture and what must not get lost beside it.
pub(super) struct Photo {
    /// RGB.
    pub rgb: Picture,
    /// How opaque each pixel is, where the file says so.
    pub alpha: Option<Vec<u8>>,
    /// What colours the numbers mean, where the file says so.
    pub icc_profile: Option<Vec<u8>>,
    /// What the file was.
    pub format: ImageFormat,
}

impl Photo {
    /// Reads a picture file's bytes, and makes it smaller where its longer side has more than `max_size` pixels.
    ///
    /// The error says what is wrong without the path.
    pub fn decode(bytes: Vec<u8>, max_size: Option<u32>) -> Result<Self, String> {
        let decoded = decode_bytes(&bytes)?;
        drop(bytes);
        let icc_profile = decoded.icc_profile.filter(|profile| is_rgb(profile));
        let (width, height) = (decoded.picture.width() as usize, decoded.picture.height() as usize);
        let (rgb, mut alpha) = if decoded.picture.color().has_alpha() {
            let all = into_picture(width, height, 4, decoded.picture.into_rgba8().into_raw());
            split(&shrink(all, max_size)?)
        } else {
            let rgb = into_picture(width, height, 3, decoded.picture.into_rgb8().into_raw());
            (shrink(rgb, max_size)?, None)
        };
        // Every GIF is read with transparency, whether it has some or not.
        if decoded.format == ImageFormat::Gif {
            alpha = alpha.filter(|alpha| alpha.iter().any(|&alpha| alpha < 255));
        }
        Ok(Self { rgb, alpha, icc_profile, format: decoded.format })
    }

    /// The file's bytes in a format. JPEG has no transparency: it is laid on white.
    pub fn encode(&self, format: ImageFormat, quality: u8) -> io::Result<Vec<u8>> {
        let Picture { width, height, .. } = self.rgb;
        let longest = match format {
            ImageFormat::WebP => (1 << 14) - 1,
            ImageFormat::Jpeg => (1 << 16) - 1,
            _ => usize::MAX,
        };
        if width.max(height) > longest {
            return Err(io::Error::other(format!(
                "the format has at most {longest} pixels a side, not {width}x{height}"
            )));
        }
        let mut bytes = io::Cursor::new(Vec::new());
        let opaque = self.alpha.is_none() || format == ImageFormat::Jpeg;
        let merged = self.alpha.is_some().then(|| self.merged(format));
        let pixels = merged.as_deref().unwrap_or(&self.rgb.pixels);
        let colour = if opaque { ExtendedColorType::Rgb8 } else { ExtendedColorType::Rgba8 };
        match format {
            ImageFormat::Jpeg => self.write(JpegEncoder::new_with_quality(&mut bytes, quality), pixels, colour),
            ImageFormat::WebP => self.write(WebPEncoder::new_lossless(&mut bytes), pixels, colour),
            ImageFormat::Tiff => self.write(TiffEncoder::new(&mut bytes), pixels, colour),
            ImageFormat::Bmp => self.write(BmpEncoder::new(&mut bytes), pixels, colour),
            _ => self.write(PngEncoder::new(&mut bytes), pixels, colour),
        }?;
        Ok(bytes.into_inner())
    }

    fn write(&self, mut encoder: impl ImageEncoder, pixels: &[u8], colour: ExtendedColorType) -> io::Result<()> {
        if let Some(profile) = &self.icc_profile {
            // BMP has no place for it.
            let _ = encoder.set_icc_profile(profile.clone());
        }
        encoder.write_image(pixels, self.rgb.width as u32, self.rgb.height as u32, colour).map_err(io::Error::other)
    }

    /// The pixels with their alpha, or laid on white where the format has none.
    fn merged(&self, format: ImageFormat) -> Vec<u8> {
        let alpha = self.alpha.iter().flatten();
        let pixels = self.rgb.pixels.chunks_exact(3).zip(alpha);
        if format != ImageFormat::Jpeg {
            return pixels.flat_map(|(rgb, &alpha)| [rgb[0], rgb[1], rgb[2], alpha]).collect();
        }
        let on_white = |value: u8, alpha: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        pixels.flat_map(|(rgb, &alpha)| [0, 1, 2].map(|channel| on_white(rgb[channel], alpha))).collect()
    }
}

/// Whether an ICC profile (ICC.1:2022, 7.2.6: the colour space at byte 16) is for RGB, as the result is. That of a grey
/// or CMYK file is not the result's.
fn is_rgb(profile: &[u8]) -> bool {
    profile.get(16..20) == Some(b"RGB ")
}

fn into_picture(width: usize, height: usize, channels: usize, pixels: Vec<u8>) -> Picture {
    Picture { width, height, channels, pixels }
}

fn split(rgba: &Picture) -> (Picture, Option<Vec<u8>>) {
    let rgb = rgba.pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let alpha = rgba.pixels.chunks_exact(4).map(|pixel| pixel[3]).collect();
    (into_picture(rgba.width, rgba.height, 3, rgb), Some(alpha))
}

fn shrink(picture: Picture, longest: Option<u32>) -> Result<Picture, String> {
    let (width, height) = fitted(picture.width, picture.height, longest);
    if (width, height) == (picture.width, picture.height) { Ok(picture) } else { resize(&picture, width, height) }
}

/// A picture's size once its longer side has at most `longest` pixels.
pub(super) fn fitted(width: usize, height: usize, longest: Option<u32>) -> (usize, usize) {
    let long = width.max(height);
    let longest = longest.map_or(long, |longest| long.min(longest as usize));
    let side = |size: usize| ((size * longest + long / 2) / long).max(1);
    (side(width), side(height))
}

/// Resizes RGB or RGBA (colours weighted by their alpha) with Lanczos' window of three lobes.
pub(super) fn resize(picture: &Picture, width: usize, height: usize) -> Result<Picture, String> {
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    let failed = |what: String| format!("cannot be resized to {width}x{height}: {what}");
    let kind = if picture.channels == 4 { PixelType::U8x4 } else { PixelType::U8x3 };
    let from = ImageRef::new(picture.width as u32, picture.height as u32, &picture.pixels, kind)
        .map_err(|error| failed(error.to_string()))?;
    let mut to = Image::new(width as u32, height as u32, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&from, &mut to, &options).map_err(|error| failed(error.to_string()))?;
    Ok(into_picture(width, height, picture.channels, to.into_vec()))
}
