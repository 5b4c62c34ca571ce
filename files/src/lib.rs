//! Atomic file writing: a reader sees the old file or the whole new one, never a part.
//!
//! A file is written under a temporary name beside its target, synced and renamed. The temporary file is locked while
//! it is written, and locks end with their process, so [`remove_abandoned`] can tell the files of killed processes from
//! those that others are writing.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("card.md");
//! easel_files::write_atomically(&path, b"# A model\n")?;
//! assert_eq!(std::fs::read(&path)?, b"# A model\n");
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::NamedTempFile;

/// How the names of temporary files begin.
const PREFIX: &str = ".easel-";

/// An unlocked temporary file of this age is abandoned.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// The temporary files of this process.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Writes the bytes to `path`, replacing a file that is there. On failure nothing is left, and the file that was there
/// is untouched. The error names the path.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::new(path)?;
    file.temporary.write_all(bytes).map_err(|error| cannot_write(path, &error))?;
    file.commit()
}

/// A file that has a temporary name until [`AtomicFile::commit`], for one that is written piece by piece, or by another
/// program. Dropped before that, it is removed. Errors name the target path.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: NamedTempFile,
    target: PathBuf,
    /// Dropped after the file.
    listed: Listed,
}

/// A temporary file's place in [`UNFINISHED`], until it is dropped.
#[derive(Debug)]
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
    }
}

impl AtomicFile {
    /// An empty temporary file in the folder of `target`.
    pub fn new(target: &Path) -> io::Result<Self> {
        let mut unfinished = unfinished();
        let temporary = temporary_in(folder_of(target)).map_err(|error| cannot_write(target, &error))?;
        unfinished.insert(temporary.path().to_owned());
        drop(unfinished);
        let listed = Listed(temporary.path().to_owned());
        // Not an error on file systems without locks: there, an old file may be taken for an abandoned one.
        let _ = temporary.as_file().lock_shared();
        Ok(Self { temporary, target: target.to_owned(), listed })
    }

    /// The temporary path.
    pub fn temporary_path(&self) -> &Path {
        self.temporary.path()
    }

    /// Syncs the file and renames it to the target, replacing a file that is there.
    pub fn commit(self) -> io::Result<()> {
        let Self { temporary, target, listed } = self;
        let commit = || {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            temporary.as_file().sync_all()?;
            let unfinished = unfinished();
            temporary.persist(&target).map_err(|error| error.error)?;
            drop(unfinished);
            drop(listed);
            sync_folder(folder_of(&target))
        };
        commit().map_err(|error| cannot_write(&target, &error))
    }
}

/// Removes the temporary files in a folder that killed processes left there. Those being written are locked, and stay.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
        let age = |file: &File| file.metadata()?.modified()?.elapsed().map_err(io::Error::other);
        if ours
            && let Ok(file) = File::open(&path)
            && age(&file).is_ok_and(|age| age >= ABANDONED_AFTER)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Removes the temporary files that this process is writing, for one that is about to end. Whoever creates or commits a
/// file from now on waits for ever.
pub fn remove_unfinished() {
    let paths = unfinished();
    paths.iter().for_each(|path| drop(fs::remove_file(path)));
    std::mem::forget(paths);
}

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails if no file can be created in a folder. The error has no path.
pub fn check_writable(folder: &Path) -> io::Result<()> {
    let _unfinished = unfinished();
    temporary_in(folder).map(drop).map_err(|error| io::Error::new(error.kind(), without_path(&error)))
}

/// Makes renames in a folder last through a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder)
}

/// The parent of `path`, or the current folder for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: cannot write: {}", path.display(), without_path(error)))
}

/// The error's text without the temporary path that `tempfile` appends: it means nothing to a user.
fn without_path(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" at path ").next().unwrap_or(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_when_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("numbers");
        write_atomically(&target, b"old").unwrap();
        let file = AtomicFile::new(&target).unwrap();
        fs::write(file.temporary_path(), "new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        drop(AtomicFile::new(&target).unwrap());
        assert_eq!(names(folder.path()), ["numbers"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("inside"), "x").unwrap();
        let error = write_atomically(&target, b"bytes").unwrap_err().to_string();
        assert!(error.starts_with(target.to_str().unwrap()) && !error.contains(PREFIX), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_missing_folder_is_an_error_without_the_temporary_name() {
        let missing = tempfile::tempdir().unwrap().path().join("missing");
        for error in [check_writable(&missing), write_atomically(&missing.join("file"), b"")].map(Result::unwrap_err) {
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert!(!error.to_string().contains(PREFIX), "{error}");
        }
    }

    #[test]
    fn only_old_unlocked_temporary_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * ABANDONED_AFTER;
        let create = |name: &str, modified: SystemTime| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(modified).unwrap();
            file
        };
        let locked = create(".easel-locked", old);
        locked.lock_shared().unwrap();
        create(".easel-new", SystemTime::now());
        create("picture.png", old);
        create(".easel-abandoned", old);
        remove_abandoned(folder.path());
        assert_eq!(names(folder.path()), [".easel-locked", ".easel-new", "picture.png"]);
    }
}
