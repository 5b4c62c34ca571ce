//! Build steps that run only when their inputs have changed: a stamp file beside the output holds the inputs' hash.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::digest::hex;

/// The inputs of a step, hashed.
#[derive(Default)]
pub struct Inputs(Sha256);

impl Inputs {
    /// Adds a file: its path and its contents.
    pub fn file(mut self, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        self.add(path.to_string_lossy().as_bytes());
        self.add(&bytes);
        Ok(self)
    }

    /// Adds every file below a folder.
    pub fn folder(mut self, path: &Path) -> Result<Self> {
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                self = self.file(entry.path())?;
            }
        }
        Ok(self)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Runs the step unless the stamp holds the hash of the same inputs.
    pub fn once(self, stamp: &Path, step: impl FnOnce() -> Result<()>) -> Result<()> {
        let hash = hex(&self.0.finalize());
        if fs::read_to_string(stamp).is_ok_and(|found| found == hash) {
            return Ok(());
        }
        let _ = fs::remove_file(stamp);
        step()?;
        fs::write(stamp, hash).with_context(|| format!("{}: cannot be written", stamp.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_step_runs_again_when_a_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, stamp) = (folder.path().join("inputs"), folder.path().join("stamp"));
        fs::create_dir(&inputs).unwrap();
        fs::write(inputs.join("a"), "1").unwrap();
        let runs = Cell::new(0);
        let step = || {
            runs.set(runs.get() + 1);
            Ok(())
        };
        let build = || Inputs::default().folder(&inputs).unwrap().once(&stamp, step).unwrap();
        build();
        build();
        assert_eq!(runs.get(), 1);
        fs::write(inputs.join("a"), "2").unwrap();
        build();
        assert_eq!(runs.get(), 2);
        let failing = Inputs::default().once(&stamp, || anyhow::bail!("no"));
        assert!(failing.is_err() && !stamp.exists(), "a failed step leaves no stamp");
    }
}
