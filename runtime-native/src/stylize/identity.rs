//! Tells whether two paths lead to the same file.

#[cfg(unix)]
pub(super) use self::unix::{Identity, identity};

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// The identity of a file or folder, equal for all its names.
    pub type Identity = (u64, u64);

    /// The identity of what a path leads to, through links of both kinds. `None` if nothing is there.
    pub fn identity(path: &Path) -> Option<Identity> {
        fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }
}

#[cfg(not(unix))]
pub(super) use self::other::{Identity, identity};

#[cfg(not(unix))]
mod other {
    use std::path::{Path, PathBuf};

    /// The identity of a file or folder, equal for all its names.
    pub type Identity = PathBuf;

    /// The identity of what a path leads to. `None` if nothing is there.
    pub fn identity(path: &Path) -> Option<Identity> {
        path.canonicalize().ok()
    }
}
