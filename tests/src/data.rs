//! Where real data lies.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// A file or folder of the real data: below `EASEL_DATA`, by default `../shared/data` beside the repository. `None`,
/// said on stderr, where it is absent.
pub fn real(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("EASEL_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there (EASEL_DATA names another folder)", path.display());
        return None;
    }
    Some(path)
}
