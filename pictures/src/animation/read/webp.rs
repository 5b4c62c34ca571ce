//! Animated WebP. `image` decodes each frame as a still file, and the frames are drawn here: its own animation decoder
//! does not clear frames that ask for it.

use std::io::Cursor;
use std::time::Duration;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbaImage, codecs::webp::WebPDecoder};

use super::super::riff::{ALPHA, ANIMATION, CLEAR, Chunks, DO_NOT_BLEND, bits24, chunk, file, number};
use super::canvas::{Canvas, Disposal, Patch, upright};
use super::info::{AnimationInfo, FrameSink};
use crate::decode::check_size;
use crate::error::{DecodeError, Result};
use crate::exif::Exif;

pub fn read(bytes: &[u8], sink: &mut FrameSink) -> Result<Option<AnimationInfo>> {
    let extended = bytes.get(..30).is_some_and(|start| start[12..16] == *b"VP8X" && start[20] & ANIMATION > 0);
    if !extended {
        return Ok(None);
    }
    let length = 8 + number(&bytes[4..8]);
    let body = bytes.get(12..length).ok_or(DecodeError::Truncated)?;
    let [width, height] = [24, 27].map(|at| number(&bytes[at..at + 3]) as u32 + 1);
    check_size(width, height, 4 * u64::from(width) * u64::from(height))?;

    let chunks = Chunks(body).collect::<Result<Vec<_>>>()?;
    let find = |name| chunks.iter().find(|(found, _)| *found == name).map(|&(_, payload)| payload);
    let exif = find(b"EXIF");
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let repeats = find(b"ANIM").and_then(|payload| payload.get(4..6)).ok_or(DecodeError::Damaged)?;
    let info = AnimationInfo {
        plays: number(repeats) as u32,
        icc_profile: find(b"ICCP").map(<[u8]>::to_vec),
        exif: exif.and_then(Exif::from_bytes),
    };
    let mut canvas = Canvas::new(width, height);
    let mut frames = chunks.iter().filter(|(name, _)| *name == b"ANMF").peekable();
    if frames.peek().is_none() {
        return Err(DecodeError::NoFrames);
    }
    for (_, payload) in frames {
        let (patch, delay) = frame(payload, [width, height])?;
        sink(upright(canvas.draw(&patch), orientation), delay)?;
    }
    Ok(Some(info))
}

pub fn frame_count(bytes: &[u8]) -> Option<usize> {
    let chunks = Chunks(bytes.get(12..)?);
    let frames = chunks.flatten().filter(|(name, _)| *name == b"ANMF").count();
    (frames > 0).then_some(frames)
}

/// The frame in an ANMF chunk, and its delay. The specification does not allow frames beyond the canvas.
fn frame(payload: &[u8], canvas: [u32; 2]) -> Result<(Patch, Duration)> {
    let head: &[u8; 16] = payload.first_chunk().ok_or(DecodeError::Damaged)?;
    let [left, top, width, height, milliseconds] = [0, 3, 6, 9, 12].map(|at| number(&head[at..at + 3]) as u32);
    let (left, top, width, height) = (2 * left, 2 * top, width + 1, height + 1);
    if left + width > canvas[0] || top + height > canvas[1] {
        return Err(DecodeError::Damaged);
    }
    let patch = Patch {
        left,
        top,
        pixels: still(&payload[16..], width, height)?,
        blend: head[15] & DO_NOT_BLEND == 0,
        disposal: if head[15] & CLEAR == 0 { Disposal::Keep } else { Disposal::Clear },
    };
    Ok((patch, Duration::from_millis(milliseconds.into())))
}

/// Decodes the chunks of a frame: ALPH and VP8, VP8 only, or VP8L.
fn still(chunks: &[u8], width: u32, height: u32) -> Result<RgbaImage> {
    let mut parts = vec![];
    for part in Chunks(chunks) {
        match part? {
            (b"ALPH", alpha) if parts.is_empty() => {
                let size = [width - 1, height - 1].into_iter().flat_map(bits24);
                let extended: Vec<u8> = [ALPHA, 0, 0, 0].into_iter().chain(size).collect();
                parts = [chunk(b"VP8X", &extended), chunk(b"ALPH", alpha)].concat();
            }
            (name @ (b"VP8 " | b"VP8L"), bits) => {
                parts.extend(chunk(name, bits));
                break;
            }
            _ => {}
        }
    }
    let bytes = file(&[parts])?;
    let decoder = WebPDecoder::new(Cursor::new(bytes))?;
    if decoder.dimensions() != (width, height) {
        return Err(DecodeError::Damaged);
    }
    Ok(DynamicImage::from_decoder(decoder)?.into_rgba8())
}
