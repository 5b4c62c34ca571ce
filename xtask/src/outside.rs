//! `tests/outside`: another project that depends on the crates by path.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use easel_console::tell;
use easel_runtime::ModelCard;

use crate::report::Counts;
use crate::setup::Part;
use crate::stamp::Inputs;
use crate::workspace::{self, Workspace};
use crate::{folder, process};

const MANIFEST: &str = "tests/outside/Cargo.toml";

/// Builds the project with the versions in Cargo.lock, except where it asks for later ones, and runs it: it trains a
/// network and exports it.
pub fn check(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    Part::OnnxRuntime { gpu: false }.install(workspace)?;
    let target = workspace.target.join("outside");
    let manifest = workspace.root.join(MANIFEST);
    let [lock, tested] = [manifest.with_file_name("Cargo.lock"), workspace.root.join("Cargo.lock")];
    // Copied only after a change: Cargo needs no network for a lock file that fits.
    let stamp = target.join("lock.stamp");
    if !lock.exists() {
        folder::remove(&target)?;
    }
    fs::create_dir_all(&target)?;
    Inputs::default().file(&tested)?.file(&manifest)?.once(&stamp, || Ok(fs::copy(&tested, &lock).map(drop)?))?;
    let out = target.join("out");
    folder::remove(&out)?;
    let mut cargo = workspace.command(workspace::cargo());
    // Dependencies are compiled into the workspace's own folder, which has most of them.
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_BUILD_BUILD_DIR", &workspace.target);
    process::run(cargo.args(["run", "--release", "--manifest-path"]).arg(&manifest).arg("--").arg(&out))?;
    let card = ModelCard::from_model(&fs::read(out.join("lenet.onnx"))?)?;
    ensure!(card.kind.name() == "classifier", "tests/outside: it exported a {}", card.kind.name());
    counts.passed += 1;
    let (used, tested) = (fs::read_to_string(&lock)?, fs::read_to_string(&tested)?);
    if versions(&used).is_subset(&versions(&tested)) {
        tell!(
            "note: {MANIFEST}: it requires no later release than Cargo.lock has; raise a requirement if there is one"
        );
    }
    Ok(())
}

/// The names and versions of the packages from registries in a lock file.
fn versions(lock: &str) -> BTreeSet<(&str, &str)> {
    let packages = lock.split("[[package]]\n").filter(|package| package.contains("\nsource = "));
    packages.filter_map(|package| package.lines().next().zip(package.lines().nth(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_from_registries() {
        let lock = "version = 4\n\n[[package]]\nname = \"toml\"\nversion = \"1.2.2\"\nsource = \"registry\"\n\n\
                    [[package]]\nname = \"outside\"\nversion = \"0.0.0\"\n";
        assert_eq!(versions(lock), BTreeSet::from([("name = \"toml\"", "version = \"1.2.2\"")]));
    }
}
