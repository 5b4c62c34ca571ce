//! The npm package of the browser's runtime, for pages other than the project's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::web::{copy, remove_folder, run};

/// What the bindings are made of, in `web/src/wasm`.
const BINDINGS: [&str; 3] = ["easel_wasm.js", "easel_wasm.d.ts", "easel_wasm_bg.wasm"];

/// What everything of the project may be used under.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Packs `target/npm/easel-wasm-VERSION.tgz` out of the bindings, which are there once the page is built, and
/// `runtime-wasm/npm`. Gives the file.
pub fn pack(root: &Path, target: &Path) -> Result<PathBuf> {
    let out = target.join("npm");
    let folder = out.join("easel-wasm");
    remove_folder(&out)?;
    for entry in fs::read_dir(root.join("runtime-wasm/npm"))? {
        copy(&entry?.path(), &folder)?;
    }
    for file in BINDINGS {
        copy(&root.join("web/src/wasm").join(file), &folder)?;
    }
    for file in LICENCES {
        copy(&root.join(file), &folder)?;
    }
    run(Command::new("npm").args(["pack", "--silent", "--pack-destination"]).arg(&out).current_dir(&folder))?;
    let packed = fs::read_dir(&out)?.filter_map(|entry| Some(entry.ok()?.path()));
    packed.into_iter().find(|path| path.extension().is_some_and(|it| it == "tgz")).context("npm packed nothing")
}
