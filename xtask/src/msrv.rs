//! The oldest supported Rust version, `rust-version` in Cargo.toml.
//!
//! Nothing is compiled with that version. Clippy's `incompatible_msrv`, which Cargo.toml denies, finds functions of the
//! standard library that are newer; this check finds dependencies that need a newer version. Neither sees newer syntax.

use anyhow::{Context, Result, bail};
use easel_console::tell;

use crate::metadata::{self, Package};
use crate::report::Counts;
use crate::workspace::Workspace;

/// Fails if a package in Cargo.lock needs a newer Rust than the workspace's oldest, and names each.
pub fn check(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let packages = metadata::locked(workspace)?;
    let oldest = oldest(&packages)?;
    let dependencies = packages.iter().filter(|package| package.source.is_some());
    for package in dependencies {
        match &package.rust_version {
            Some(needed) if version(needed)? > oldest => {
                tell!("error: {} {}: it needs Rust {needed}", package.name, package.version);
                counts.failed += 1;
            }
            _ => counts.passed += 1,
        }
    }
    if counts.failed > 0 {
        bail!("Cargo.lock: {} packages need a newer Rust; lower them or raise rust-version", counts.failed);
    }
    Ok(())
}

/// The workspace's `rust-version`, which each of its packages must state.
fn oldest(packages: &[Package]) -> Result<[u32; 3]> {
    let mut oldest = None;
    for package in packages.iter().filter(|package| package.source.is_none()) {
        let stated = package.rust_version.as_ref();
        let stated = version(stated.with_context(|| format!("{}: Cargo.toml: no rust-version", package.name))?)?;
        if *oldest.get_or_insert(stated) != stated {
            bail!("{}: Cargo.toml: not the workspace's rust-version; inherit it", package.name);
        }
    }
    oldest.context("the workspace has no package")
}

/// `1.92` or `1.92.0` as numbers.
fn version(text: &str) -> Result<[u32; 3]> {
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(text.split('.')) {
        *number = part.parse().with_context(|| format!("{text}: not a Rust version"))?;
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("1.92").unwrap(), version("1.92.0").unwrap());
        assert!(version("1.100").unwrap() > version("1.99.9").unwrap());
        assert!(version("stable").is_err());
    }

    #[test]
    fn all_packages_state_the_same_version() {
        let package = |stated: Option<&str>, source: Option<&str>| Package {
            rust_version: stated.map(Into::into),
            source: source.map(Into::into),
            ..Package::default()
        };
        let registry = Some("registry");
        let [ours, older] = [package(Some("1.92"), None), package(Some("1.90"), None)];
        let dependencies = [package(None, registry), package(Some("1.99"), registry)];
        assert_eq!(oldest(&[std::slice::from_ref(&ours), &dependencies].concat()).unwrap(), [1, 92, 0]);
        assert!(oldest(&[ours.clone(), older]).is_err());
        assert!(oldest(&[ours, package(None, None)]).is_err());
    }
}
