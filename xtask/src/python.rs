//! `python3`: its pip fetches wheels, and an environment of our own runs the checks that are written in Python.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::house::House;
use crate::process;

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// `python3 -m pip`, found to work.
pub fn pip() -> Result<Command> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]);
    let mut version = Command::new("python3");
    process::capture(version.args(["-m", "pip", "--version"]))
        .context("python3 with pip is needed; install it (Debian: apt-get install python3-pip python3-venv)")?;
    Ok(pip)
}

/// The interpreter of the environment `.tools/python`, where set-up has made one.
pub fn installed(house: &House) -> Option<PathBuf> {
    let stamp = fs::read_to_string(house.tools.join("python/stamp")).ok()?;
    Some(house.tools.join("python/bin/python")).filter(|path| stamp == REQUIREMENTS && process::is_program(path))
}

/// Makes the environment `.tools/python` with the packages of `xtask/python/requirements.txt`.
pub fn install(house: &House) -> Result<()> {
    if installed(house).is_some() {
        return Ok(());
    }
    eprintln!("setup: Python environment: fetching onnx, onnxruntime and numpy from PyPI (50 MB)");
    let folder = house.tools.join("python");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut venv = Command::new("python3");
    process::capture(venv.args(["-m", "venv"]).arg(&folder))
        .context("python3 with venv is needed; install it (Debian: apt-get install python3-venv)")?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--no-deps", "--requirement"]);
    process::capture(pip.arg(house.root.join("xtask/python/requirements.txt")))
        .context("cannot fetch the Python packages (Python 3.11 or later is needed)")?;
    // Written last: an environment without it was interrupted and is made again.
    fs::write(folder.join("stamp"), REQUIREMENTS)?;
    Ok(())
}
