//! `stats.jsonl`: a run's losses and speed, one JSON object a line.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use easel_files::write_atomically;
use serde_json::{Value, json};

use crate::{Error, Result};

/// The file, open at its end.
#[derive(Debug)]
pub struct Stats {
    path: PathBuf,
    file: File,
}

impl Stats {
    /// Opens the file of a run that continues after `step` (0: a new run). Lines of later steps are removed, since those
    /// steps are repeated.
    pub fn open(path: &Path, step: u64) -> Result<Self> {
        let failed = |error: io::Error| Error::Run(format!("{}: cannot open: {error}", path.display()));
        match fs::read_to_string(path) {
            Ok(text) => {
                let kept: String = text
                    .split_inclusive('\n')
                    .filter(|line| line.ends_with('\n') && step_of(line).is_some_and(|found| found <= step))
                    .collect();
                if kept != text {
                    write_atomically(path, kept.as_bytes())?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Syncs the file to disk.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::Run(format!("{}: cannot write: {error}", self.path.display())))
    }

    /// Adds a line: `step` and the named numbers in their order.
    pub fn write(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        // By hand, since serde_json sorts the keys of an object.
        let values: String = values.iter().map(|&(name, value)| format!(",{}:{}", json!(name), json!(value))).collect();
        let text = format!("{{\"step\":{step}{values}}}\n");
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| Error::Run(format!("{}: cannot write: {error}", self.path.display())))
    }
}

fn step_of(line: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).ok()?.get("step")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_after_the_checkpoint_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        let mut stats = Stats::open(&path, 0).unwrap();
        for step in [50, 100, 150] {
            stats.write(step, &[("generator", 0.5), ("discriminator", 1.25)]).unwrap();
        }
        drop(stats);
        // A crash in the middle of a line.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.clone() + "{\"step\": 1").unwrap();
        Stats::open(&path, 100).unwrap().write(110, &[]).unwrap();
        assert!(text.starts_with("{\"step\":50,\"generator\":0.5,\"discriminator\":1.25}\n"), "{text}");
        let steps: Vec<_> = fs::read_to_string(&path).unwrap().lines().map(|line| step_of(line).unwrap()).collect();
        assert_eq!(steps, [50, 100, 110]);
    }
}
