//! The files of a folder.

use std::ffi::OsStr;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

/// The largest depth of a picture below the folder.
const DEEPEST: usize = 16;

/// Files and folders that systems leave behind, in lower case.
const IGNORED: [&str; 9] = [
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
];

/// Whether a file or folder is passed over without a word: hidden ones, and those of systems.
pub fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || IGNORED.contains(&name.to_lowercase().as_str())
}

/// The files at any depth in the folder, in the order of their names, without hidden ones and those of systems.
pub(super) fn walk(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    walk_to(folder, DEEPEST)
}

/// The same up to a depth.
pub(super) fn walk_to(folder: &Path, depth: usize) -> impl Iterator<Item = DirEntry> + use<> {
    // Folders that cannot be opened and links that form a loop are errors here; pictures elsewhere are still found.
    WalkDir::new(folder)
        .follow_links(true)
        .max_depth(depth)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| entry.depth() == 0 || !is_ignored(entry.file_name()))
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_type().is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_leave_behind_is_ignored() {
        let ignored = |name: &str| is_ignored(OsStr::new(name));
        assert!(["__MACOSX", ".git", "._1.jpg", "Thumbs.db", "@eaDir"].into_iter().all(ignored));
        assert!(!["macosx", "cats", "1.jpg"].into_iter().any(ignored));
    }
}
