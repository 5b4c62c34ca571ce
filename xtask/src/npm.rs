//! The npm package of the browser's runtime, for pages other than the project's own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{folder, process, web};

/// The files of each build in `web/src/wasm`.
const BINDINGS: [&str; 2] = ["easel_wasm.js", "easel_wasm_bg.wasm"];

/// The project's licences.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Packs `target/npm/easel-wasm-VERSION.tgz`, and returns its path.
pub fn pack(workspace: &Workspace) -> Result<PathBuf> {
    let out = workspace.target.join("npm");
    folder::remove(&out)?;
    let package = unpacked(workspace)?;
    process::run(Command::new("npm").args(["pack", "--silent", "--pack-destination"]).arg(&out).current_dir(&package))?;
    let packed = fs::read_dir(&out)?.filter_map(|entry| Some(entry.ok()?.path()));
    packed.into_iter().find(|path| path.extension().is_some_and(|it| it == "tgz")).context("npm packed nothing")
}

/// Makes the package's folder, `target/npm/easel-wasm`, from `runtime-wasm/npm` and the bindings, which exist once the page
/// is built, and returns its path.
pub fn unpacked(workspace: &Workspace) -> Result<PathBuf> {
    let root = &workspace.root;
    let package = workspace.target.join("npm/easel-wasm");
    folder::remove(&package)?;
    for entry in fs::read_dir(root.join("runtime-wasm/npm"))? {
        folder::copy_into(&entry?.path(), &package)?;
    }
    let wasm = root.join("web/src/wasm");
    folder::copy_into(&wasm.join(web::TYPES), &package)?;
    for build in web::builds() {
        for file in BINDINGS {
            folder::copy_into(&wasm.join(build).join(file), &package.join(build))?;
        }
    }
    for file in LICENCES {
        folder::copy_into(&root.join(file), &package)?;
    }
    Ok(package)
}
