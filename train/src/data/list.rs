//! A text file of `path label` lines.
//!
//! The label is the last field, so a path may hold spaces; a path is relative to the list's folder. Empty lines and
//! lines that begin with `#` are ignored. Where every label is an integer, it is the class's index; otherwise the classes
//! are the different labels in the order of their bytes.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::folder::{Listing, Origin};
use super::{PictureFormat, Pictures, folder, idx, kinds};
use crate::{Error, Result};

/// The largest list that is read.
const MOST_BYTES: u64 = 1 << 30;

/// How many characters of a wrong line are shown.
const LONGEST: usize = 80;

/// The highest label.
const MOST_CLASSES: u32 = 100_000;

/// Loads the pictures of a list. Those that cannot be read are skipped and counted; fails where none is left.
pub fn load(list: &Path, format: PictureFormat) -> Result<Pictures> {
    folder::read_all(list, files(list)?, format)
}

/// The files of a list, without checking that they exist; fails where there are none.
pub(super) fn files(list: &Path) -> Result<Listing> {
    let bad = |what: String| Error::Data(format!("{}: {what}", list.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(list)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| bad(format!("cannot read: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(bad("larger than 1 GiB, too large for a list of pictures; give a smaller file".into()));
    }
    if idx::looks_like(&bytes) && !kinds::is_tar(list) {
        return Err(bad("looks like one of MNIST's files; give the folder that holds it and its labels".into()));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        _ => return Err(bad(format!("not a text file of `path label` lines; {}", kinds::advice_on_file(list)))),
    };

    let mut entries = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (path, label) = line.rsplit_once(char::is_whitespace).ok_or_else(|| {
            let line: String = line.chars().take(LONGEST).collect();
            bad(format!("line {number} has no label: {line:?}; {}", kinds::advice_on_file(list)))
        })?;
        entries.push((number, path.trim_end(), label));
    }
    if entries.is_empty() {
        return Err(bad("no pictures listed; write one `path label` a line".into()));
    }

    let numbers: Option<Vec<u32>> = entries.iter().map(|(.., label)| label.parse().ok()).collect();
    let (labels, classes): (Vec<u32>, Vec<String>) = match numbers {
        Some(labels) => {
            if let Some((&label, (number, ..))) = labels.iter().zip(&entries).find(|(label, _)| **label >= MOST_CLASSES)
            {
                return Err(bad(format!("line {number}: label {label} is too high; number the classes from 0")));
            }
            let highest = labels.iter().copied().max().unwrap_or_default();
            (labels, (0..=highest).map(|label| label.to_string()).collect())
        }
        None => {
            let names: Vec<&str> =
                entries.iter().map(|(.., label)| *label).collect::<BTreeSet<_>>().into_iter().collect();
            let labels =
                entries.iter().map(|(.., label)| names.binary_search(label).expect("it is one of them") as u32);
            (labels.collect(), names.iter().map(ToString::to_string).collect())
        }
    };
    let base = list.parent().unwrap_or(Path::new(""));
    let files: Vec<(PathBuf, u32)> = entries.iter().map(|(_, path, _)| base.join(path)).zip(labels).collect();
    let root = common(&files);
    Ok(Listing::labelled(Origin::List, files, classes, &root))
}

/// The deepest folder that holds all files, below which their names stay the same when it and the list are moved.
fn common(files: &[(PathBuf, u32)]) -> PathBuf {
    let mut folders = files.iter().map(|(path, _)| path.parent().unwrap_or(Path::new("")));
    let first = folders.next().unwrap_or(Path::new("")).to_path_buf();
    folders.fold(first, |common, folder| {
        common.components().zip(folder.components()).take_while(|(a, b)| a == b).map(|(part, _)| part).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::DIGIT;
    use super::*;

    fn loaded(text: impl AsRef<[u8]>) -> Result<Pictures> {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("a.png", 1), ("two words.png", 2)] {
            image::GrayImage::from_pixel(28, 28, image::Luma([value])).save(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("list.txt"), text).unwrap();
        load(&folder.path().join("list.txt"), DIGIT)
    }

    #[test]
    fn numbers_names_comments_and_spaces() {
        let pictures = loaded("# digits\n\na.png 3\r\ntwo words.png\t0\n").unwrap();
        assert_eq!((&pictures.labels[..], pictures.classes.len()), (&[3, 0][..], 4));
        assert_eq!(pictures.pixels_of(1)[0], 2);
        let pictures = loaded("a.png zebra\ntwo words.png ant\nmissing.png ant\n").unwrap();
        assert_eq!(pictures.classes, ["ant", "zebra"]);
        assert_eq!((&pictures.labels[..], pictures.skipped), (&[1, 0][..], 1));
        assert!(pictures.warning().unwrap().contains("missing.png"));
    }

    #[test]
    fn bad_lists_are_named_by_line() {
        for (text, wanted) in [
            ("a.png 1\nlonely\n", "line 2 has no label"),
            ("a.png 4000000000\n", "line 1: label 4000000000"),
            ("# nothing\n\n", "no pictures listed"),
            ("\u{0}\u{0}", "not a text file"),
            ("gone.png 1\n", "none of 1 files"),
        ] {
            let error = loaded(text).unwrap_err().to_string();
            assert!(error.contains("list.txt") && error.contains(wanted), "{error}");
        }
        assert!(loaded([0, 0, 8, 3, 0, 0]).unwrap_err().to_string().contains("give the folder"));
        assert!(loaded([0xff, 0xfe, 0x41]).unwrap_err().to_string().contains("not a text file"));
    }
}
