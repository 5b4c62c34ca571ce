//! The list of the built page's files. With it the page checks its downloads, and the service worker finds new builds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use walkdir::WalkDir;

use crate::digest::sha256;

/// The list, in the built page.
const LIST: &str = "files.json";
/// The service worker as served.
const SERVICE_WORKER: &str = "sw.js";
/// The service worker as bundled, before the list's hash is added.
pub const BUNDLED_SERVICE_WORKER: &str = ".sw.js";

/// A file's entry in the list.
#[derive(Serialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

/// Writes the list of a built page's files, by path. The service worker begins with the list's hash: it changes whenever
/// a file does, and browsers then take up the new build as a whole.
pub fn list(dist: &Path) -> Result<()> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(dist).min_depth(1) {
        let entry = entry?;
        let path: Vec<_> = entry.path().strip_prefix(dist)?.iter().map(|part| part.to_string_lossy()).collect();
        let path = path.join("/");
        if !entry.file_type().is_file() || path.starts_with('.') || [LIST, SERVICE_WORKER].contains(&path.as_str()) {
            continue;
        }
        let bytes = fs::read(entry.path()).with_context(|| format!("{}: cannot be read", entry.path().display()))?;
        files.insert(path, Entry { bytes: bytes.len() as u64, sha256: sha256(&bytes) });
    }
    let json = serde_json::to_string_pretty(&files)? + "\n";
    let worker = fs::read_to_string(dist.join(BUNDLED_SERVICE_WORKER))
        .with_context(|| format!("{}: the page has no service worker", dist.display()))?;
    fs::write(dist.join(SERVICE_WORKER), format!("const BUILD = \"{}\";\n{worker}", sha256(json.as_bytes())))?;
    fs::write(dist.join(LIST), json)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_changes_the_service_worker() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path();
        fs::create_dir_all(dist.join("js")).unwrap();
        fs::write(dist.join(BUNDLED_SERVICE_WORKER), "listen();").unwrap();
        fs::write(dist.join("js/main.js"), "1").unwrap();
        let listed = || {
            list(dist).unwrap();
            [LIST, SERVICE_WORKER].map(|file| fs::read_to_string(dist.join(file)).unwrap())
        };
        let [files, worker] = listed();
        let one = sha256(b"1");
        let expected = format!("{{\n  \"js/main.js\": {{\n    \"bytes\": 1,\n    \"sha256\": \"{one}\"\n  }}\n}}\n");
        assert_eq!(files, expected);
        assert_eq!(worker, format!("const BUILD = \"{}\";\nlisten();", sha256(files.as_bytes())));
        assert_eq!(listed(), [files, worker.clone()], "the list is not reproducible");

        fs::write(dist.join("js/main.js"), "2").unwrap();
        assert_ne!(listed()[1], worker);
    }
}
