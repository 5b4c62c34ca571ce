//! `python3`: its pip fetches wheels, and environments of the project's own run the scripts in `xtask/python`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use easel_console::tell;

use crate::workspace::Workspace;
use crate::{folder, process};

/// A Python environment with pinned packages, in the folder of fetched tools.
pub struct Environment {
    /// Its folder's name.
    folder: &'static str,
    /// The file of requirements in `xtask/python`, and its contents.
    file: &'static str,
    requirements: &'static str,
    /// Whether the file names every package, so that pip resolves nothing.
    complete: bool,
    /// What is fetched, for people.
    about: &'static str,
}

/// For the checks of exported models.
pub const CHECKS: Environment = Environment {
    folder: "python",
    file: "requirements.txt",
    requirements: include_str!("../python/requirements.txt"),
    complete: true,
    about: "onnx, onnxruntime and numpy from PyPI (50 MB)",
};

/// For the comparison with programs that use onnxruntime.
pub const BENCH_ONNXRUNTIME: Environment = Environment {
    folder: "bench-onnxruntime",
    file: "bench-onnxruntime.txt",
    requirements: include_str!("../python/bench-onnxruntime.txt"),
    complete: true,
    about: "onnxruntime and Pillow from PyPI (50 MB)",
};

/// For the comparison with OpenVINO.
pub const BENCH_OPENVINO: Environment = Environment {
    folder: "bench-openvino",
    file: "bench-openvino.txt",
    requirements: include_str!("../python/bench-openvino.txt"),
    complete: true,
    about: "OpenVINO from PyPI (80 MB)",
};

/// For the comparison with ncnn.
pub const BENCH_NCNN: Environment = Environment {
    folder: "bench-ncnn",
    file: "bench-ncnn.txt",
    requirements: include_str!("../python/bench-ncnn.txt"),
    complete: true,
    about: "ncnn and pnnx from PyPI (50 MB)",
};

/// For the comparison with PyTorch.
pub const BENCH: Environment = Environment {
    folder: "bench-python",
    file: "bench-requirements.txt",
    requirements: include_str!("../python/bench-requirements.txt"),
    complete: false,
    about: "PyTorch from PyPI (2 GB where only the build for NVIDIA GPUs is offered)",
};

impl Environment {
    /// The version of a package that it pins.
    pub fn version(&self, package: &str) -> Option<&'static str> {
        self.requirements.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="))
    }

    /// Its interpreter, if the environment is complete and up to date.
    pub fn installed(&self, workspace: &Workspace) -> Option<PathBuf> {
        let folder = workspace.tools.join(self.folder);
        let stamp = fs::read_to_string(folder.join("stamp")).ok()?;
        let python = folder.join("bin/python");
        (stamp == self.requirements && process::is_program(&python)).then_some(python)
    }

    /// Creates the environment unless it is there, and returns its interpreter.
    pub fn install(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(python) = self.installed(workspace) {
            return Ok(python);
        }
        tell!("setup: Python environment: fetching {}", self.about);
        let target = workspace.tools.join(self.folder);
        folder::remove(&target)?;
        let mut venv = Command::new("python3");
        process::capture(venv.args(["-m", "venv"]).arg(&target))
            .context("python3 with venv is needed; install it (Debian: apt-get install python3-venv)")?;
        let python = target.join("bin/python");
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary=:all:"]);
        pip.args(self.complete.then_some("--no-deps")).arg("--requirement");
        process::capture(pip.arg(workspace.root.join("xtask/python").join(self.file)))
            .context("cannot fetch the Python packages (Python 3.11 or later is needed)")?;
        // Written last: an environment without a stamp was interrupted, and is created again.
        fs::write(target.join("stamp"), self.requirements)?;
        Ok(python)
    }
}

/// `python3 -m pip`, after a check that it works.
pub fn pip() -> Result<Command> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]);
    let mut version = Command::new("python3");
    process::capture(version.args(["-m", "pip", "--version"]))
        .context("python3 with pip is needed; install it (Debian: apt-get install python3-pip python3-venv)")?;
    Ok(pip)
}
