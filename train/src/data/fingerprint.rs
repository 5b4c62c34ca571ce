//! What a set of pictures is recognised by, wherever its folder lies and whatever it is called.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The classes of a set, and a digest of its pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The number of pictures of each class, with the name of its folder; without class folders the name is empty.
    pub classes: Vec<(String, u64)>,
    /// SHA-256, in hexadecimal: of the files' names and sizes, in order, or of the pictures of IDX files.
    pub sha256: String,
}

impl Fingerprint {
    /// The fingerprint of files, each with its label, by their names below `root` and their sizes. Without class folders
    /// the only class has an empty name.
    pub fn of_files<'a>(
        root: &Path,
        files: impl IntoIterator<Item = &'a (PathBuf, u32)>,
        classes: &[String],
        unclassified: bool,
    ) -> Self {
        let files: Vec<&(PathBuf, u32)> = files.into_iter().collect();
        let sizes: Vec<u64> =
            files.par_iter().map(|(path, _)| fs::metadata(path).map_or(0, |found| found.len())).collect();
        let mut hash = Sha256::new();
        for ((path, _), size) in files.iter().zip(sizes) {
            let inside = path.strip_prefix(root).unwrap_or(path);
            let names: Vec<_> = inside.iter().map(|name| name.to_string_lossy()).collect();
            hash.update(format!("{}\0{size}\0", names.join("/")));
        }
        let labels = files.iter().map(|(_, label)| *label);
        Self { classes: counts(labels, classes, unclassified), sha256: hex(hash) }
    }

    /// The fingerprint of pictures of one size, by their bytes and labels.
    pub fn of_bytes(size: [usize; 2], pixels: &[u8], labels: &[u8], classes: &[String]) -> Self {
        let mut hash = Sha256::new();
        hash.update(format!("{size:?}\0"));
        hash.update(pixels);
        hash.update(labels);
        Self { classes: counts(labels.iter().map(|&label| label.into()), classes, false), sha256: hex(hash) }
    }

    /// The fingerprint of this set with another one to validate on.
    pub fn with(self, other: &Self) -> Self {
        let mut hash = Sha256::new();
        hash.update(format!("{} {}", self.sha256, other.sha256));
        Self { sha256: hex(hash), ..self }
    }

    /// The classes for a message: `cat (40)`.
    pub fn listed(&self) -> Vec<String> {
        let name = |name: &str| if name.is_empty() { "no class".into() } else { super::about::printable(name) };
        self.classes.iter().map(|(class, count)| format!("{} ({count})", name(class))).collect()
    }
}

fn counts(labels: impl Iterator<Item = u32>, classes: &[String], unclassified: bool) -> Vec<(String, u64)> {
    let name = |name: &String| if unclassified { String::new() } else { name.clone() };
    let mut counts: Vec<(String, u64)> = classes.iter().map(|class| (name(class), 0)).collect();
    labels.for_each(|label| counts[label as usize].1 += 1);
    counts.retain(|(_, count)| *count > 0);
    counts
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
