//! Set-up: everything that Cargo does not fetch. A part that is installed already is left alone.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use easel_console::tell;

use crate::workspace::{WASM_TARGET, Workspace};
use crate::{browser, debian, process, python, wheel};

/// The oldest major version of Node.js that will do.
const NODE: u32 = 20;

/// A part of the set-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// ONNX Runtime's library.
    OnnxRuntime {
        /// Whether it must be the one with CUDA.
        gpu: bool,
    },
    /// Rust's standard library for the browser.
    WasmTarget,
    /// Node.js and npm: checked, never installed.
    Node,
    /// The Chromium that tests the page.
    Browser,
    /// ffmpeg, for the tests of films.
    Ffmpeg,
    /// The Python environment for checks of exported models.
    Python,
}

impl Part {
    /// Installs the part, or fails and says what to run.
    pub fn install(self, workspace: &Workspace) -> Result<()> {
        fs::create_dir_all(&workspace.tools)?;
        // Concurrent set-ups, of a demo and a test perhaps, take turns.
        let lock = File::create(workspace.tools.join("lock"))?;
        lock.lock()?;
        match self {
            Part::OnnxRuntime { gpu } => wheel::install(workspace, gpu),
            Part::WasmTarget => wasm_target(workspace),
            Part::Node => node(workspace),
            Part::Browser => browser::install(),
            Part::Ffmpeg => ffmpeg(),
            Part::Python => python::CHECKS.install(workspace).map(drop),
        }
    }
}

/// `cargo xtask setup`. A part that fails does not stop the others.
pub fn run(workspace: &Workspace, gpu: bool) -> Result<()> {
    let parts = [Part::OnnxRuntime { gpu }, Part::WasmTarget, Part::Node, Part::Browser, Part::Ffmpeg];
    let mut failed = 0;
    for part in parts {
        if let Err(error) = part.install(workspace) {
            tell!("error: {error:#}");
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("setup: {failed} of {} parts are missing; follow the advice above and run it again", parts.len());
    }
    tell!("setup: ready");
    if gpu {
        tell!("setup: ONNX Runtime for GPUs needs CUDA 13 and cuDNN 9 on the system's library path");
    }
    Ok(())
}

fn wasm_target(workspace: &Workspace) -> Result<()> {
    let mut rustc = workspace.command("rustc");
    let installed = process::capture(rustc.args(["--print=target-libdir", "--target", WASM_TARGET]))?;
    if Path::new(installed.trim()).is_dir() {
        return Ok(());
    }
    if process::on_path("rustup").is_none() {
        bail!(
            "Rust's target {WASM_TARGET} is missing: install it the way Rust was installed (with rustup: rustup target add {WASM_TARGET})"
        );
    }
    tell!("setup: Rust's target {WASM_TARGET}: installing it");
    process::capture(workspace.command("rustup").args(["target", "add", WASM_TARGET]))?;
    Ok(())
}

fn node(workspace: &Workspace) -> Result<()> {
    let advice = format!("the page needs Node.js {NODE} or later with npm; install it from https://nodejs.org");
    let version = process::capture(workspace.command("node").arg("--version")).context(advice.clone())?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        bail!("Node.js is {}: {advice}", version.trim());
    }
    process::on_path("npm").context(advice)?;
    Ok(())
}

fn ffmpeg() -> Result<()> {
    if ["ffmpeg", "ffprobe"].iter().all(|program| process::on_path(program).is_some()) {
        return Ok(());
    }
    debian::install("ffmpeg", "no ffmpeg for the tests of films", "brew install ffmpeg")
}
