//! A folder of class folders of pictures, or of pictures.
//!
//! A class is a folder directly inside, named and ordered by its name's bytes (as torchvision's `ImageFolder` does);
//! pictures may be at any depth in it. A folder that holds pictures and no class folders is one class. Hidden files
//! are ignored, links are followed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::{PictureFormat, Pictures, check_total, fit, name_of};
use crate::{Error, Result};

/// How many skipped files are named.
const NAMED: usize = 3;

/// The largest depth of a picture below the folder.
const DEEPEST: usize = 16;

/// Loads the folder's pictures. Files that cannot be read as a picture are skipped and counted; fails where none is left.
pub fn load(folder: &Path, format: PictureFormat) -> Result<Pictures> {
    let (files, classes) = files(folder)?;
    read_all(folder, files, classes, name_of(folder), format)
}

/// Files with their labels, and the classes' names by label.
pub(super) type Labelled = (Vec<(PathBuf, u32)>, Vec<String>);

/// The folder's files in the order of their classes and names, without reading them; fails where there are none.
pub(super) fn files(folder: &Path) -> Result<Labelled> {
    let mut classes: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut loose = Vec::new();
    for entry in walk(folder) {
        let inside = entry.path().strip_prefix(folder).expect("the walk began at the folder");
        match inside.iter().next() {
            Some(class) if entry.depth() > 1 => {
                classes.entry(class.to_string_lossy().into_owned()).or_default().push(entry.into_path());
            }
            _ => loose.push(entry.into_path()),
        }
    }
    if classes.is_empty() && !loose.is_empty() {
        classes.insert(name_of(folder), loose);
    }
    if classes.is_empty() {
        return Err(Error::Data(format!(
            "{}: no training pictures: neither MNIST's files (train-images-idx3-ubyte[.gz] and \
             train-labels-idx1-ubyte[.gz]) nor class folders of pictures were found; give a folder with either",
            folder.display()
        )));
    }
    let names = classes.keys().cloned().collect();
    let files =
        classes.into_values().zip(0..).flat_map(|(paths, label)| paths.into_iter().map(move |path| (path, label)));
    Ok((files.collect(), names))
}

/// The files at any depth in the folder, in the order of their names, without hidden ones.
pub(super) fn walk(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    // Folders that cannot be opened and links that form a loop are errors here; pictures elsewhere are still found.
    WalkDir::new(folder)
        .follow_links(true)
        .max_depth(DEEPEST)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| entry.depth() == 0 || !hidden(entry.file_name()))
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_type().is_file())
}

/// Reads the pictures of a list of paths with labels. `from` is where the list came from, for messages.
pub(super) fn read_all(
    from: &Path,
    files: Vec<(PathBuf, u32)>,
    classes: Vec<String>,
    name: String,
    format: PictureFormat,
) -> Result<Pictures> {
    check_total(from, files.len(), format)?;
    let read: Vec<_> = files.par_iter().map(|(path, _)| fit::read(path, format)).collect();
    let mut pictures = Pictures { format, pixels: vec![], labels: vec![], classes, name, skipped: 0, reasons: vec![] };
    pictures.pixels.reserve_exact(read.iter().flatten().map(Vec::len).sum());
    for ((path, label), result) in files.iter().zip(read) {
        match result {
            Ok(pixels) => {
                pictures.pixels.extend(pixels);
                pictures.labels.push(*label);
            }
            Err(why) => {
                pictures.skipped += 1;
                if pictures.reasons.len() < NAMED {
                    pictures.reasons.push(format!("{}: {why}", path.display()));
                }
            }
        }
    }
    if pictures.is_empty() {
        return Err(Error::Data(format!(
            "{}: none of {} files could be read as a picture ({}); PNG, JPEG, WebP, BMP, GIF, TIFF, HEIC, AVIF and JPEG XL are read",
            from.display(),
            pictures.skipped,
            pictures.reasons.first().map_or("", String::as_str)
        )));
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::super::tests::DIGIT;
    use super::*;
    use image::GrayImage;

    fn grey(path: &Path, value: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_pixel(28, 28, image::Luma([value])).save(path).unwrap();
    }

    #[test]
    fn classes_are_folders_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        grey(&at("b/2.png"), 20);
        grey(&at("b/1.png"), 10);
        grey(&at("a/deep/3.bmp"), 30);
        grey(&at("loose.png"), 99);
        grey(&at("a/.hidden.png"), 99);
        std::fs::write(at("b/text.png"), "no picture").unwrap();
        std::fs::create_dir(at("empty")).unwrap();
        let pictures = load(folder.path(), DIGIT).unwrap();
        assert_eq!(pictures.classes, ["a", "b"]);
        assert_eq!(pictures.labels, [0, 1, 1]);
        assert_eq!([0, 1, 2].map(|index| pictures.pixels_of(index)[0]), [30, 10, 20]);
        assert_eq!(pictures.skipped, 1);
        assert!(pictures.warning().unwrap().contains("text.png"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_survived() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let elsewhere = tempfile::tempdir().unwrap();
        grey(&elsewhere.path().join("1.png"), 1);
        grey(&at("a/2.png"), 2);
        std::os::unix::fs::symlink(elsewhere.path(), at("linked")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("a/loop")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("loop")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("a/dangling.png")).unwrap();
        let pictures = load(folder.path(), DIGIT).unwrap();
        assert_eq!(pictures.classes, ["a", "linked"]);
        assert_eq!(pictures.len(), 2);
    }

    #[test]
    fn pictures_without_folders_are_one_class() {
        let folder = tempfile::tempdir().unwrap();
        grey(&folder.path().join("x.png"), 7);
        let pictures = load(folder.path(), DIGIT).unwrap();
        assert_eq!((pictures.classes.len(), pictures.len()), (1, 1));
    }

    #[test]
    fn nothing_left_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/1.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
        let error = load(folder.path(), DIGIT).unwrap_err().to_string();
        assert!(error.contains("none of 1 files") && error.contains("1.png"), "{error}");
    }
}
