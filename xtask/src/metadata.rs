//! Packages as `cargo metadata` describes them.

use anyhow::Result;
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// A package: one of the workspace's, or a dependency.
#[derive(Deserialize, Default, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// The registry; `None` for the workspace's own packages.
    pub source: Option<String>,
    /// The oldest Rust version it says it supports.
    pub rust_version: Option<String>,
    /// The registries it may be published to: all if `None`.
    pub publish: Option<Vec<String>>,
    pub description: Option<String>,
    pub documentation: Option<String>,
    pub license: Option<String>,
    pub readme: Option<String>,
    pub repository: Option<String>,
    pub keywords: Vec<String>,
    pub categories: Vec<String>,
}

/// The workspace's own packages.
pub fn members(workspace: &Workspace) -> Result<Vec<Package>> {
    packages(workspace, "--no-deps")
}

/// Every package in Cargo.lock.
pub fn locked(workspace: &Workspace) -> Result<Vec<Package>> {
    packages(workspace, "--all-features")
}

fn packages(workspace: &Workspace, which: &str) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let json = process::capture(workspace.cargo("metadata").args(["--format-version=1", which]))?;
    Ok(serde_json::from_str::<Metadata>(&json)?.packages)
}
