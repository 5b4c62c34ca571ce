//! Set-up: everything that Cargo does not bring by itself. Each part is looked for first, so that a second run fetches
//! nothing; and says one line when it has something to do.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::house::House;
use crate::{browser, debian, onnxruntime, process, python};

const WASM: &str = "wasm32-unknown-unknown";
const NODE: u32 = 20;

/// A part of the set-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// ONNX Runtime's library; with `gpu` the one that knows CUDA.
    OnnxRuntime {
        /// Whether it must be the one for NVIDIA GPUs.
        gpu: bool,
    },
    /// Rust's standard library for the browser.
    WasmTarget,
    /// Node.js and npm: looked for, not installed.
    Node,
    /// A Chromium to test the page with.
    Browser,
    /// ffmpeg, for the tests of films.
    Ffmpeg,
    /// The Python environment of the tests.
    Python,
}

impl Part {
    /// Brings the part, or says what to run where it cannot.
    pub fn install(self, house: &House) -> Result<()> {
        fs::create_dir_all(&house.tools)?;
        // Two set-ups at a time, of a demo and a test perhaps, take turns.
        let lock = File::create(house.tools.join("lock"))?;
        lock.lock()?;
        match self {
            Part::OnnxRuntime { gpu } => onnxruntime::install(house, gpu),
            Part::WasmTarget => wasm_target(house),
            Part::Node => node(house),
            Part::Browser => browser::install(),
            Part::Ffmpeg => ffmpeg(),
            Part::Python => python::install(house),
        }
    }
}

/// `cargo xtask setup`. Every part is tried, whatever became of those before it.
pub fn run(house: &House, gpu: bool) -> Result<()> {
    let parts = [Part::OnnxRuntime { gpu }, Part::WasmTarget, Part::Node, Part::Browser, Part::Ffmpeg];
    let mut failed = 0;
    for part in parts {
        if let Err(error) = part.install(house) {
            eprintln!("error: {error:#}");
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("setup: {failed} of {} parts are missing; do what the lines above say and run it again", parts.len());
    }
    eprintln!("setup: ready");
    if gpu {
        eprintln!("setup: the GPU's library needs CUDA 13 and cuDNN 9 on the system's library path");
    }
    Ok(())
}

fn wasm_target(house: &House) -> Result<()> {
    let mut rustc = house.command("rustc");
    let installed = process::capture(rustc.args(["--print=target-libdir", "--target", WASM]))?;
    if Path::new(installed.trim()).is_dir() {
        return Ok(());
    }
    if process::on_path("rustup").is_none() {
        bail!("Rust's target {WASM} is not installed: install it the way this Rust was (rustup target add {WASM})");
    }
    eprintln!("setup: Rust's target {WASM}: adding it");
    process::capture(house.command("rustup").args(["target", "add", WASM]))?;
    Ok(())
}

fn node(house: &House) -> Result<()> {
    let advice = format!("the page needs Node.js {NODE} or later with npm; install it from https://nodejs.org");
    let version = process::capture(house.command("node").arg("--version")).context(advice.clone())?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        bail!("this is Node.js {}: {advice}", version.trim());
    }
    process::on_path("npm").context(advice)?;
    Ok(())
}

fn ffmpeg() -> Result<()> {
    if ["ffmpeg", "ffprobe"].iter().all(|program| process::on_path(program).is_some()) {
        return Ok(());
    }
    debian::install("ffmpeg", "no ffmpeg for films and their tests", "brew install ffmpeg")
}
