//! Folders: removing one, copying a file into one.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

/// Removes a folder and everything in it, if it exists.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(|| folder.display().to_string()),
        _ => Ok(()),
    }
}

/// Copies a file into a folder, which is created if need be.
pub fn copy_into(file: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::copy(file, folder.join(file.file_name().context("a file has a name")?))
        .with_context(|| format!("{}: cannot be copied to {}", file.display(), folder.display()))?;
    Ok(())
}
