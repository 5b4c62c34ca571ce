//! `stylize --doctor`: checks what works on this machine.

use std::mem;
use std::path::{Path, PathBuf};
use std::time::Instant;

use easel_console::Results;
use easel_console::interrupt::on_interrupt;
use easel_runtime::stylizer::Compositing;
use easel_runtime::{Device, Engine, ModelCard, Picture, Tensor, golden};
use serde_json::json;

use super::options::IoOptions;
use super::stylizer::Stylizer;
use super::video::ffmpeg;
use crate::engine::{EngineChoice, EngineOptions, NativeEngine};
use crate::error::{Error, GET_FFMPEG, Result, printed};
use crate::library;
use crate::model::{AnyModelFile, find_model, shipped_models};

/// The side of the picture that stylizers are timed on.
const SIDE: usize = 256;

/// `y = Identity(x)` for float32 of one element: ModelProto with IR version 8, opset 17 and a graph of one node.
const IDENTITY: &[u8] = b"\x08\x08\x42\x02\x10\x11\x3a\x37\x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity\x12\x01g\
    \x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01\
    \x62\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";

/// Prints on stdout which library is used, which devices work, and how fast the stylizers are: the shipped ones, and those
/// of `models`; as JSON, an object for each check and one for the end. Fails at the end if the engine or the device asked
/// for or a model does not work.
pub fn doctor(models: &[PathBuf], options: &EngineOptions, json: bool) -> Result<()> {
    let mut checks = Checks { results: Results::new(), json, broken: vec![] };
    if json {
        on_interrupt(|| Checks { results: Results::new(), json: true, broken: vec![] }.summary(Some("interrupted")));
    }
    checks.run(models, options);
    checks.broken.dedup();
    let failed = mem::take(&mut checks.broken);
    let checked = if failed.is_empty() { Ok(()) } else { Err(Error::CheckFailed { failed }) };
    checks.summary(checked.as_ref().err().map(ToString::to_string).as_deref());
    checked?;
    printed(checks.results.finish())
}

/// Checks, which are printed as they are done.
struct Checks {
    results: Results,
    json: bool,
    /// What does not work.
    broken: Vec<&'static str>,
}

impl Checks {
    fn run(&mut self, models: &[PathBuf], options: &EngineOptions) {
        match self.json {
            true => self.line("program", "ok", concat!("stylize ", env!("CARGO_PKG_VERSION"))),
            false => self.results.line(concat!("stylize ", env!("CARGO_PKG_VERSION"))),
        }
        let mut devices = vec![Device::Cpu];
        if options.engine != EngineChoice::Easel {
            if !self.library(options) {
                return;
            }
            devices.push(Device::Cuda(0));
            if let Device::Cuda(1..) = options.device {
                devices.push(options.device);
            }
        }
        for device in devices {
            let needed = device == Device::Cpu || device == options.device;
            match try_device(device, options) {
                Ok(what) => self.line(&device.to_string(), "ok", &what),
                Err(error) => {
                    self.line(&device.to_string(), if needed { "FAILS" } else { "no" }, &reason(error));
                    if needed {
                        self.broken.push("a device");
                    }
                }
            }
        }
        match ffmpeg::version() {
            Some(version) => self.line("ffmpeg", "ok", &version),
            None => self.line("ffmpeg", "none", &format!("videos need it; {GET_FFMPEG}")),
        }
        self.models(models, options);
    }

    /// Looks for ONNX Runtime. Returns whether the other checks make sense.
    fn library(&mut self, options: &EngineOptions) -> bool {
        let needed = options.engine == EngineChoice::OnnxRuntime || matches!(options.device, Device::Cuda(_));
        match library::load(options.library.as_deref()) {
            Ok(library) => {
                self.line("library", "ok", &format!("ONNX Runtime {} at {}", library.version, library.path.display()));
                true
            }
            Err(error @ Error::LibraryMissing { .. }) if !needed => {
                let what = format!("{}; only CUDA and some models of other programs need it", error.in_brief());
                self.line("library", "none", &what);
                true
            }
            Err(error) => {
                self.line("library", "MISSING", &error.to_string());
                self.broken.push("ONNX Runtime's library");
                false
            }
        }
    }

    fn models(&mut self, models: &[PathBuf], options: &EngineOptions) {
        let mut named_models = shipped_models();
        for named in models {
            match find_model(named) {
                Ok(path) if named_models.iter().any(|(_, known)| is_same(known, &path)) => {}
                Ok(path) => named_models.push((named.display().to_string(), path)),
                Err(error) => {
                    self.line(&named.display().to_string(), "FAILS", &error.to_string());
                    self.broken.push("a model");
                }
            }
        }
        if named_models.is_empty() {
            let advice = "no folder `models` beside the program or this folder, or above; name a file with -m";
            self.line("models", "none", advice);
        }
        for (name, path) in &named_models {
            match try_model(path, options) {
                Ok(ModelCheck::Stylizer(what)) => self.line(name, "ok", &what),
                Ok(ModelCheck::Other(what)) => self.line(name, "other", &what),
                Err(error) => {
                    self.line(name, "FAILS", &error.to_string());
                    self.broken.push("a model");
                }
            }
        }
    }

    fn line(&mut self, what: &str, state: &str, more: &str) {
        match self.json {
            true => self.results.line(json!({ "check": what, "status": state.to_lowercase(), "about": more })),
            false => self.results.line(format_args!("{what:<16} {state:<8} {more}")),
        }
    }

    fn summary(&mut self, error: Option<&str>) {
        if self.json {
            self.results.line(json!({ "summary": { "error": error } }));
        }
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The reason alone, since `--device` was not given.
fn reason(error: Error) -> String {
    match error {
        Error::DeviceUnavailable { reason, .. } => reason,
        other => other.in_brief(),
    }
}

fn try_device(device: Device, options: &EngineOptions) -> Result<String> {
    let mut engine = NativeEngine::load(IDENTITY, &EngineOptions { device, ..options.clone() })?;
    let one = Tensor::new([1], vec![0.5f32])?;
    let outputs = engine.run_blocking(&[("x", &one)])?;
    if outputs.first().map(|(_, tensor)| tensor) != Some(&one) {
        return Err(Error::WrongNumbers);
    }
    Ok(engine.describe())
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
    let (title, ms, engine) = (&stylizer.title, first.min(second), stylizer.engine.name());
    let what = format!("{title}, a stylizer{width}{tiles}: {SIDE}x{SIDE} in {ms} ms with {engine}{golden}");
    Ok(ModelCheck::Stylizer(what))
}

/// Compares the engine's output with the golden output of the card, if it has one.
fn check_golden(model: &[u8], card: &ModelCard, options: &EngineOptions) -> Result<&'static str> {
    let mut engine = NativeEngine::load(model, options)?;
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
