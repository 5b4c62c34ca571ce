//! Where things are: the repository, the build's folder, the tools.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::onnxruntime;
use crate::process;

/// The folders of one checkout, all absolute.
pub struct House {
    /// The repository's root.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the environment or a configuration puts it.
    pub target: PathBuf,
    /// What set-up fetched: `.tools` in the root.
    pub tools: PathBuf,
}

impl House {
    /// The checkout that this program was started from by `cargo xtask`.
    pub fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or(env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().context("xtask has no folder above it")?.to_path_buf();
        let mut metadata = Command::new(cargo());
        metadata.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(root.join("Cargo.toml"));
        let metadata: serde_json::Value = serde_json::from_str(&process::capture(&mut metadata)?)?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?.into();
        let tools = root.join(".tools");
        Ok(Self { root, target, tools })
    }

    /// A command that runs in the root and reads nothing from the terminal. Where set-up has fetched ONNX Runtime and
    /// the environment names no other, the command finds it, from whichever folder it is run.
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

    /// Cargo, the one that started this program.
    pub fn cargo(&self) -> Command {
        self.command(cargo())
    }

    /// One of the project's programs, built in release.
    pub fn program(&self, name: &str) -> Command {
        self.command(self.target.join("release").join(name))
    }

    /// A path for people: from the folder they are in, where it is below it.
    pub fn shown(&self, path: &Path) -> String {
        let here = env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(path).display().to_string()
    }
}

fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or("cargo".into(), PathBuf::from)
}
