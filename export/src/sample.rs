//! The picture in a card: what the model makes of something that the project drew.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use easel_pictures::encode_jpeg;
use easel_runtime::Picture;
use easel_runtime::card::{Kind, Sample};
use easel_scenes::{Motif, scene};

use crate::verify::engine;
use crate::{Error, Result};

/// The scene and its size: small, for it travels with every copy of the model.
const SCENE: u64 = 1;
const HEIGHT: usize = 192;
const WIDTH: usize = 256;
/// JPEG quality, which is beyond what the eye sees at this size.
const QUALITY: u8 = 88;

/// Lets a stylizer paint the drawn scene that every stylizer's card shows. Other kinds have no sample.
///
/// It is computed with one thread, so that the same file gives the same bytes.
pub fn sample(model: &[u8], kind: &Kind, library: Option<&Path>) -> Result<Option<Sample>> {
    if !matches!(kind, Kind::Stylizer) {
        return Ok(None);
    }
    let (scene, label) = scene(0, SCENE, HEIGHT, WIDTH);
    let outputs = engine(model, library)?.run_blocking(&[("image", &scene.to_tensor())])?;
    let [(_, stylized)] = &outputs[..] else {
        return Err(Error::Verification(format!("the file has {} outputs, a stylizer has one", outputs.len())));
    };
    let picture = Picture::from_batch(stylized)?.remove(0);
    let jpeg = encode_jpeg(&picture, QUALITY).map_err(|error| Error::Source(format!("the card's sample: {error}")))?;
    let about = format!("a drawn scene ({})", Motif::ALL[label as usize].name());
    Ok(Some(Sample { about, media_type: "image/jpeg".into(), base64: BASE64_STANDARD.encode(jpeg) }))
}
