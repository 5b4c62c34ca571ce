//! A picture file with everything that must survive an edit of its pixels.

mod encode;

use std::time::Duration;

use easel_runtime::Picture;
use easel_runtime::resize::enlarge_smoothly;
use easel_runtime::transparency::split_alpha;
use image::{ImageFormat, RgbaImage};

use crate::animation::read::{self, AnimationInfo};
use crate::colour::is_rgb;
use crate::content::detect_format;
use crate::decode::{DecodedPicture, decode, density};
use crate::density::Density;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::format::FileFormat;
use crate::limits::MAX_DECODED_BYTES;
use crate::resize::shrink;

/// The least memory that a frame of an animation counts for, however small it is.
const MIN_FRAME_BYTES: u64 = 1 << 10;

/// A decoded picture file: a still picture, or the frames of an animation.
pub struct PictureFile {
    format: ImageFormat,
    /// RGB, of one size.
    pictures: Vec<Picture>,
    /// The opacity of each pixel of each picture. `None`: all are opaque.
    alphas: Option<Vec<Vec<u8>>>,
    /// When each frame of an animation ends, from the beginning. Unused for a still picture.
    until: Vec<Duration>,
    /// How often an animation plays; 0: for ever.
    plays: u32,
    /// The ICC profile of the pixels.
    icc_profile: Option<Vec<u8>>,
    /// The EXIF fields that are kept.
    exif: Option<Exif>,
    /// The print resolution.
    density: Option<Density>,
}

impl PictureFile {
    /// The number of frames that a file's header declares; 1 for a still picture, and if the bytes are not a picture.
    pub fn frame_count(bytes: &[u8]) -> usize {
        match detect_format(bytes) {
            Ok(FileFormat::Written(format)) => read::frame_count(bytes, format),
            _ => 1,
        }
    }

    /// Decodes a picture file's bytes, with the format detected by content, and shrinks it if its longer side has more than `max_size` pixels.
    ///
    /// Fails on an animation that takes more memory than [`MAX_DECODED_BYTES`].
    pub fn decode(bytes: &[u8], max_size: Option<u32>) -> Result<Self> {
        Self::decode_within(bytes, max_size, MAX_DECODED_BYTES)
    }

    fn decode_within(file: &[u8], max_size: Option<u32>, limit: u64) -> Result<Self> {
        let content = detect_format(file)?;
        let format = content.written();
        let (mut pictures, mut alphas, mut until) = (vec![], vec![], vec![]);
        let (mut bytes, mut now) = (0, Duration::ZERO);
        let mut sink = |frame: RgbaImage, delay: Duration| {
            let rgba = into_picture(frame.width(), frame.height(), 4, frame.into_raw());
            let Picture { width, height, pixels, .. } = shrink(rgba, max_size)?;
            let (rgb, alpha) = split_alpha(&pixels, width, height)?;
            bytes += ((rgb.pixels.len() + alpha.len()) as u64).max(MIN_FRAME_BYTES);
            if bytes > limit {
                return Err(DecodeError::TooManyFrames { width: rgb.width, height: rgb.height, limit });
            }
            now += delay;
            pictures.push(rgb);
            alphas.push(alpha);
            until.push(now);
            Ok(())
        };
        let animation = match content {
            FileFormat::Written(format) => read::read(file, format, &mut sink)?,
            _ => None,
        };
        if let Some(AnimationInfo { plays, icc_profile, exif }) = animation {
            // Frames are read with an alpha channel, whether they use it or not.
            let alphas = alphas.iter().flatten().any(|&alpha| alpha < 255).then_some(alphas);
            let icc_profile = icc_profile.filter(|profile| is_rgb(profile));
            let density = density(file)?;
            return Ok(Self { format, pictures, alphas, until, plays, icc_profile, exif, density });
        }
        let DecodedPicture { picture, icc_profile, exif, density, .. } = decode(file)?;
        let (width, height) = (picture.width(), picture.height());
        let (picture, alphas) = if picture.color().has_alpha() {
            let rgba = into_picture(width, height, 4, picture.into_rgba8().into_raw());
            let Picture { width, height, pixels, .. } = shrink(rgba, max_size)?;
            let (rgb, alpha) = split_alpha(&pixels, width, height)?;
            (rgb, Some(vec![alpha]))
        } else {
            (shrink(into_picture(width, height, 3, picture.into_rgb8().into_raw()), max_size)?, None)
        };
        let until = vec![Duration::ZERO];
        Ok(Self { format, pictures: vec![picture], alphas, until, plays: 0, icc_profile, exif, density })
    }

    /// The RGB pictures, all of one size: one, or the frames of an animation in order.
    pub fn pictures(&self) -> &[Picture] {
        &self.pictures
    }

    /// The pictures, to be replaced by others of one size, each with the opacity of its pixels unless all are opaque.
    /// Transparency stays as it is; see [`Self::enlarge_alpha`].
    pub fn frames_mut(&mut self) -> impl Iterator<Item = (&mut Picture, Option<&[u8]>)> {
        let alphas = self.alphas.as_deref();
        let alpha = move |at: usize| alphas.map(|alphas| alphas[at].as_slice());
        self.pictures.iter_mut().enumerate().map(move |(at, picture)| (picture, alpha(at)))
    }

    /// Scales the alpha channel up by a whole factor, to match pictures that were replaced by larger ones.
    pub fn enlarge_alpha(&mut self, factor: usize) {
        let Some(Picture { width, height, .. }) = self.pictures.first().filter(|_| factor > 1) else { return };
        let (width, height) = (width / factor, height / factor);
        for alpha in self.alphas.iter_mut().flatten() {
            let small = Picture { width, height, channels: 1, pixels: std::mem::take(alpha) };
            *alpha = enlarge_smoothly(&small, factor).pixels;
        }
    }

    /// Width and height of each picture.
    pub fn size(&self) -> (usize, usize) {
        self.pictures.first().map_or((0, 0), |picture| (picture.width, picture.height))
    }

    /// Whether there is more than one picture.
    pub fn is_animated(&self) -> bool {
        self.pictures.len() > 1
    }

    /// The file's format if it is one that is written, or PNG.
    pub fn format(&self) -> ImageFormat {
        self.format
    }

    /// Removes the EXIF fields. Pixels, transparency, delays, print resolution and the colour profile stay.
    pub fn strip(&mut self) {
        self.exif = None;
    }
}

fn into_picture(width: u32, height: u32, channels: usize, pixels: Vec<u8>) -> Picture {
    Picture { width: width as usize, height: height as usize, channels, pixels }
}

#[cfg(test)]
mod tests;
