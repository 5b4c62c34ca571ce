//! A folder of class folders of pictures, or of pictures.
//!
//! A class is a folder directly inside, named and ordered by its name's bytes (as torchvision's `ImageFolder` does);
//! pictures may be at any depth in it. A folder without a picture is no class. A folder that holds pictures and no class
//! folders, or only one beside them, is one class. Split folders ([`splits`](super::splits)) are recognised, and folders
//! that hold nothing but one other are passed through. Hidden files and what systems leave behind are ignored
//! ([`kinds`]), links are followed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::DirEntry;

use super::about::printable;
use super::fingerprint::Fingerprint;
use super::splits::{Level, Part, Splits};
use super::walk::walk;
use super::{About, PictureFormat, Pictures, check_total, fit, kinds, name_of};
use crate::{Error, Result};

/// How many skipped files are named.
const NAMED: usize = 3;

/// What a folder's pictures are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Their classes matter, so that pictures beside class folders are left out.
    Needed,
    /// Classes do not matter, so that every picture is taken.
    Unused,
    /// A run of version 0.1: every file is a picture and every folder a class, and pictures beside folders are left out.
    Former,
}

/// Where a listing comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A folder: a class of which no file can be read is no class.
    Folder,
    /// A list, which says itself what the classes are.
    List,
    /// A folder as version 0.1 took it.
    Former,
}

/// A training set's files, before they are read.
#[derive(Debug)]
pub(super) struct Listing {
    /// The files and their labels, in the order of classes and names.
    pub files: Vec<(PathBuf, u32)>,
    /// The classes' names by label.
    pub classes: Vec<String>,
    /// Where the files' own names begin.
    pub root: PathBuf,
    /// Where it comes from.
    pub origin: Origin,
    /// The number of files that are not pictures.
    pub skipped: usize,
    /// The first few of those: `PATH: WHY`.
    pub reasons: Vec<String>,
    /// What was chosen and left out.
    pub about: About,
}

impl Listing {
    /// Files whose labels are given with them.
    pub fn labelled(origin: Origin, files: Vec<(PathBuf, u32)>, classes: Vec<String>, root: &Path) -> Self {
        let (root, about) = (root.to_path_buf(), About::default());
        Self { files, classes, root, origin, skipped: 0, reasons: vec![], about }
    }
}

/// The folder's training pictures, without decoding them.
pub(super) fn list(folder: &Path, labels: Labels) -> Result<Listing> {
    if labels == Labels::Former {
        return Ok(former(folder));
    }
    let tree = Tree::of(folder);
    let (root, splits) = tree.resolve(folder, None)?;
    let mut listing = tree.listing(folder, &root, labels);
    match splits {
        Some(splits) => splits.tell(&mut listing.about),
        None if root != folder => {
            listing.about.notes.push(format!("the class folders are those of {}", root.display()))
        }
        None => {}
    }
    Ok(listing)
}

/// The pictures of another split folder beside the training pictures, if there are split folders and this one is among
/// them.
pub(super) fn list_part(folder: &Path, part: Part) -> Result<Option<Listing>> {
    let tree = Tree::of(folder);
    let (_, Some(splits)) = tree.resolve(folder, None)? else { return Ok(None) };
    let Some(root) = splits.folder(part) else { return Ok(None) };
    let name = printable(&name(root));
    let (root, _) = tree.resolve(root, Some(&splits))?;
    let mut listing = tree.listing(folder, &root, Labels::Needed);
    listing.about.notes.push(format!("split folder `{name}` ({})", listing.files.len()));
    Ok(Some(listing))
}

/// Every file, of a class by its first folder.
fn former(folder: &Path) -> Listing {
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
    let unclassified = classes.is_empty();
    if unclassified && !loose.is_empty() {
        classes.insert(name_of(folder), loose);
    }
    let names = classes.keys().cloned().collect();
    let files =
        classes.into_values().zip(0..).flat_map(|(paths, label)| paths.into_iter().map(move |path| (path, label)));
    let about = About { unclassified, ..About::default() };
    Listing { about, ..Listing::labelled(Origin::Former, files.collect(), names, folder) }
}

/// The files of a folder at any depth.
struct Tree {
    /// Those that begin as pictures.
    pictures: Vec<PathBuf>,
    /// The others, and why they are no pictures.
    others: Vec<(PathBuf, String)>,
}

impl Tree {
    fn of(folder: &Path) -> Self {
        let paths: Vec<PathBuf> = walk(folder).map(DirEntry::into_path).collect();
        let kinds: Vec<_> = paths.par_iter().map(|path| kinds::check(path)).collect();
        let mut tree = Self { pictures: vec![], others: vec![] };
        for (path, kind) in paths.into_iter().zip(kinds) {
            match kind {
                Ok(()) => tree.pictures.push(path),
                Err(why) => tree.others.push((path, why)),
            }
        }
        tree
    }

    fn level(&self, root: &Path) -> Level {
        let mut level = Level { folders: BTreeMap::new(), loose: 0 };
        for inside in self.pictures.iter().filter_map(|path| path.strip_prefix(root).ok()) {
            let mut names = inside.iter();
            match (names.next(), names.next()) {
                (Some(first), Some(_)) => *level.folders.entry(root.join(first)).or_default() += 1,
                _ => level.loose += 1,
            }
        }
        level
    }

    /// The folder that holds the class folders or pictures: of split folders that of the training set, and past folders
    /// that hold nothing but one other.
    fn resolve(&self, folder: &Path, known: Option<&Splits>) -> Result<(PathBuf, Option<Splits>)> {
        let (mut root, mut splits) = (folder.to_path_buf(), None);
        loop {
            let level = self.level(&root);
            if known.is_none()
                && splits.is_none()
                && let Some(found) = Splits::of(&root, &level)?
            {
                root = found.training().to_path_buf();
                splits = Some(found);
                continue;
            }
            // A single folder is a class of its own where no several folders follow in it.
            let mut at = (root.clone(), level);
            while at.1.loose == 0 && at.1.folders.len() == 1 {
                let (inner, _) = at.1.folders.pop_first().expect("there is one");
                let level = self.level(&inner);
                at = (inner, level);
            }
            match at {
                (inner, level) if inner != root && level.folders.len() > 1 => root = inner,
                _ => return Ok((root, splits)),
            }
        }
    }

    fn listing(&self, folder: &Path, root: &Path, labels: Labels) -> Listing {
        let Level { folders, loose } = self.level(root);
        let unclassified = match labels {
            Labels::Needed => folders.is_empty() || (folders.len() == 1 && loose > 0),
            _ => folders.is_empty(),
        };
        let mut about = About { unclassified, ..About::default() };
        let mut classes: Vec<String> = match unclassified {
            true => vec![],
            false => folders.keys().map(|path| name(path)).collect(),
        };
        let whole = |classes: &mut Vec<String>| {
            classes.push(name_of(folder));
            classes.len() as u32 - 1
        };
        let loose_label = match labels {
            _ if loose == 0 && !unclassified => None,
            Labels::Needed if !unclassified => {
                about.warnings.push(format!(
                    "left out {loose} pictures beside the class folders, which have no class; put them into a class folder"
                ));
                None
            }
            _ => Some(whole(&mut classes)),
        };
        let places: BTreeMap<&PathBuf, u32> = folders.keys().zip(0..).collect();
        let mut files: Vec<(PathBuf, u32)> = vec![];
        for path in &self.pictures {
            let Ok(inside) = path.strip_prefix(root) else { continue };
            let first = inside.iter().next().map(|first| root.join(first)).filter(|_| !unclassified);
            let label = first.and_then(|first| places.get(&first).copied()).or(loose_label);
            files.extend(label.map(|label| (path.clone(), label)));
        }
        files.sort_by_key(|(_, label)| *label);

        if labels == Labels::Needed && !unclassified {
            let other = self.others.iter().filter_map(|(path, _)| {
                let mut names = path.strip_prefix(root).ok()?.iter();
                names.next().filter(|_| names.next().is_some()).map(|first| root.join(first))
            });
            let mut empty: Vec<PathBuf> = other.filter(|path| !folders.contains_key(path)).collect();
            empty.dedup();
            about.warnings.extend(empty.iter().map(|path| no_class(&name(path))));
        }
        let others = self.others.iter().filter(|(path, _)| path.starts_with(root));
        let reasons = others.clone().take(NAMED).map(|(path, why)| format!("{}: {why}", path.display())).collect();
        Listing { files, classes, root: root.into(), origin: Origin::Folder, skipped: others.count(), reasons, about }
    }
}

fn no_class(name: &str) -> String {
    format!("`{}` has no picture that can be read, so it is no class", printable(name))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads a listing's pictures. Files that cannot be read as a picture are skipped and counted; fails where none is left.
/// `from` is where the listing came from, for messages.
pub(super) fn read_all(from: &Path, listing: Listing, format: PictureFormat) -> Result<Pictures> {
    let Listing { files, classes, root, origin, skipped, reasons, about } = listing;
    check_total(from, files.len(), format)?;
    let read: Vec<_> = files.par_iter().map(|(path, _)| fit::read(path, format)).collect();
    let name = name_of(from);
    let mut pictures = Pictures { format, pixels: vec![], labels: vec![], classes, name, skipped, reasons, about };
    pictures.pixels.reserve_exact(read.iter().flatten().map(|(pixels, _)| pixels.len()).sum());
    let mut kept = vec![];
    for (file, result) in files.iter().zip(read) {
        match result {
            Ok((pixels, levels)) => {
                pictures.pixels.extend(pixels);
                pictures.labels.push(file.1);
                pictures.about.levels = pictures.about.levels.and(levels);
                kept.push(file);
            }
            Err(why) => {
                pictures.skipped += 1;
                if pictures.reasons.len() < NAMED {
                    pictures.reasons.push(format!("{}: {why}", file.0.display()));
                }
            }
        }
    }
    if pictures.is_empty() {
        return Err(match pictures.skipped {
            0 => Error::Data(format!(
                "{}: no training pictures: neither MNIST's files (train-images-idx3-ubyte[.gz] and \
                 train-labels-idx1-ubyte[.gz]) nor class folders of pictures were found; give a folder with either",
                from.display()
            )),
            count => Error::Data(format!(
                "{}: none of {count} files could be read as a picture ({}); {}",
                from.display(),
                pictures.reasons.first().map_or("", String::as_str),
                kinds::advice(&root)
            )),
        });
    }
    if origin != Origin::Former {
        let unclassified = pictures.about.unclassified;
        let fingerprint = Fingerprint::of_files(&root, kept.iter().copied(), &pictures.classes, unclassified);
        pictures.about.fingerprint = Some(fingerprint);
    }
    if origin == Origin::Folder {
        pictures.drop_empty_classes();
    }
    Ok(pictures)
}

impl Pictures {
    /// Drops classes without pictures, with a warning.
    fn drop_empty_classes(&mut self) {
        let mut used = vec![false; self.classes.len()];
        self.labels.iter().for_each(|&label| used[label as usize] = true);
        let mut next = 0..;
        let new: Vec<Option<u32>> = used.iter().map(|&used| if used { next.next() } else { None }).collect();
        self.labels.iter_mut().for_each(|label| *label = new[*label as usize].expect("it is used"));
        let (kept, empty): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.classes).into_iter().zip(used).partition(|c| c.1);
        self.classes = kept.into_iter().map(|(name, _)| name).collect();
        self.about.warnings.extend(empty.iter().map(|(name, _)| no_class(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::DIGIT;
    use super::super::{Source, load};
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
        let pictures = load(&Source::Path(folder.path().into()), DIGIT).unwrap();
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
        let pictures = load(&Source::Path(folder.path().into()), DIGIT).unwrap();
        assert_eq!(pictures.classes, ["a", "linked"]);
        assert_eq!(pictures.len(), 2);
    }

    #[test]
    fn pictures_without_folders_are_one_class() {
        let folder = tempfile::tempdir().unwrap();
        grey(&folder.path().join("x.png"), 7);
        let pictures = load(&Source::Path(folder.path().into()), DIGIT).unwrap();
        assert_eq!((pictures.classes.len(), pictures.len()), (1, 1));
    }

    #[test]
    fn nothing_left_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/1.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
        let error = load(&Source::Path(folder.path().into()), DIGIT).unwrap_err().to_string();
        assert!(error.contains("none of 1 files") && error.contains("1.png"), "{error}");
    }
}
