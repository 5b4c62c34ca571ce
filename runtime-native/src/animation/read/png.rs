//! Animated PNG, by `image`.

use std::io::Cursor;
use std::time::Duration;

use easel_runtime::decode::{Exif, MOST_DECODED_BYTES, check_size, in_words};
use image::codecs::png::PngDecoder;
use image::metadata::{LoopCount, Orientation};
use image::{AnimationDecoder, ImageDecoder, Limits};

use super::{Take, Whole, upright};

pub fn read(bytes: &[u8], take: &mut Take) -> Result<Option<Whole>, String> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(4 * MOST_DECODED_BYTES);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(|error| in_words(&error))?;
    if !decoder.is_apng().is_ok_and(|animated| animated) {
        return Ok(None);
    }
    let (width, height) = decoder.dimensions();
    check_size(width, height, 4 * u64::from(width) * u64::from(height))?;
    let icc_profile = decoder.icc_profile().ok().flatten();
    let exif = decoder.exif_metadata().ok().flatten().and_then(|exif| Exif::from_bytes(&exif));
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let animation = decoder.apng().map_err(|error| in_words(&error))?;
    let plays = match animation.loop_count() {
        LoopCount::Infinite => 0,
        LoopCount::Finite(plays) => plays.get(),
    };
    let mut frames = 0;
    for frame in animation.into_frames() {
        let frame = frame.map_err(|error| in_words(&error))?;
        let (milliseconds, of) = frame.delay().numer_denom_ms();
        let shown_for = Duration::from_nanos(u64::from(milliseconds) * 1_000_000 / u64::from(of));
        take(upright(frame.into_buffer(), orientation), shown_for)?;
        frames += 1;
    }
    if frames == 0 {
        return Err("an animation without frames".into());
    }
    Ok(Some(Whole { plays, icc_profile, exif }))
}

pub fn frames(bytes: &[u8]) -> Option<usize> {
    let reader = png::Decoder::new(Cursor::new(bytes)).read_info().ok()?;
    Some(reader.info().animation_control()?.num_frames as usize)
}
