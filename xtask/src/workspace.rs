//! The folders of the checkout, and commands that run in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{onnxruntime, process};

/// Rust's target for the browser.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// Cargo's arguments for the crates that are built for the browser only.
pub const WASM: [&str; 4] = ["-p", "easel-wasm", "--target", WASM_TARGET];
/// Cargo's arguments for all other crates.
pub const NATIVE: [&str; 3] = ["--workspace", "--exclude", "easel-wasm"];

/// The folders of one checkout, all absolute.
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// Cargo's target folder, as the environment and Cargo's configuration set it.
    pub target: PathBuf,
    /// Fetched tools: `.tools` in the root.
    pub tools: PathBuf,
}

impl Workspace {
    /// The checkout from which `cargo xtask` started this program.
    pub fn find() -> Result<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            target_directory: PathBuf,
        }
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or(env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().context("xtask has no folder above it")?.to_path_buf();
        let mut metadata = Command::new(cargo());
        metadata.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(root.join("Cargo.toml"));
        let metadata: Metadata = serde_json::from_str(&process::capture(&mut metadata)?)?;
        let tools = root.join(".tools");
        Ok(Self { root, target: metadata.target_directory, tools })
    }

    /// A command that runs in the root without stdin. It finds the ONNX Runtime that set-up fetched, unless the
    /// environment names another.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.root).stdin(Stdio::null()).env("CARGO_TARGET_DIR", &self.target);
        if env::var_os("ORT_DYLIB_PATH").is_none()
            && let Some(library) = onnxruntime::installed(&self.tools)
        {
            command.env("ORT_DYLIB_PATH", library);
        }
        command
    }

    /// A subcommand of the Cargo that started this program, with the versions in Cargo.lock and no others.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = self.command(cargo());
        command.args([subcommand, "--locked"]);
        command
    }

    /// One of the project's programs, built in release.
    pub fn program(&self, name: &str) -> Command {
        self.command(self.target.join("release").join(name))
    }

    /// A path for people: relative if it is below the current folder.
    pub fn shown(&self, path: &Path) -> String {
        let here = env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(path).display().to_string()
    }
}

/// The Cargo that started this program.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or("cargo".into(), PathBuf::from)
}
