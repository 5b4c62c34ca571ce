//! `reference MODEL OUT`: what the native runtime computes with a model, for the browser's tests to compare with. The file
//! is described in `web/tests/README.md`. Fails if candle and ONNX Runtime disagree on the same z.
//!
//! The frames of a walk come from the program `sample`, which must be in the same folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use candle_core::{Device, Tensor};
use easel_export::models;
use easel_files::write_atomically;
use easel_native::stylize::{IoOptions, Stylizer, TileStatistics, Tiling};
use easel_native::{EngineOptions, Model};
use easel_pictures::decode_file;
use easel_runtime::card::Kind;
use easel_runtime::denoiser::{Denoiser, Draw, SampleRequest, Sampler};
use easel_runtime::generator::{generate, latents, latents_of_seeds};
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid};
use easel_runtime::random::KNOWN_NORMALS;
use easel_runtime::stylizer::Compositing;
use easel_runtime::stylizer::tiles::{self, Grid};
use easel_runtime::walk::Walk;
use easel_runtime::{Engine, ModelCard, Picture};
use easel_scenes::scene;
use easel_train::Weights;
use serde_json::json;

/// Between two engines, on pictures in `[0, 1]`.
const TOLERANCE: f32 = 1e-4;
/// The seed of the grid and of z.
const SEED: u64 = 1;
/// The most pixels at once where a picture is stylized in tiles: the fewest that the browser's runtime takes.
const TILED: usize = 256 * 256;
/// Pictures in the grid.
const COUNT: usize = 16;
/// The seeds of the walk, and its frames from one to the next.
const WALK: ([u64; 2], usize) = ([1, 2], 5);

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [model, out] = &arguments[..] else { bail!("usage: reference MODEL OUT") };
    write_atomically(Path::new(out), reference(Path::new(model))?.to_string().as_bytes())?;
    Ok(())
}

fn reference(path: &Path) -> Result<serde_json::Value> {
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    if matches!(ModelCard::from_model(&fs::read(path)?)?.kind, Kind::Stylizer) {
        return stylized(Stylizer::open(path, IoOptions::default(), &options)?);
    }
    let model = Model::open(path, &options)?;
    if matches!(model.card.kind, Kind::Denoiser { .. }) { sampled(model) } else { generated(path, model) }
}

fn stylized(mut stylizer: Stylizer) -> Result<serde_json::Value> {
    let mut results = Vec::new();
    let (strong, mixed) = (Compositing::default(), Compositing { strength: 0.6, keep_color: true });
    for (width, height, most, compositing) in
        [(101, 67, 1 << 20, strong), (101, 67, 1 << 20, mixed), (400, 300, TILED, strong)]
    {
        let (picture, _) = scene(0, 1, height, width);
        let plan = tiles::plan_within(width, height, most, Grid::EASEL);
        let tiling = Tiling::new(plan, TileStatistics::Thumbnail(TILED));
        let result = stylizer.run(&picture, &tiling, compositing, |_| {})?;
        results.push(json!({
            "width": width,
            "height": height,
            "rgba": BASE64_STANDARD.encode(picture.to_rgba()),
            "options": { "maxPixels": most, "strength": compositing.strength, "keepColor": compositing.keep_color },
            "tiles": tiling.tiles.len(),
            "stylized": BASE64_STANDARD.encode(result.to_rgba()),
        }));
    }
    Ok(json!({ "engine": stylizer.engine.describe(), "results": results }))
}

fn sampled(Model { card, mut engine }: Model) -> Result<serde_json::Value> {
    let denoiser = Denoiser::new(&card)?;
    let mut sample = |sampler: Sampler, steps, guidance, labels: &[usize], count: u32| -> Result<_> {
        let of = |&label: &usize| (0..count).map(move |number| Draw { label, seed: SEED, number });
        let request = SampleRequest { draws: labels.iter().flat_map(of).collect(), sampler, steps, guidance };
        let pictures = pollster::block_on(denoiser.sample(&mut engine, &request, |_| {}))?;
        let pixels: Vec<u8> = Picture::from_batch(&pictures)?.iter().flat_map(Picture::to_rgba).collect();
        let eta = if let Sampler::Ddim { eta } = sampler { Some(eta) } else { None };
        Ok(json!({
            "options": { "sampler": sampler.name(), "eta": eta, "steps": steps, "guidance": guidance },
            "labels": labels,
            "seed": SEED.to_string(),
            "count": count,
            "rgba": BASE64_STANDARD.encode(pixels),
        }))
    };
    let all: Vec<_> = (0..denoiser.classes).collect();
    let guidance = if denoiser.null_label.is_some() { 2.0 } else { 1.0 };
    let samples = [
        sample(Sampler::DpmSolver, 20, 1.0, &all, 1)?,
        sample(Sampler::DpmSolver, 5, 1.0, &all[1..3], 1)?,
        sample(Sampler::Ddim { eta: 1.0 }, 5, guidance, &all[..1], 1)?,
        sample(Sampler::Ancestral, denoiser.schedule.steps(), 1.0, &all[..1], 1)?,
    ];
    Ok(json!({ "engine": engine.describe(), "samples": samples }))
}

fn generated(path: &Path, Model { card, mut engine }: Model) -> Result<serde_json::Value> {
    let z = latents(&card, SEED, 0, COUNT)?;
    let image = pollster::block_on(generate(&mut engine, &z))?;
    let in_candle = by_candle(path, &z)?;
    let difference = image.as_f32()?.iter().zip(&in_candle).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    ensure!(difference <= TOLERANCE, "candle and ONNX Runtime are {difference} apart on {}", path.display());

    let walk = walked(path, &card)?;
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
        "walk": walk,
        "normals": { "seed": seed.to_string(), "stream": stream.to_string(), "bits": bits },
    }))
}

/// The walk from one seed to the other: its latent vectors, and the frames that `sample` writes as PNG files.
fn walked(path: &Path, card: &ModelCard) -> Result<serde_json::Value> {
    let (seeds, steps) = WALK;
    let walk = Walk::new(card.latent()?, latents_of_seeds(card, &seeds)?, steps, false)?;
    let z = walk.frames(0, walk.len())?;

    let folder = tempfile::tempdir()?;
    let frames = folder.path().join("frames");
    let program = std::env::current_exe()?.with_file_name("sample");
    let (seed_list, frames_each) = (seeds.map(|seed| seed.to_string()).join(","), steps.to_string());
    let status = Command::new(&program)
        .arg("-m")
        .arg(path)
        .args(["--seeds", &seed_list, "--walk", &frames_each, "--one-way", "--scale", "1"])
        .args(["--threads", "1", "--device", "cpu", "-o"])
        .arg(&frames)
        .status()
        .with_context(|| program.display().to_string())?;
    ensure!(status.success(), "{}: {status}", program.display());
    let mut files: Vec<_> = fs::read_dir(&frames)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    ensure!(files.len() == walk.len(), "{} frames of a walk that has {}", files.len(), walk.len());
    let mut pictures = Vec::new();
    for file in files {
        let decoded = decode_file(&file).map_err(|error| anyhow!("{}: {error}", file.display()))?;
        pictures.push(BASE64_STANDARD.encode(decoded.picture.to_rgba8().as_raw()));
    }
    Ok(json!({
        "seeds": seeds.map(|seed| seed.to_string()),
        "steps": steps,
        "bits": z.as_f32()?.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        "frames": pictures,
    }))
}

/// The pictures that the network with the file's own weights computes in candle.
fn by_candle(path: &Path, z: &easel_runtime::Tensor) -> Result<Vec<f32>> {
    let bytes = fs::read(path)?;
    let weights = Weights::from_model(&bytes, &ModelCard::from_model(&bytes)?)?;
    let z = Tensor::from_slice(z.as_f32()?, z.shape(), &Device::Cpu)?;
    let outputs = models::of_network(&weights.network()?)?.compute(&[("z", z)])?;
    let (_, image) = outputs.first().context("the network has no output")?;
    Ok(image.flatten_all()?.to_vec1()?)
}
