//! PNG, animated or not. `image` writes still pictures only, by the crate `png`, and no density.

use std::io;
use std::time::Duration;

use png::{BitDepth, ColorType, Encoder, Filter, Info};

use super::frame::Frame;
use super::settings::AnimationSettings;
use super::ticks::Ticks;
use crate::density::Density;
use crate::quality::Compression;

/// A PNG of RGB frames, each with the time at which it ends; of one frame, a still picture. Fails without frames.
pub fn write_png(
    frames: &[(Frame, Duration)],
    settings: &AnimationSettings,
    compression: Compression,
) -> io::Result<Vec<u8>> {
    let first = frames.first().ok_or_else(|| io::Error::other("an animation needs a frame"))?.0;
    let mut info = Info::with_size(first.picture.width as u32, first.picture.height as u32);
    info.icc_profile = settings.icc_profile.as_deref().map(Into::into);
    info.exif_metadata = settings.exif.as_deref().map(Into::into);
    info.pixel_dims = settings.density.map(Density::phys);
    let mut bytes = vec![];
    let mut encoder = Encoder::with_info(&mut bytes, info)?;
    let transparent = frames.iter().any(|(frame, _)| frame.alpha.is_some());
    encoder.set_color(if transparent { ColorType::Rgba } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(compression.into());
    encoder.set_filter(Filter::Adaptive);
    let animated = frames.len() > 1;
    if animated {
        encoder.set_animated(frames.len() as u32, settings.plays)?;
    }
    let mut writer = encoder.write_header()?;
    let mut ticks = Ticks::new(1000);
    for (frame, until) in frames {
        let milliseconds = ticks.delay(*until);
        let (numerator, denominator) = match u16::try_from(milliseconds) {
            Ok(milliseconds) => (milliseconds, 1000),
            Err(_) => (u16::try_from(milliseconds / 1000).unwrap_or(u16::MAX), 1),
        };
        if animated {
            writer.set_frame_delay(numerator, denominator)?;
        }
        if transparent {
            writer.write_image_data(&frame.rgba())?;
        } else {
            writer.write_image_data(&frame.picture.pixels)?;
        }
    }
    writer.finish()?;
    Ok(bytes)
}
