//! Animated WebP: the container of Google's "WebP Container Specification". Each frame is decoded by `image` as a still
//! file of its own, and drawn here: `image` itself leaves frames in place that are to be cleared.

use std::io::Cursor;
use std::time::Duration;

use easel_runtime::decode::{DAMAGED, Exif, TRUNCATED, check_size, in_words};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbaImage, codecs::webp::WebPDecoder};

use super::canvas::{Canvas, Disposal, Patch};
use super::{Take, Whole, upright};
use crate::animation::webp::{ALPHA, ANIMATION, CLEAR, DO_NOT_BLEND, bits24, chunk, file};

pub fn read(bytes: &[u8], take: &mut Take) -> Result<Option<Whole>, String> {
    let extended = bytes.get(..30).is_some_and(|start| start[12..16] == *b"VP8X" && start[20] & ANIMATION > 0);
    if !extended {
        return Ok(None);
    }
    let length = 8 + number(&bytes[4..8]);
    let body = bytes.get(12..length).ok_or(TRUNCATED)?;
    let [width, height] = [24, 27].map(|at| number(&bytes[at..at + 3]) as u32 + 1);
    check_size(width, height, 4 * u64::from(width) * u64::from(height))?;

    let chunks = Chunks(body).collect::<Result<Vec<_>, _>>()?;
    let find = |name| chunks.iter().find(|(found, _)| *found == name).map(|&(_, payload)| payload);
    let exif = find(b"EXIF");
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let repeats = find(b"ANIM").and_then(|payload| payload.get(4..6)).ok_or(DAMAGED)?;
    let whole = Whole {
        plays: number(repeats) as u32,
        icc_profile: find(b"ICCP").map(<[u8]>::to_vec),
        exif: exif.and_then(Exif::from_bytes),
    };
    let mut canvas = Canvas::new(width, height);
    let mut frames = chunks.iter().filter(|(name, _)| *name == b"ANMF").peekable();
    if frames.peek().is_none() {
        return Err("an animation without frames".into());
    }
    for (_, payload) in frames {
        let (patch, shown_for) = frame(payload, [width, height])?;
        take(upright(canvas.show(&patch), orientation), shown_for)?;
    }
    Ok(Some(whole))
}

pub fn frames(bytes: &[u8]) -> Option<usize> {
    let chunks = Chunks(bytes.get(12..)?);
    let frames = chunks.flatten().filter(|(name, _)| *name == b"ANMF").count();
    (frames > 0).then_some(frames)
}

/// The frame that an ANMF chunk holds. One that is not within the canvas is an error, as the specification has it.
fn frame(payload: &[u8], canvas: [u32; 2]) -> Result<(Patch, Duration), String> {
    let head: &[u8; 16] = payload.first_chunk().ok_or(DAMAGED)?;
    let [left, top, width, height, milliseconds] = [0, 3, 6, 9, 12].map(|at| number(&head[at..at + 3]) as u32);
    let (left, top, width, height) = (2 * left, 2 * top, width + 1, height + 1);
    if left + width > canvas[0] || top + height > canvas[1] {
        return Err(DAMAGED.into());
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

/// Decodes a frame's chunks: ALPH and VP8, VP8 alone, or VP8L.
fn still(chunks: &[u8], width: u32, height: u32) -> Result<RgbaImage, String> {
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
    let bytes = file(&[parts]).map_err(|error| error.to_string())?;
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| in_words(&error))?;
    if decoder.dimensions() != (width, height) {
        return Err(DAMAGED.into());
    }
    Ok(DynamicImage::from_decoder(decoder).map_err(|error| in_words(&error))?.into_rgba8())
}

/// The named chunks of a RIFF file or of a chunk. Fails on one that stops early.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<(&'a [u8; 4], &'a [u8]), String>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let found = rest.split_first_chunk::<4>().and_then(|(length, rest)| rest.split_at_checked(number(length)));
        let Some((payload, rest)) = found else {
            self.0 = &[];
            return Some(Err(TRUNCATED.into()));
        };
        // Chunks begin at even places; the last one's padding may be missing.
        self.0 = rest.get(payload.len() % 2..).unwrap_or_default();
        Some(Ok((name, payload)))
    }
}

/// A little-endian number of up to four bytes.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}
