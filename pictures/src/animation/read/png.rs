//! Animated PNG, by `image`.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::png::PngDecoder;
use image::metadata::{LoopCount, Orientation};
use image::{AnimationDecoder, ImageDecoder, Limits};

use super::canvas::upright;
use super::info::{AnimationInfo, FrameSink};
use crate::decode::check_size;
use crate::decode::png::colours;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;
use crate::limits::MAX_DECODED_BYTES;

pub fn read(bytes: &[u8], sink: &mut FrameSink) -> Result<Option<AnimationInfo>> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(4 * MAX_DECODED_BYTES);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits)?;
    if !decoder.is_apng().is_ok_and(|animated| animated) {
        return Ok(None);
    }
    let (width, height) = decoder.dimensions();
    check_size(width, height, 4 * u64::from(width) * u64::from(height))?;
    let (icc_profile, colour_space) = colours(bytes, decoder.icc_profile().ok().flatten());
    let exif = decoder.exif_metadata().ok().flatten().and_then(|exif| Exif::from_bytes(&exif));
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let animation = decoder.apng()?;
    let plays = match animation.loop_count() {
        LoopCount::Infinite => 0,
        LoopCount::Finite(plays) => plays.get(),
    };
    let mut frames = 0;
    for frame in animation.into_frames() {
        let mut frame = frame?;
        if let Some(space) = colour_space {
            space.convert(frame.buffer_mut(), 4, 3);
        }
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let delay = Duration::from_nanos(u64::from(numerator) * 1_000_000 / u64::from(denominator));
        sink(upright(frame.into_buffer(), orientation), delay)?;
        frames += 1;
    }
    if frames == 0 {
        return Err(DecodeError::NoFrames);
    }
    Ok(Some(AnimationInfo { plays, icc_profile, exif }))
}

pub fn frame_count(bytes: &[u8]) -> Option<usize> {
    let reader = png::Decoder::new(Cursor::new(bytes)).read_info().ok()?;
    Some(reader.info().animation_control()?.num_frames as usize)
}
