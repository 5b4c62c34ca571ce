//! `stylize --doctor`: checks what works on this machine.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use easel_runtime::stylizer::Compositing;
use easel_runtime::{Device, Engine, ModelCard, Picture, Tensor, golden};

use super::options::IoOptions;
use super::stylizer::Stylizer;
use super::video::ffmpeg;
use crate::cli::EngineArgs;
use crate::engine::{EngineOptions, OrtEngine};
use crate::error::{Error, GET_FFMPEG, Result};
use crate::library;
use crate::model::{AnyModelFile, find_model, shipped_models};

/// The side of the picture that stylizers are timed on.
const SIDE: usize = 256;

/// `y = Identity(x)` for float32 of one element: ModelProto with IR version 8, opset 17 and a graph of one node.
const IDENTITY: &[u8] = b"\x08\x08\x42\x02\x10\x11\x3a\x37\x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity\x12\x01g\
    \x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01\
    \x62\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";

/// Prints on stdout which library is used, which devices work, and how fast the stylizers are: the shipped ones, and those
/// of `models`. Fails at the end if the library, the device asked for or a model does not work.
pub fn doctor(models: &[PathBuf], engine: &EngineArgs) -> Result<()> {
    let options = engine.options();
    let mut broken = vec![];
    say(&format!("stylize {}", env!("CARGO_PKG_VERSION")));
    match library::load(options.library.as_deref()) {
        Ok(library) => {
            line("library", "ok", &format!("ONNX Runtime {} at {}", library.version, library.path.display()))
        }
        Err(error) => {
            line("library", "MISSING", &error.to_string());
            return Err(Error::CheckFailed { failed: vec!["ONNX Runtime's library"] });
        }
    }
    let mut devices = vec![Device::Cpu, Device::Cuda(0)];
    if let Device::Cuda(1..) = options.device {
        devices.push(options.device);
    }
    for device in devices {
        let needed = device == Device::Cpu || device == options.device;
        match try_device(device, &options) {
            Ok(what) => line(&device.to_string(), "ok", &what),
            Err(error) => {
                line(&device.to_string(), if needed { "FAILS" } else { "no" }, &reason(error));
                if needed {
                    broken.push("a device");
                }
            }
        }
    }
    match ffmpeg::version() {
        Some(version) => line("ffmpeg", "ok", &version),
        None => line("ffmpeg", "none", &format!("videos need it; {GET_FFMPEG}")),
    }
    let mut named_models = shipped_models();
    for named in models {
        match find_model(named) {
            Ok(path) if named_models.iter().any(|(_, known)| is_same(known, &path)) => {}
            Ok(path) => named_models.push((named.display().to_string(), path)),
            Err(error) => {
                line(&named.display().to_string(), "FAILS", &error.to_string());
                broken.push("a model");
            }
        }
    }
    if named_models.is_empty() {
        line("models", "none", "no folder `models` beside the program or this folder, or above; name a file with -m");
    }
    for (name, path) in &named_models {
        match try_model(path, &options) {
            Ok(ModelCheck::Stylizer(what)) => line(name, "ok", &what),
            Ok(ModelCheck::Other(what)) => line(name, "other", &what),
            Err(error) => {
                line(name, "FAILS", &error.to_string());
                broken.push("a model");
            }
        }
    }
    broken.dedup();
    if broken.is_empty() { Ok(()) } else { Err(Error::CheckFailed { failed: broken }) }
}

fn line(what: &str, state: &str, more: &str) {
    say(&format!("{what:<16} {state:<8} {more}"));
}

/// Prints a line on stdout. If nobody reads any more, the exit status still counts.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The reason alone, since `--device` was not given.
fn reason(error: Error) -> String {
    match error {
        Error::DeviceUnavailable { reason, .. } => reason,
        other => other.to_string(),
    }
}

fn try_device(device: Device, options: &EngineOptions) -> Result<String> {
    let mut engine = OrtEngine::load(IDENTITY, &EngineOptions { device, ..options.clone() })?;
    let one = Tensor::new([1], vec![0.5f32])?;
    let outputs = engine.run_blocking(&[("x", &one)])?;
    if outputs.first().map(|(_, tensor)| tensor) != Some(&one) {
        return Err(Error::WrongNumbers);
    }
    let described = engine.describe();
    let processor = described.split(" on ").last().unwrap_or(&described);
    Ok(processor.trim_start_matches("CPU, ").to_string())
}

enum ModelCheck {
    Stylizer(String),
    Other(String),
}

/// Runs a model on its golden input, and a stylizer on a synthetic picture.
fn try_model(path: &Path, options: &EngineOptions) -> Result<ModelCheck> {
    let file = AnyModelFile::read(path)?;
    let golden = file.card.as_ref().map_or(Ok(""), |card| check_golden(&file.bytes, card, options))?;
    if let Some(card) = &file.card
        && card.kind.name() != "stylizer"
    {
        return Ok(ModelCheck::Other(format!("{}, a {}{golden}", card.title, card.kind.name())));
    }
    let mut stylizer = Stylizer::open(path, IoOptions::default(), options)?;
    let picture = test_picture();
    let tiling = stylizer.fewest_tiles(SIDE, SIDE);
    let mut once = || -> Result<u128> {
        let began = Instant::now();
        stylizer.run(&picture, &tiling, Compositing::default(), |_| {})?;
        Ok(began.elapsed().as_millis())
    };
    // The first run includes the engine's warm-up.
    let times = [once()?, once()?];
    let width = stylizer.width.map(|width| format!(", width {width}")).unwrap_or_default();
    let tiles = if stylizer.io_spec.statistics { "" } else { ", tiles differ in tone" };
    let [first, second] = times;
    let what =
        format!("{}, a stylizer{width}{tiles}: {SIDE}x{SIDE} in {} ms{golden}", stylizer.title, first.min(second));
    Ok(ModelCheck::Stylizer(what))
}

/// Compares the engine's output with the golden output of the card, if it has one.
fn check_golden(model: &[u8], card: &ModelCard, options: &EngineOptions) -> Result<&'static str> {
    let mut engine = OrtEngine::load(model, options)?;
    let checked = pollster::block_on(golden::check(&mut engine, card))?;
    Ok(if checked.is_some() { ", golden output correct" } else { "" })
}

/// A sky that darkens upwards, and a sun.
fn test_picture() -> Picture {
    let pixel = |at: usize| {
        let (x, y) = ((at % SIDE) as i32, (at / SIDE) as i32);
        let sun = (x - 90).pow(2) + (y - 100).pow(2) < 1600;
        if sun { [250, 220, 120] } else { [60, (y / 2 + 60) as u8, (250 - y / 2) as u8] }
    };
    Picture { width: SIDE, height: SIDE, channels: 3, pixels: (0..SIDE * SIDE).flat_map(pixel).collect() }
}
