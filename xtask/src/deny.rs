//! `cargo deny`: the licences, sources and known faults of what the project depends on, by `deny.toml`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::house::House;
use crate::process;
use crate::report::Counts;

const VERSION: &str = "0.20.2";
/// The first release with the configuration that `deny.toml` is written in.
const OLDEST: (u32, u32) = (0, 18);

/// Checks licences, bans and sources; and advisories where their database, a Git repository, can be reached.
pub fn check(house: &House, counts: &mut Counts) -> Result<()> {
    let program = install(house)?;
    process::run(house.command(&program).args(["check", "licenses", "bans", "sources"]))?;
    counts.passed += 1;
    if let Err(error) = process::capture(house.command(&program).args(["fetch", "db"])) {
        let said = error.to_string();
        let reason = said.lines().rev().find(|line| line.starts_with("fatal:")).unwrap_or("it cannot be fetched");
        eprintln!("skipped: advisories: the RustSec database cannot be reached ({reason})");
        counts.skipped += 1;
        return Ok(());
    }
    process::run(house.command(&program).args(["check", "advisories"]))?;
    counts.passed += 1;
    Ok(())
}

/// The cargo-deny on PATH where it is recent enough, else one that is built into the target folder.
fn install(house: &House) -> Result<PathBuf> {
    if let Some(program) = process::on_path("cargo-deny")
        && let Ok(said) = process::capture(house.command(&program).arg("--version"))
        && version(&said).is_some_and(|found| found >= OLDEST)
    {
        return Ok(program);
    }
    let root = house.target.join(format!("tools/cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !process::is_program(&program) {
        eprintln!("setup: cargo-deny: building {VERSION}, once (a minute or two)");
        let build = house.target.join("tools/build");
        let mut cargo = house.cargo();
        // As shipped it is built for speed with link-time optimisation, for twice the time; here it runs for a second.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        cargo.args(["install", "cargo-deny", "--locked", "--version"]).arg(format!("={VERSION}"));
        process::run(cargo.arg("--root").arg(&root).arg("--target-dir").arg(&build))
            .context("cannot build cargo-deny")?;
        std::fs::remove_dir_all(&build)?;
    }
    Ok(program)
}

/// `cargo-deny 0.20.2` as its first two numbers.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split_whitespace().nth(1)?.split('.').map(str::parse);
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
