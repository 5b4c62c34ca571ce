//! The folders that are searched for models and libraries: the program's, the current one, and those above them.

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the running program.
pub(crate) fn program_folder() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    Some(program.canonicalize().unwrap_or(program).parent()?.to_owned())
}

/// The program's folder and those above it, then the current folder and those above it, each once.
pub(crate) fn upward() -> Vec<PathBuf> {
    upward_from(program_folder().into_iter().chain(env::current_dir().ok()))
}

fn upward_from(starts: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for start in starts {
        for folder in start.ancestors().map(Path::to_owned) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_once_nearest_first() {
        let found = upward_from(["/a/b/c", "/a/d"].map(PathBuf::from));
        assert_eq!(found, ["/a/b/c", "/a/b", "/a", "/", "/a/d"].map(PathBuf::from));
    }
}
