//! GIF, by the crate `gif`.

use std::num::NonZeroU64;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use image::RgbaImage;

use super::canvas::{Canvas, Disposal, Patch};
use super::info::{AnimationInfo, FrameSink};
use crate::decode::check_size;
use crate::error::{DecodeError, Result};
use crate::limits::MAX_DECODED_BYTES;

pub fn read(bytes: &[u8], sink: &mut FrameSink) -> Result<AnimationInfo> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(NonZeroU64::new(MAX_DECODED_BYTES).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(bytes).map_err(decode_error)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    check_size(width, height, 4 * u64::from(width) * u64::from(height))?;
    let mut canvas = Canvas::new(width, height);
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(decode_error)? {
        let patch = Patch {
            left: frame.left.into(),
            top: frame.top.into(),
            pixels: RgbaImage::from_raw(frame.width.into(), frame.height.into(), frame.buffer.to_vec())
                .ok_or(DecodeError::Damaged)?,
            blend: true,
            disposal: match frame.dispose {
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
                DisposalMethod::Background => Disposal::Clear,
                DisposalMethod::Previous => Disposal::Restore,
            },
        };
        let delay = Duration::from_millis(10 * u64::from(frame.delay));
        sink(canvas.draw(&patch), delay)?;
        frames += 1;
    }
    if frames == 0 {
        return Err(DecodeError::NoFrames);
    }
    let plays = match decoder.repeat() {
        Repeat::Infinite => 0,
        // The format counts repetitions.
        Repeat::Finite(again) => u32::from(again) + 1,
    };
    Ok(AnimationInfo { plays, icc_profile: decoder.icc_profile().map(<[u8]>::to_vec), exif: None })
}

pub fn frame_count(bytes: &[u8]) -> Option<usize> {
    let mut options = DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(bytes).ok()?;
    let mut frames = 0;
    while decoder.next_frame_info().ok()?.is_some() {
        frames += 1;
    }
    Some(frames)
}

fn decode_error(error: DecodingError) -> DecodeError {
    match error {
        DecodingError::UnexpectedEof => DecodeError::Truncated,
        DecodingError::Io(error) => DecodeError::Io(error),
        _ => DecodeError::Damaged,
    }
}
