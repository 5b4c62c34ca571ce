//! The list of the built page's files: by it the page knows what arrived whole, and its service worker what is new.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// The list, in the built page.
const LIST: &str = "files.json";
/// The service worker, and what it is made of.
const SERVICE_WORKER: &str = "sw.js";
pub const BUNDLED_SERVICE_WORKER: &str = ".sw.js";

/// What the list says of a file.
#[derive(Serialize)]
struct Listed {
    bytes: u64,
    sha256: String,
}

/// Lists the files of a built page by their paths. The service worker begins with the list's hash, so that browsers find
/// it changed whenever any file is, and take up the new build as a whole.
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
        files.insert(path, Listed { bytes: bytes.len() as u64, sha256: hash(&bytes) });
    }
    let json = serde_json::to_string_pretty(&files)? + "\n";
    let worker = fs::read_to_string(dist.join(BUNDLED_SERVICE_WORKER))
        .with_context(|| format!("{}: the page has no service worker", dist.display()))?;
    fs::write(dist.join(SERVICE_WORKER), format!("const BUILD = \"{}\";\n{worker}", hash(json.as_bytes())))?;
    fs::write(dist.join(LIST), json)?;
    Ok(())
}

/// A SHA-256, hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
        let one = hash(b"1");
        let expected = format!("{{\n  \"js/main.js\": {{\n    \"bytes\": 1,\n    \"sha256\": \"{one}\"\n  }}\n}}\n");
        assert_eq!(files, expected);
        assert_eq!(worker, format!("const BUILD = \"{}\";\nlisten();", hash(files.as_bytes())));
        assert_eq!(listed(), [files, worker.clone()], "listed twice, the list is another");

        fs::write(dist.join("js/main.js"), "2").unwrap();
        assert_ne!(listed()[1], worker);
    }
}
