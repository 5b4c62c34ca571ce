//! The sample picture in a card: a drawn scene, stylized.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use easel_pictures::encode_jpeg;
use easel_runtime::Picture;
use easel_runtime::card::{Kind, Sample};
use easel_scenes::{Motif, scene};

use crate::error::{Error, Result};
use crate::verify::engine;

/// The scene's seed and its size, which is small since every copy of the model carries it.
const SCENE: u64 = 1;
const HEIGHT: usize = 192;
const WIDTH: usize = 256;
/// JPEG quality. Losses are invisible at this size.
const QUALITY: u8 = 88;

/// The sample of a stylizer; other kinds have none. It is computed with one thread, so that the same file gives the same
/// bytes.
pub fn sample(model: &[u8], kind: &Kind, library: Option<&Path>) -> Result<Option<Sample>> {
    if !matches!(kind, Kind::Stylizer) {
        return Ok(None);
    }
    let (scene, label) = scene(0, SCENE, HEIGHT, WIDTH);
    let outputs = engine(model, library)?.run_blocking(&[("image", &scene.to_tensor())])?;
    let [(_, stylized)] = &outputs[..] else {
        return Err(Error::OutputCount { found: outputs.len(), expected: 1 });
    };
    let picture = Picture::from_batch(stylized)?.remove(0);
    let jpeg = encode_jpeg(&picture, QUALITY).map_err(Error::Sample)?;
    let about = format!("a drawn scene ({})", Motif::ALL[label as usize].name());
    Ok(Some(Sample { about, media_type: "image/jpeg".into(), base64: BASE64_STANDARD.encode(jpeg) }))
}
