//! Which names are those of one file.

#[cfg(unix)]
pub(super) use self::unix::{Identity, identity};

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// What all names of one file or folder have in common.
    pub type Identity = (u64, u64);

    /// The identity of what a path leads to, links of both kinds included. `None` for what is not there.
    pub fn identity(path: &Path) -> Option<Identity> {
        fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }
}

#[cfg(not(unix))]
pub(super) use self::other::{Identity, identity};

#[cfg(not(unix))]
mod other {
    use std::path::{Path, PathBuf};

    /// What all names of one file or folder have in common.
    pub type Identity = PathBuf;

    /// The identity of what a path leads to. `None` for what is not there.
    pub fn identity(path: &Path) -> Option<Identity> {
        path.canonicalize().ok()
    }
}
