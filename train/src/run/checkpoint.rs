//! Checkpoints: the weights to export, and everything that a run needs to resume.
//!
//! `checkpoints/000500/weights.safetensors` holds the parameters of the network that is exported, under PyTorch's
//! names, and the metadata of [`Weights`]; `state.safetensors` holds the rest of the trainer's state, and a
//! [`Record`] as JSON under the metadata key `record`. Both files have the same bytes for the same contents.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use easel_files::sync_folder;
use easel_runtime::card::{Architecture, Columns, Provenance};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use crate::data::Fingerprint;
use crate::{Error, Result, Weights};

/// The file with the weights to export.
pub const WEIGHTS: &str = "weights.safetensors";

/// The file with the rest of the state.
pub const STATE: &str = "state.safetensors";

const RECORD_KEY: &str = "record";

/// The prefix of a folder that is still being written.
const PARTIAL: &str = ".partial-";

/// The extension of an unreadable checkpoint that a resumed run has skipped.
pub const UNREADABLE: &str = "unreadable";

/// The contents of a checkpoint.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The network that the weights belong to.
    pub architecture: Architecture,
    /// The weights to export, by name.
    pub weights: BTreeMap<String, Tensor>,
    /// Other tensors of the trainer's state, under its own names.
    pub state: BTreeMap<String, Tensor>,
    /// Everything that is not a tensor.
    pub record: Record,
}

/// The part of a checkpoint that is not tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The number of steps done.
    pub step: u64,
    /// Where the weights came from; the exporter sets `weights_sha256`.
    pub provenance: Provenance,
    /// The model's title, if the run sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The names of the data's classes by label.
    pub classes: Vec<String>,
    /// What the data is recognised by. Drawn data has none, nor has that of a run of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The names of the data's columns, if it is a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The trainer's random states and position in the data.
    pub trainer: serde_json::Value,
    /// The session's own counts.
    pub session: serde_json::Value,
}

impl Checkpoint {
    /// Writes the checkpoint as `folder/STEP` and removes all except the last `keep` and those of the steps `for_good`.
    ///
    /// It is written under a temporary name, synced and renamed, and a checkpoint to remove is renamed first: so a folder
    /// that is named after a step is always complete, even after a crash. If it cannot be written, nothing is removed.
    pub fn save(&self, folder: &Path, keep: usize, for_good: &[u64]) -> Result<PathBuf> {
        let target = folder.join(format!("{:06}", self.record.step));
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(folder)?;
            let weights = Weights {
                architecture: self.architecture.clone(),
                provenance: self.record.provenance.clone(),
                tensors: self.weights.clone(),
            };
            write_synced(&partial.path().join(WEIGHTS), &weights.to_bytes().map_err(io::Error::other)?)?;
            let record = HashMap::from([(RECORD_KEY.to_string(), serde_json::to_string(&self.record)?)]);
            let state = safetensors::serialize(&self.state, Some(record)).map_err(io::Error::other)?;
            write_synced(&partial.path().join(STATE), &state)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(partial.path(), fs::Permissions::from_mode(0o755))?;
            }
            sync_folder(partial.path())?;
            // A checkpoint of the same step, from before the run was resumed at an earlier one, is moved away and removed.
            let aside = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(folder)?;
            if target.exists() {
                fs::rename(&target, aside.path().join("replaced"))?;
            }
            fs::rename(partial.path(), &target)?;
            // Renamed folders are not removed again.
            let _ = partial.keep();
            sync_folder(folder)
        };
        write().map_err(|error| {
            Error::Run(format!("{}: cannot write a checkpoint: {}", target.display(), without_path(&error)))
        })?;
        let old = steps(folder)?.into_iter().skip(keep.max(1)).filter(|(step, _)| !for_good.contains(step));
        for (_, old) in old {
            remove(folder, &old).map_err(|error| {
                Error::Run(format!("{}: cannot remove this old checkpoint: {error}", old.display()))
            })?;
        }
        Ok(target)
    }

    /// Reads a checkpoint's folder. Its tensors are on the CPU.
    pub fn load(path: &Path) -> Result<Self> {
        let bad = |file: &str, what: String| Error::Checkpoint(format!("{}: {what}", path.join(file).display()));
        let weights = path.join(WEIGHTS);
        let bytes = fs::read(&weights).map_err(|error| bad(WEIGHTS, format!("cannot read: {error}")))?;
        let Weights { architecture, tensors: weights, .. } = Weights::from_bytes(&bytes, &weights)?;
        let (state, record) = read_tensors(&path.join(STATE), RECORD_KEY)?;
        let record =
            serde_json::from_str(&record).map_err(|error| bad(STATE, format!("its record cannot be read: {error}")))?;
        Ok(Self { architecture, weights, state, record })
    }

    /// The newest readable checkpoint of a run, and the reason why each newer one is not readable.
    pub fn latest(folder: &Path) -> Result<(Self, Vec<String>)> {
        let mut unreadable = Vec::new();
        for (_, path) in steps(folder)? {
            match Self::load(&path) {
                Ok(checkpoint) => return Ok((checkpoint, unreadable)),
                Err(error) => unreadable.push(error.to_string()),
            }
        }
        let why = unreadable.first().map_or("there is none yet".to_string(), Clone::clone);
        Err(Error::Checkpoint(format!("{}: no checkpoint to resume from: {why}; start a new run", folder.display())))
    }

    /// The part of the state whose names begin with `prefix.`, without it.
    pub fn part<C: FromIterator<(String, Tensor)>>(&self, prefix: &str) -> C {
        let named = |name: &String| name.strip_prefix(prefix)?.strip_prefix('.').map(String::from);
        self.state.iter().filter_map(|(name, tensor)| Some((named(name)?, tensor.clone()))).collect()
    }
}

/// The folders of a run's checkpoints by step, the newest first. Other files and folders are ignored.
pub fn steps(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::Run(format!("{}: cannot read: {error}", folder.display()))),
    };
    let mut steps: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let digits = name.len() >= 6 && name.bytes().all(|byte| byte.is_ascii_digit());
            Some((digits.then(|| name.parse().ok()).flatten()?, entry.path()))
        })
        .collect();
    steps.sort_by(|a, b| b.cmp(a));
    Ok(steps)
}

/// The step of the newest checkpoint.
pub fn newest(folder: &Path) -> Option<u64> {
    steps(folder).ok()?.first().map(|(step, _)| *step)
}

/// Prepares a run's folder of checkpoints for continuing after `step` (0: for a new run). Fails before training if it is
/// not writable.
///
/// Partial checkpoints of a killed run are removed. Checkpoints of later steps, which could not be read, are renamed to end
/// in [`UNREADABLE`], so that they neither count among the last ones nor pass for this run's.
pub fn prepare(folder: &Path, step: u64) -> Result<()> {
    let ready = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        tempfile::Builder::new().prefix(PARTIAL).tempdir_in(folder)?.close()
    };
    ready().map_err(|error| {
        Error::Run(format!("{}: checkpoints cannot be written here: {}", folder.display(), without_path(&error)))
    })?;
    for (_, path) in steps(folder)?.into_iter().filter(|(found, _)| *found > step) {
        let aside = path.with_extension(UNREADABLE);
        let moved = match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(&path, &aside),
        };
        moved.map_err(|error| Error::Run(format!("{}: cannot rename: {error}", path.display())))?;
    }
    Ok(())
}

/// Removes a checkpoint atomically.
fn remove(folder: &Path, checkpoint: &Path) -> io::Result<()> {
    let aside = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(folder)?;
    fs::rename(checkpoint, aside.path().join("removed"))?;
    aside.close()
}

/// The system's message without the temporary file's name.
fn without_path(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" at path ").next().unwrap_or(&text).to_string()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_tensors(path: &Path, key: &str) -> Result<(BTreeMap<String, Tensor>, String)> {
    let bad = |what: String| Error::Checkpoint(format!("{}: {what}", path.display()));
    let bytes = fs::read(path).map_err(|error| bad(format!("cannot read: {error}")))?;
    let (_, metadata) =
        SafeTensors::read_metadata(&bytes).map_err(|error| bad(format!("not a complete safetensors file: {error}")))?;
    let file =
        SafeTensors::deserialize(&bytes).map_err(|error| bad(format!("not a complete safetensors file: {error}")))?;
    let text = metadata
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(key))
        .ok_or_else(|| bad(format!("it has no `{key}`; give a checkpoint that train has written")))?;
    let tensors = file
        .iter()
        .map(|(name, view)| Ok((name.to_string(), view.load(&Device::Cpu)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    Ok((tensors, text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u64) -> Checkpoint {
        let tensor = |value: f32| Tensor::new(&[value, step as f32], &Device::Cpu).unwrap();
        Checkpoint {
            architecture: Architecture { name: "net".into(), sizes: [("n".to_string(), 3.into())].into() },
            weights: [("a.weight".to_string(), tensor(1.0))].into(),
            state: [
                ("adam.a.weight.mean".to_string(), tensor(2.0)),
                ("adam.a.weight.steps".to_string(), Tensor::new(7i64, &Device::Cpu).unwrap()),
                ("adamant".to_string(), tensor(3.0)),
            ]
            .into(),
            record: Record {
                step,
                provenance: Provenance { data: Some("digits".into()), ..Provenance::default() },
                title: Some("Digits".into()),
                classes: vec!["x".into()],
                fingerprint: None,
                columns: None,
                trainer: serde_json::json!({"words": u64::MAX}),
                session: serde_json::Value::Null,
            },
        }
    }

    #[test]
    fn comes_back_and_repeats() {
        let folder = tempfile::tempdir().unwrap();
        let path = checkpoint(500).save(folder.path(), 3, &[]).unwrap();
        assert!(path.ends_with("000500"));
        let bytes = [WEIGHTS, STATE].map(|file| fs::read(path.join(file)).unwrap());
        let again = Checkpoint::load(&path).unwrap();
        assert_eq!(again.record, checkpoint(500).record);
        assert_eq!(again.architecture, checkpoint(500).architecture);
        assert_eq!(again.weights["a.weight"].to_vec1::<f32>().unwrap(), [1.0, 500.0]);
        let adam: HashMap<_, _> = again.part("adam");
        assert_eq!(adam.len(), 2);
        assert_eq!(adam["a.weight.steps"].to_scalar::<i64>().unwrap(), 7);
        again.save(folder.path(), 3, &[]).unwrap();
        assert_eq!(bytes, [WEIGHTS, STATE].map(|file| fs::read(path.join(file)).unwrap()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for step in [100, 200, 1_000_000, 300] {
            checkpoint(step).save(folder.path(), 2, &[]).unwrap();
        }
        assert_eq!(kept(folder.path()), [1_000_000, 300]);
        assert_eq!(Checkpoint::latest(folder.path()).unwrap().0.record.step, 1_000_000);
    }

    #[test]
    fn the_best_is_kept_as_long_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for (step, best) in [(1, 1), (2, 1), (3, 1), (4, 1)] {
            checkpoint(step).save(folder.path(), 2, &[best]).unwrap();
        }
        assert_eq!(kept(folder.path()), [4, 3, 1]);
        checkpoint(5).save(folder.path(), 2, &[4]).unwrap();
        assert_eq!(kept(folder.path()), [5, 4]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    fn kept(folder: &Path) -> Vec<u64> {
        steps(folder).unwrap().into_iter().map(|(step, _)| step).collect()
    }

    #[test]
    fn the_unreadable_and_the_partial_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let error = Checkpoint::latest(folder.path()).unwrap_err().to_string();
        assert!(error.contains("none yet"), "{error}");
        checkpoint(100).save(folder.path(), 9, &[]).unwrap();
        let newer = checkpoint(200).save(folder.path(), 9, &[]).unwrap();
        let bytes = fs::read(newer.join(STATE)).unwrap();
        fs::write(newer.join(STATE), &bytes[..bytes.len() - 1]).unwrap();
        fs::create_dir(folder.path().join("000300")).unwrap();
        let partial = folder.path().join(".partial-x");
        fs::rename(checkpoint(400).save(folder.path(), 9, &[]).unwrap(), &partial).unwrap();
        let (latest, unreadable) = Checkpoint::latest(folder.path()).unwrap();
        assert_eq!((latest.record.step, unreadable.len()), (100, 2));
        assert!(unreadable[1].contains("state.safetensors"), "{unreadable:?}");
        prepare(folder.path(), latest.record.step).unwrap();
        assert!(!partial.exists());
        // With one to keep, it must be the new one and not an unreadable one of a later step.
        checkpoint(150).save(folder.path(), 1, &[]).unwrap();
        assert_eq!(kept(folder.path()), [150]);
        assert!(folder.path().join("000200.unreadable").join(STATE).exists());
    }
}
