//! The numbered folder of a run.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use easel_files::write_atomically;

use crate::{Error, Result};

/// The file with a run's resolved configuration.
const CONFIG: &str = "config.toml";

/// The prefix of [`write_atomically`]'s temporary files.
const TEMPORARY: &str = ".easel-";

/// A run's folder, which only one process at a time writes to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    // Held as long as the run is written to; the system releases it when the process ends.
    _lock: Option<File>,
}

impl RunFolder {
    /// Creates `out/NNNNN-name`, with the next number after the highest there, and `out` if it is missing.
    ///
    /// Runs that start at the same time get different numbers, and existing files are not changed.
    pub fn create(out: &Path, name: &str) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::Run(format!(
                "{}: cannot create a run folder: {error}; choose another folder with --out",
                out.display()
            ))
        };
        fs::create_dir_all(out).map_err(failed)?;
        // The parent's lock makes counting and creating atomic.
        let _counting = File::open(out).and_then(|folder| folder.lock().map(|()| folder));
        let mut number = fs::read_dir(out)
            .map_err(failed)?
            .filter_map(|entry| number_of(&entry.ok()?.file_name().to_string_lossy()))
            .max()
            .map_or(0, |highest| highest + 1);
        let name = plain(name);
        let path = loop {
            let path = out.join(format!("{number:05}-{name}"));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(error)),
            }
        };
        Self::locked(path)
    }

    /// A run's settings file. Fails where the folder is not a run's.
    pub fn config_of(path: &Path) -> Result<PathBuf> {
        let config = path.join(CONFIG);
        match config.is_file() {
            true => Ok(config),
            false => Err(Error::Run(format!("{}: not a run: it has no {CONFIG}; give a run's folder", path.display()))),
        }
    }

    /// Opens the folder of a run to resume. Fails where it is not a run's, or another process is writing to it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::config_of(path)?;
        Self::locked(path.to_path_buf())
    }

    /// Removes temporary files of a killed process.
    pub fn remove_leftovers(&self) {
        for folder in [&self.path, &self.path.join("samples")] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    fn locked(path: PathBuf) -> Result<Self> {
        let lock = File::open(&path).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            return Err(Error::Run(format!("{}: another process is writing this run; wait for it", path.display())));
        }
        Ok(Self { path, _lock: lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, `00003-gan-mnist`.
    pub fn name(&self) -> String {
        let real = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        real.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned())
    }

    /// Writes the resolved configuration.
    pub fn write_config(&self, text: &str) -> Result<()> {
        Ok(write_atomically(&self.path.join(CONFIG), text.as_bytes())?)
    }

    /// `stats.jsonl`.
    pub fn stats(&self) -> PathBuf {
        self.path.join("stats.jsonl")
    }

    /// `card.md`: a readable summary of the run.
    pub fn card(&self) -> PathBuf {
        self.path.join("card.md")
    }

    /// `best.json`: the best checkpoint and its metric.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.json")
    }

    /// The folder of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The path of a step's sample grid; its folder is created.
    pub fn sample(&self, step: u64) -> Result<PathBuf> {
        let folder = self.path.join("samples");
        fs::create_dir_all(&folder)
            .map_err(|error| Error::Run(format!("{}: cannot create this folder: {error}", folder.display())))?;
        Ok(folder.join(format!("{step:06}.png")))
    }
}

fn number_of(name: &str) -> Option<u64> {
    let (number, _) = name.split_once('-')?;
    (number.len() >= 5).then(|| number.parse().ok()).flatten()
}

/// A name without characters that are special to file systems or shells.
fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    name.chars().map(keep).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_count_on() {
        let out = tempfile::tempdir().unwrap();
        let runs = out.path().join("deep/runs");
        let first = RunFolder::create(&runs, "gan-mnist").unwrap();
        assert_eq!(first.name(), "00000-gan-mnist");
        fs::create_dir(runs.join("00041-other")).unwrap();
        fs::create_dir(runs.join("x-00099")).unwrap();
        assert_eq!(RunFolder::create(&runs, "gan a/b").unwrap().name(), "00042-gan-a-b");
    }

    #[test]
    fn runs_that_start_at_once_have_numbers_of_their_own() {
        let out = tempfile::tempdir().unwrap();
        let names: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..16)
                .map(|index| {
                    let out = out.path();
                    scope.spawn(move || RunFolder::create(out, &format!("run{index}")).unwrap().name())
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        let numbers: BTreeSet<_> = names.iter().map(|name| name[..5].to_string()).collect();
        assert_eq!(numbers.len(), 16, "{names:?}");
    }

    #[test]
    fn one_writer_at_a_time() {
        let out = tempfile::tempdir().unwrap();
        let run = RunFolder::create(out.path(), "gan").unwrap();
        assert!(RunFolder::open(run.path()).unwrap_err().to_string().contains("not a run"));
        run.write_config("seed = 1\n").unwrap();
        if cfg!(unix) {
            assert!(RunFolder::open(run.path()).unwrap_err().to_string().contains("another process"));
        }
        let path = run.path().to_path_buf();
        drop(run);
        assert_eq!(fs::read_to_string(RunFolder::open(&path).unwrap().path().join(CONFIG)).unwrap(), "seed = 1\n");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = RunFolder::create(&file, "gan").unwrap_err().to_string();
        assert!(error.contains("file: cannot create a run folder") && error.contains("--out"), "{error}");
    }
}
