//! `reference MODEL OUT`: what the native runtime makes of a generator, for the browser's tests to compare with.
//! `web/tests/README.md` describes the file. It also fails where candle and ONNX Runtime disagree on the same z.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use candle_core::{Device, Tensor};
use easel_export::{inspect, models};
use easel_native::{Model, Options};
use easel_runtime::files::write_atomically;
use easel_runtime::generator::{generate, latents};
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid};
use easel_runtime::random::KNOWN_NORMALS;
use easel_runtime::{Engine, Picture};
use serde_json::json;

/// Between two engines, on pictures in `[0, 1]`.
const TOLERANCE: f32 = 1e-4;
/// The seed of the grid and of z.
const SEED: u64 = 1;
/// Pictures in the grid.
const COUNT: usize = 16;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [model, out] = &arguments[..] else { bail!("usage: reference MODEL OUT") };
    write_atomically(Path::new(out), reference(Path::new(model))?.to_string().as_bytes())?;
    Ok(())
}

fn reference(path: &Path) -> Result<serde_json::Value> {
    let Model { card, mut engine } = Model::open(path, &Options { threads: Some(1), ..Options::default() })?;
    let z = latents(&card, SEED, 0, COUNT)?;
    let image = pollster::block_on(generate(&mut engine, &z))?;
    let in_candle = by_candle(path, &z)?;
    let difference = image.as_f32()?.iter().zip(&in_candle).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    ensure!(difference <= TOLERANCE, "candle and ONNX Runtime are {difference} apart on {}", path.display());

    let sheet = grid(&Picture::from_batch(&image)?, GridShape::square(COUNT), GAP, BACKGROUND)?;
    let (seed, stream, bits) = KNOWN_NORMALS;
    Ok(json!({
        "engine": engine.describe(),
        "z": z.as_f32()?,
        "z_shape": z.shape(),
        "image": image.as_f32()?,
        "image_shape": image.shape(),
        "grid": {
            "seed": SEED.to_string(),
            "count": COUNT,
            "width": sheet.width,
            "height": sheet.height,
            "channels": sheet.channels,
            "pixels": BASE64_STANDARD.encode(&sheet.pixels),
        },
        "normals": { "seed": seed.to_string(), "stream": stream.to_string(), "bits": bits },
    }))
}

/// The pictures that the network with the file's own weights computes in candle.
fn by_candle(path: &Path, z: &easel_runtime::Tensor) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path)?;
    let weights = inspect::weights_of_model(&bytes, &easel_runtime::ModelCard::from_model(&bytes)?)?;
    let z = Tensor::from_slice(z.as_f32()?, z.shape(), &Device::Cpu)?;
    let outputs = models::of_network(&weights.network()?)?.compute(&[("z", z)])?;
    let (_, image) = outputs.first().context("the network has no output")?;
    Ok(image.flatten_all()?.to_vec1()?)
}
