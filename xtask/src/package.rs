//! The crates as a registry would receive them.
//!
//! Every package of the workspace is published unless its manifest says `publish = false`.

use std::fs;

use anyhow::{Context, Result, bail};
use easel_console::tell;

use crate::metadata::{self, Package};
use crate::process;
use crate::report::Counts;
use crate::workspace::Workspace;

/// What a crate must hold beside its sources.
const FILES: [&str; 3] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// The largest compressed crate in bytes: sources and at most a small model, no test data.
const LARGEST: u64 = 1 << 20;

/// Packs the crates without the network, and checks the metadata, files and size of each. With `verify` Cargo also builds
/// every crate from its package, which takes minutes.
pub fn check(workspace: &Workspace, verify: bool, counts: &mut Counts) -> Result<()> {
    let (published, private): (Vec<_>, Vec<_>) =
        metadata::members(workspace)?.into_iter().partition(|package| package.publish.is_none());
    let mut cargo = workspace.cargo("package");
    // Quiet, because a warning for each test that stays out of the package says nothing new.
    cargo.args(["--workspace", "--offline", "--allow-dirty", "--quiet"]);
    cargo.args(private.iter().flat_map(|package| ["--exclude", &package.name]));
    process::run(cargo.args((!verify).then_some("--no-verify")))?;
    for package in &published {
        let mut list = workspace.cargo("package");
        let files = process::capture(list.args(["--list", "--offline", "--allow-dirty", "-p", &package.name]))?;
        let file = workspace.target.join(format!("package/{}-{}.crate", package.name, package.version));
        let bytes = fs::metadata(&file).with_context(|| format!("{}: cannot be read", file.display()))?.len();
        let problems = problems(package, &files.lines().collect::<Vec<_>>(), bytes);
        problems.iter().for_each(|problem| tell!("error: {}: {problem}", package.name));
        tell!("{} {}: {} files, {} KiB", package.name, package.version, files.lines().count(), bytes / 1024);
        *(if problems.is_empty() { &mut counts.passed } else { &mut counts.failed }) += 1;
    }
    if counts.failed > 0 {
        bail!("{} of {} crates are not fit to be published", counts.failed, published.len());
    }
    Ok(())
}

/// What a crate lacks, with its files and its compressed size.
fn problems(package: &Package, files: &[&str], bytes: u64) -> Vec<String> {
    let fields = [
        ("description", package.description.is_some()),
        ("license", package.license.is_some()),
        ("readme", package.readme.is_some()),
        ("repository", package.repository.is_some()),
        ("documentation", package.documentation == Some(format!("https://docs.rs/{}", package.name))),
        ("keywords", (1..=5).contains(&package.keywords.len())),
        ("categories", (1..=5).contains(&package.categories.len())),
    ];
    let fields = fields.into_iter().filter(|(_, there)| !there).map(|(name, _)| format!("Cargo.toml: no valid {name}"));
    let missing = FILES.iter().filter(|file| !files.contains(file)).map(|file| format!("{file}: not in the package"));
    let size = (bytes > LARGEST).then(|| format!("{bytes} bytes, more than {LARGEST}; exclude what users do not need"));
    fields.chain(missing).chain(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_crates_are_found() {
        let complete = Package {
            name: "a".into(),
            description: Some("A crate.".into()),
            documentation: Some("https://docs.rs/a".into()),
            license: Some("MIT".into()),
            readme: Some("README.md".into()),
            repository: Some("https://example.org".into()),
            keywords: vec!["onnx".into()],
            categories: vec!["science".into()],
            ..Package::default()
        };
        assert!(problems(&complete, &FILES, LARGEST).is_empty());
        let incomplete = Package { keywords: vec![], documentation: Some("https://docs.rs/b".into()), ..complete };
        let found = problems(&incomplete, &FILES[..2], LARGEST + 1);
        assert_eq!(found.len(), 4, "{found:?}");
        for (problem, fact) in found.iter().zip(["documentation", "keywords", "LICENSE-MIT", "1048577"]) {
            assert!(problem.contains(fact), "{problem}");
        }
    }
}
