//! Where pictures go: `-o` is one picture or a folder, and is tried before anything is computed.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use easel_files::check_writable;
use easel_pictures::picture_format;
use image::ImageFormat;

use crate::{Error, Result};

/// What `-o` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// One picture of a format that its extension names.
    Picture(PathBuf, ImageFormat),
    /// A folder.
    Folder(PathBuf),
}

impl Output {
    /// Tells a picture from a folder by the extension. Fails on a picture format that is not written.
    pub fn from_path(path: &Path) -> Result<Self, String> {
        match picture_format(path) {
            Ok(format) => Ok(Self::Picture(path.to_owned(), format)),
            Err(error) if path.extension().is_some_and(is_picture) => Err(error.to_string()),
            Err(_) => Ok(Self::Folder(path.to_owned())),
        }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Picture(path, _) | Self::Folder(path) => path,
        }
    }

    /// Makes the folder where one is wanted and tries whether a file can be written there.
    pub fn prepare(&self) -> Result<Prepared> {
        let mut prepared = Prepared::default();
        let folder = match self {
            Self::Folder(path) => {
                if path.exists() && !path.is_dir() {
                    let reason = "it is a file; give a folder, or a picture's name".into();
                    return Err(Error::Output { path: path.clone(), reason });
                }
                prepared = create_folder(path)?;
                path.as_path()
            }
            Self::Picture(path, _) if path.is_dir() => {
                return Err(Error::Output { path: path.clone(), reason: "it is a folder; give another name".into() });
            }
            Self::Picture(path, _) => match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            },
        };
        if !folder.is_dir() {
            let reason = format!("cannot write: {} is not a folder; create it first", folder.display());
            return Err(Error::Output { path: self.path().to_owned(), reason });
        }
        check_writable(folder).map_err(|error| Error::write(self.path(), "cannot write", &error))?;
        Ok(prepared)
    }
}

/// Folders made for an output. Those that are still empty go again when this is dropped, unless [`Prepared::keep`].
#[derive(Debug, Default)]
#[must_use = "dropped, it removes the folders that were made"]
pub struct Prepared {
    created: Vec<PathBuf>,
    keep: bool,
}

impl Prepared {
    /// Keeps the folders.
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.keep {
            // An error means that something is in it, and then it stays.
            self.created.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
        }
    }
}

/// Writes a result to standard output. A reader that has gone is an error too, since it has only a part.
pub(crate) fn write_standard(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout();
    let sent = stdout.write_all(bytes).and_then(|()| stdout.flush());
    sent.map_err(|error| Error::write(Path::new("standard output"), "cannot write", &error))
}

/// Makes a folder and those above it that are missing.
pub(crate) fn create_folder(path: &Path) -> Result<Prepared> {
    let mut prepared = Prepared::default();
    // The outermost first, so that they can be removed in turn.
    let missing: Vec<_> = path.ancestors().take_while(|above| !is_there(above)).map(Path::to_owned).collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(&folder) {
            Ok(()) => prepared.created.push(folder),
            // Another process was faster.
            Err(_) if folder.is_dir() => {}
            Err(error) => return Err(Error::write(path, "cannot create the folder", &error)),
        }
    }
    Ok(prepared)
}

fn is_there(path: &Path) -> bool {
    path == Path::new("") || path.exists()
}

fn is_picture(extension: &OsStr) -> bool {
    ImageFormat::from_extension(extension).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides() {
        let output = |path: &str| Output::from_path(Path::new(path));
        assert!(matches!(output("a/b.png"), Ok(Output::Picture(_, ImageFormat::Png))));
        assert!(matches!(output("b.JPG"), Ok(Output::Picture(_, ImageFormat::Jpeg))));
        for folder in ["digits", "a/digits", "v1.2", "png", ".png"] {
            assert_eq!(output(folder), Ok(Output::Folder(folder.into())));
        }
        for other in ["a.ico", "a.avif", "a.exr"] {
            assert!(output(other).unwrap_err().contains("png, jpg, webp"), "{other}");
        }
    }

    #[test]
    fn folders_that_stay_empty_go_again() {
        let root = tempfile::tempdir().unwrap();
        let outer = root.path().join("a");
        let output = Output::Folder(outer.join("b"));
        let prepared = output.prepare().unwrap();
        assert!(outer.join("b").is_dir());
        drop(prepared);
        assert!(!outer.exists());

        let prepared = output.prepare().unwrap();
        fs::write(outer.join("b/picture"), "x").unwrap();
        drop(prepared);
        assert!(outer.join("b/picture").exists());

        fs::remove_dir_all(&outer).unwrap();
        output.prepare().unwrap().keep();
        assert!(outer.join("b").is_dir());
    }

    #[test]
    fn what_cannot_be_written_is_found_out() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        let folder = root.path().join("folder.png");
        fs::create_dir(&folder).unwrap();
        for path in
            [file.clone(), file.join("below"), file.join("below.png"), folder, root.path().join("no/such/a.png")]
        {
            let error = Output::from_path(&path).unwrap().prepare().unwrap_err().to_string();
            assert!(error.starts_with(path.to_str().unwrap()) && !error.contains('\n'), "{error}");
            assert!(!error.contains(".easel-"), "{error}");
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}
