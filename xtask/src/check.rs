//! What can be said of the code without running it.

use std::process::ExitCode;

use anyhow::Result;

use crate::deny;
use crate::house::House;
use crate::process;
use crate::report::{Counts, Report};
use crate::setup::Part;

/// The part of the house that is built for the browser only.
pub const WASM: [&str; 4] = ["-p", "easel-wasm", "--target", "wasm32-unknown-unknown"];
/// The rest of it.
pub const NATIVE: [&str; 3] = ["--workspace", "--exclude", "easel-wasm"];

/// `cargo xtask check`.
pub fn run(house: &House) -> ExitCode {
    let mut report = Report::default();
    report.step("fmt", "formatting", |counts| fmt(house, counts));
    report.step("clippy", "lints", |counts| clippy(house, counts));
    report.step("doc", "documentation builds and its links hold", |counts| doc(house, counts));
    report.step("deny", "licences and sources of dependencies", |counts| deny::check(house, counts));
    report.finish()
}

/// Formatting as `rustfmt.toml` says.
pub fn fmt(house: &House, counts: &mut Counts) -> Result<()> {
    process::run(house.cargo().args(["fmt", "--all", "--check"]))?;
    counts.passed += 1;
    Ok(())
}

/// Clippy without a warning, natively and for the browser.
pub fn clippy(house: &House, counts: &mut Counts) -> Result<()> {
    Part::WasmTarget.install(house)?;
    // In release, so that what build scripts and macros need is not compiled twice.
    let deny = ["--", "-D", "warnings"];
    let native = process::run(house.cargo().args(["clippy", "--release", "--all-targets"]).args(NATIVE).args(deny));
    let wasm = process::run(house.cargo().args(["clippy", "--release"]).args(WASM).args(deny));
    both(counts, native, wasm)
}

/// Documentation without a warning.
pub fn doc(house: &House, counts: &mut Counts) -> Result<()> {
    Part::WasmTarget.install(house)?;
    let cargo = || {
        let mut cargo = house.cargo();
        cargo.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--release", "--no-deps"]);
        cargo
    };
    let native = process::run(cargo().args(NATIVE));
    let wasm = process::run(cargo().args(WASM));
    both(counts, native, wasm)
}

/// Counts two checks of one kind, and fails with the first that failed.
fn both(counts: &mut Counts, first: Result<()>, second: Result<()>) -> Result<()> {
    for outcome in [&first, &second] {
        match outcome {
            Ok(()) => counts.passed += 1,
            Err(_) => counts.failed += 1,
        }
    }
    first.and(second)
}
