//! Checks of the code that do not run it.

use anyhow::Result;

use crate::process;
use crate::report::Counts;
use crate::setup::Part;
use crate::workspace::{self, NATIVE, WASM, Workspace};

/// Formatting as `rustfmt.toml` says.
pub fn fmt(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    process::run(workspace.command(workspace::cargo()).args(["fmt", "--all", "--check"]))?;
    counts.passed += 1;
    Ok(())
}

/// Clippy without a warning, natively and for the browser.
pub fn clippy(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    Part::WasmTarget.install(workspace)?;
    // In release, so that build scripts and macros are not compiled a second time.
    let clippy = |arguments: &[&str]| {
        process::run(workspace.cargo("clippy").arg("--release").args(arguments).args(["--", "-D", "warnings"]))
    };
    both(counts, clippy(&[&NATIVE[..], &["--all-targets"]].concat()), clippy(&WASM))
}

/// Documentation without a warning.
pub fn doc(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    Part::WasmTarget.install(workspace)?;
    let doc = |arguments: &[&str]| {
        let mut cargo = workspace.cargo("doc");
        process::run(cargo.env("RUSTDOCFLAGS", "-D warnings").args(["--release", "--no-deps"]).args(arguments))
    };
    both(counts, doc(&NATIVE), doc(&WASM))
}

/// Counts two checks, and returns the first error.
fn both(counts: &mut Counts, first: Result<()>, second: Result<()>) -> Result<()> {
    for outcome in [&first, &second] {
        match outcome {
            Ok(()) => counts.passed += 1,
            Err(_) => counts.failed += 1,
        }
    }
    first.and(second)
}
