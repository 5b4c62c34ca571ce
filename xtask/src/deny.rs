//! `cargo deny`: licences, sources and known vulnerabilities of the dependencies, as `deny.toml` allows.

use std::path::PathBuf;

use anyhow::{Context, Result};
use easel_console::tell;

use crate::process;
use crate::report::Counts;
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";
/// The first release that reads the configuration format of `deny.toml`.
const OLDEST: (u32, u32) = (0, 18);

/// Checks licences, bans and sources, and also advisories if their database, a Git repository, can be reached.
pub fn check(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let program = install(workspace)?;
    process::run(workspace.command(&program).args(["--locked", "check", "licenses", "bans", "sources"]))?;
    counts.passed += 1;
    if let Err(error) = process::capture(workspace.command(&program).args(["fetch", "db"])) {
        let message = error.to_string();
        let reason = message.lines().rev().find(|line| line.starts_with("fatal:")).unwrap_or("it cannot be fetched");
        tell!("skipped: advisories: the RustSec database cannot be reached ({reason})");
        counts.skipped += 1;
        return Ok(());
    }
    process::run(workspace.command(&program).args(["--locked", "check", "advisories"]))?;
    counts.passed += 1;
    Ok(())
}

/// The cargo-deny on PATH if it is recent enough, or else one that is built into the target folder.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(program) = process::on_path("cargo-deny")
        && let Ok(output) = process::capture(workspace.command(&program).arg("--version"))
        && version(&output).is_some_and(|found| found >= OLDEST)
    {
        return Ok(program);
    }
    let root = workspace.target.join(format!("tools/cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !process::is_program(&program) {
        tell!("setup: cargo-deny: building {VERSION}, once (a minute or two)");
        let build = workspace.target.join("tools/build");
        let mut cargo = workspace.cargo("install");
        // Its own release profile takes twice as long to build, and the program runs for a second only.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        cargo.args(["cargo-deny", "--version"]).arg(format!("={VERSION}"));
        process::run(cargo.arg("--root").arg(&root).arg("--target-dir").arg(&build))
            .context("cannot build cargo-deny")?;
        std::fs::remove_dir_all(&build)?;
    }
    Ok(program)
}

/// The first two numbers of `cargo-deny 0.20.2`.
fn version(output: &str) -> Option<(u32, u32)> {
    let mut numbers = output.split_whitespace().nth(1)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("cargo-deny 0.20.2\n"), Some((0, 20)));
        assert!(version("cargo-deny 0.9.1").unwrap() < OLDEST);
        assert!(version("cargo-deny 1.0.0").unwrap() > OLDEST);
        assert_eq!(version("something else"), None);
    }
}
