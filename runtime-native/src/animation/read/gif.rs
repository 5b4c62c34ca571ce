//! GIF.

use std::num::NonZeroU64;
use std::time::Duration;

use easel_runtime::decode::{DAMAGED, MOST_DECODED_BYTES, TRUNCATED, check_size};
use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use image::RgbaImage;

use super::canvas::{Canvas, Disposal, Patch};
use super::{Take, Whole};

pub fn read(bytes: &[u8], take: &mut Take) -> Result<Whole, String> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(NonZeroU64::new(MOST_DECODED_BYTES).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(bytes).map_err(in_words)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    check_size(width, height, 4 * u64::from(width) * u64::from(height))?;
    let mut canvas = Canvas::new(width, height);
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(in_words)? {
        let patch = Patch {
            left: frame.left.into(),
            top: frame.top.into(),
            pixels: RgbaImage::from_raw(frame.width.into(), frame.height.into(), frame.buffer.to_vec())
                .ok_or(DAMAGED)?,
            blend: true,
            disposal: match frame.dispose {
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
                DisposalMethod::Background => Disposal::Clear,
                DisposalMethod::Previous => Disposal::Restore,
            },
        };
        let shown_for = Duration::from_millis(10 * u64::from(frame.delay));
        take(canvas.show(&patch), shown_for)?;
        frames += 1;
    }
    if frames == 0 {
        return Err("an animation without frames".into());
    }
    let plays = match decoder.repeat() {
        Repeat::Infinite => 0,
        // The format counts how often it begins anew.
        Repeat::Finite(again) => u32::from(again) + 1,
    };
    Ok(Whole { plays, icc_profile: decoder.icc_profile().map(<[u8]>::to_vec), exif: None })
}

pub fn frames(bytes: &[u8]) -> Option<usize> {
    let mut options = DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(bytes).ok()?;
    let mut frames = 0;
    while decoder.next_frame_info().ok()?.is_some() {
        frames += 1;
    }
    Some(frames)
}

fn in_words(error: DecodingError) -> String {
    match error {
        DecodingError::UnexpectedEof => TRUNCATED.into(),
        DecodingError::Io(error) => error.to_string(),
        _ => DAMAGED.into(),
    }
}
