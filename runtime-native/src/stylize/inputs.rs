//! Finds the pictures that the inputs name: files, folders, patterns, standard input.

use std::collections::HashSet;
use std::fs;
use std::io::{IsTerminal, stdin};
use std::path::{Component, Path, PathBuf};

use glob::Pattern;
use walkdir::{DirEntry, WalkDir};

use super::identity::identity;
use super::options::is_standard;
use crate::left_out::LeftOut;

/// The deepest level of folders that is searched.
const DEEPEST: usize = 64;

/// How patterns match, as in a shell.
const MATCHING: glob::MatchOptions =
    glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

const IGNORING_CASE: glob::MatchOptions = glob::MatchOptions { case_sensitive: false, ..MATCHING };

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Its file, or `-` for standard input.
    pub path: PathBuf,
    /// Its path relative to the folder that was named, or its file name.
    pub below: PathBuf,
}

/// The pictures that the inputs name.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// In the order in which they were named, those of a folder or pattern by name.
    pub pictures: Vec<Input>,
    /// Inputs that are not pictures, and why.
    pub failed: Vec<(PathBuf, String)>,
    /// Links to folders that were searched already.
    pub loops: Vec<PathBuf>,
    /// Files in folders that are not pictures that can be read.
    pub left_out: Vec<LeftOut>,
    /// Patterns that match more files if the case of letters is ignored: the first one, and how many.
    pub other_case: Vec<(PathBuf, PathBuf, usize)>,
}

impl Inputs {
    /// Finds the pictures, except those in the folder of the results. What cannot be read is listed and does not stop the
    /// rest.
    pub fn find(named: &[PathBuf], results: Option<&Path>) -> Self {
        let mut found = Self::default();
        for input in named {
            if is_standard(input) && stdin().is_terminal() {
                found.failed.push((input.clone(), "standard input is the terminal; send a picture to it".into()));
                continue;
            }
            if is_standard(input) {
                found.pictures.push(Input { path: input.clone(), below: "picture".into() });
                continue;
            }
            match fs::metadata(input) {
                Err(_) if is_pattern(input) => found.add_pattern(input, results),
                Err(error) => {
                    let other =
                        match_ignoring_case(input).map_or_else(String::new, |name| format!("; there is {name}"));
                    found.failed.push((input.clone(), format!("cannot read: {error}{other}")));
                }
                Ok(is) if is.is_dir() => found.add_folder(input, results),
                // Opening a pipe would wait for its writer.
                Ok(is) if !is.is_file() => found.failed.push((input.clone(), "not a file".into())),
                Ok(_) => {
                    let below = input.file_name().map_or_else(|| PathBuf::from("picture"), PathBuf::from);
                    found.pictures.push(Input { path: input.clone(), below });
                }
            }
        }
        found
    }

    fn add_folder(&mut self, folder: &Path, results: Option<&Path>) {
        let before = self.pictures.len() + self.failed.len();
        self.add_pictures(folder, folder, results);
        if self.pictures.len() + self.failed.len() == before {
            let why = "no pictures in this folder (jpg, png, webp, bmp, tiff, gif, avif, jxl)";
            self.failed.push((folder.to_owned(), why.into()));
        }
    }

    /// Adds the pictures in a folder, with their paths relative to `root`.
    fn add_pictures(&mut self, folder: &Path, root: &Path, results: Option<&Path>) {
        for entry in self.walk(folder, results, DEEPEST) {
            if !entry.file_type().is_file() {
                continue;
            }
            match LeftOut::check(entry.path()) {
                Some(left_out) => self.left_out.push(left_out),
                None => {
                    let below = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
                    self.pictures.push(Input { path: entry.into_path(), below });
                }
            }
        }
    }

    /// Adds the files that a pattern matches, and the pictures in the folders that it matches.
    fn add_pattern(&mut self, pattern: &Path, results: Option<&Path>) {
        let text = pattern.to_string_lossy();
        let matching = match Pattern::new(&text) {
            Ok(matching) => matching,
            Err(error) => return self.failed.push((pattern.to_owned(), format!("not a pattern: {}", error.msg))),
        };
        let fixed = fixed_part(pattern);
        let root = if fixed == Path::new("") { Path::new(".") } else { &fixed };
        let parts = pattern.components().count() - fixed.components().count();
        let deepest = if text.contains("**") { DEEPEST } else { parts };
        let before = self.pictures.len() + self.failed.len();
        let first = self.failed.len();
        let entries = self.walk(root, results, deepest);
        let is_named = |below: &Path| matching.matches_path_with(&fixed.join(below), MATCHING);
        // Not a dangling link of another name.
        let failed = self.failed.split_off(first).into_iter();
        self.failed
            .extend(failed.filter(|(path, _)| path.is_dir() || is_named(path.strip_prefix(root).unwrap_or(path))));
        let mut other_case: Option<(PathBuf, usize)> = None;
        for entry in entries {
            let below = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
            if !is_named(&below) {
                if matching.matches_path_with(&fixed.join(&below), IGNORING_CASE) {
                    other_case.get_or_insert_with(|| (fixed.join(&below), 0)).1 += 1;
                }
                continue;
            }
            let path = fixed.join(&below);
            if entry.file_type().is_dir() {
                self.add_pictures(&path, &fixed, results);
            } else if entry.file_type().is_file() {
                self.pictures.push(Input { path, below });
            }
        }
        let found = self.pictures.len() + self.failed.len() > before;
        match other_case {
            Some((first, count)) if found => self.other_case.push((pattern.to_owned(), first, count)),
            Some((first, count)) => {
                let why =
                    format!("no file matches this pattern in its case of letters; {}", ignoring_case(&first, count));
                self.failed.push((pattern.to_owned(), why));
            }
            None if !found => self.failed.push((pattern.to_owned(), "no file matches this pattern".into())),
            None => {}
        }
    }

    /// All entries of a folder at any depth, by name, except hidden ones and the folder of the results. Links are followed
    /// unless they lead to a folder that is listed anyway.
    fn walk(&mut self, folder: &Path, results: Option<&Path>, deepest: usize) -> Vec<DirEntry> {
        let folders = WalkDir::new(folder).max_depth(deepest).into_iter().flatten();
        let own: HashSet<_> =
            folders.filter(|entry| entry.file_type().is_dir()).map(|entry| identity(entry.path())).collect();
        let results = results.and_then(identity);
        let (mut seen, mut loops) = (HashSet::from([identity(folder)]), vec![]);
        let entries = WalkDir::new(folder).follow_links(true).max_depth(deepest).sort_by_file_name().into_iter();
        let entries = entries.filter_entry(|entry| {
            if entry.depth() == 0 {
                return true;
            }
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if hidden || !entry.file_type().is_dir() {
                return !hidden;
            }
            let is = identity(entry.path());
            let again = entry.path_is_symlink() && own.contains(&is) || !seen.insert(is);
            if again {
                loops.push(entry.path().to_owned());
            }
            !again && (is.is_none() || is != results)
        });
        let mut found = vec![];
        for entry in entries {
            match entry {
                Ok(entry) => found.push(entry),
                Err(error) if error.loop_ancestor().is_some() => {
                    self.loops.push(error.path().unwrap_or(folder).to_owned());
                }
                Err(error) => {
                    let why = error.io_error().map_or_else(|| error.to_string(), std::io::Error::to_string);
                    self.failed.push((error.path().unwrap_or(folder).to_owned(), format!("cannot read: {why}")));
                }
            }
        }
        self.loops.append(&mut loops);
        found
    }
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// The folders that a pattern begins with and that contain no wildcard.
fn fixed_part(pattern: &Path) -> PathBuf {
    let fixed = |part: &Component| !is_pattern(Path::new(part));
    let folders = pattern.parent().unwrap_or(Path::new(""));
    folders.components().take_while(fixed).collect()
}

/// How many files match a pattern if the case of letters is ignored.
pub(crate) fn ignoring_case(first: &Path, count: usize) -> String {
    let first = first.display();
    match count {
        1 => format!("{first} differs from it in case alone"),
        _ => format!("{count} files differ from it in case alone, such as {first}"),
    }
}

/// The name beside a path that differs from it in case alone.
fn match_ignoring_case(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let names = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|other| other != name && other.to_lowercase() == name.to_lowercase()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pictures' relative paths, and how many inputs are not pictures.
    fn found(named: &Path, results: Option<&Path>) -> (Vec<String>, usize) {
        let inputs = Inputs::find(&[named.to_owned()], results);
        let below = inputs.pictures.iter().map(|input| input.below.to_string_lossy().into_owned()).collect();
        (below, inputs.failed.len())
    }

    #[test]
    fn patterns_and_folders() {
        let root = tempfile::tempdir().unwrap();
        let hidden = ["deep/.e.png", ".hidden/f.png"];
        let others = ["out/a.png", "notes.txt"];
        for name in [&["a.png", "b.jpg", "deep/c.png", "deep/er/d.png"][..], &hidden, &others].concat() {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let out = root.path().join("out");
        let at = |pattern: &str| found(&root.path().join(pattern), Some(&out));
        assert_eq!(at("*.png"), (vec!["a.png".to_string()], 0));
        assert_eq!(at("**/*.png").0, ["a.png", "deep/c.png", "deep/er/d.png"]);
        assert_eq!(at("deep/*/[d-f].png").0, ["er/d.png"]);
        assert_eq!(at("de*").0, ["deep/c.png", "deep/er/d.png"]);
        assert_eq!(at("*.tiff"), (vec![], 1));
        assert_eq!(at("[.png"), (vec![], 1));
        assert_eq!(at("").0, ["a.png", "b.jpg", "deep/c.png", "deep/er/d.png"]);
        let inputs = Inputs::find(&[root.path().to_owned()], Some(&out));
        let left_out: Vec<_> = inputs.left_out.iter().map(|file| file.path.clone()).collect();
        assert_eq!(left_out, [root.path().join("notes.txt")]);
        // A file whose name looks like a pattern.
        fs::write(root.path().join("[1].png"), "").unwrap();
        assert_eq!(at("[1].png").0, ["[1].png"]);
    }

    /// Where file names differ in case; not on a Mac's usual disk.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_differs_in_case_alone_is_named() {
        let root = tempfile::tempdir().unwrap();
        for name in ["IMG_1.JPG", "IMG_2.JPG", "b.jpg", "DEEP/c.jpg"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let at = |name: &str| Inputs::find(&[root.path().join(name)], None);
        let missed = at("IMG*.jpg");
        assert!(missed.pictures.is_empty());
        assert!(
            missed.failed[0].1.contains("2 files") && missed.failed[0].1.contains("IMG_1.JPG"),
            "{:?}",
            missed.failed
        );
        assert_eq!(at("deep/*.jpg").failed.len(), 1);
        assert!(at("img_1.jpg").failed[0].1.contains("IMG_1.JPG"));
        let some = at("*.jpg");
        assert_eq!((some.pictures.len(), some.failed.len()), (1, 0));
        assert_eq!(some.other_case, [(root.path().join("*.jpg"), root.path().join("IMG_1.JPG"), 2)]);
        assert!(at("*.JPG").other_case.len() == 1 && at("IMG_?.JPG").other_case.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_back_are_skipped() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("in")).unwrap();
        fs::write(root.path().join("in/a.png"), "").unwrap();
        std::os::unix::fs::symlink("..", root.path().join("in/back")).unwrap();
        fs::write(root.path().join("b.png"), "").unwrap();
        for named in [root.path().to_owned(), root.path().join("in")] {
            let inputs = Inputs::find(std::slice::from_ref(&named), None);
            // The parent folder has pictures of its own.
            assert_eq!((inputs.pictures.len(), inputs.failed.len()), (2, 0), "{}", named.display());
            assert_eq!(inputs.loops.len(), 1, "{:?}", inputs.loops);
        }
        assert_eq!(found(&root.path().join("**/*.png"), None).0, ["b.png", "in/a.png"]);
        // A folder is listed under its own path, whichever comes first.
        std::os::unix::fs::symlink("in", root.path().join("also")).unwrap();
        assert_eq!(found(root.path(), None).0, ["b.png", "in/a.png"]);
    }

    #[cfg(unix)]
    #[test]
    fn dangling_links_count_where_they_are_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.png"), "").unwrap();
        std::os::unix::fs::symlink("gone", root.path().join("b.jpg")).unwrap();
        let at = |pattern: &str| found(&root.path().join(pattern), None);
        assert_eq!(at(""), (vec!["a.png".to_string()], 1));
        assert_eq!(at("*.png"), (vec!["a.png".to_string()], 0));
        assert_eq!(at("*.[jp][pn]g"), (vec!["a.png".to_string()], 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_may_be_any_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().unwrap();
        for name in [&b"\xff.png"[..], b"a.png"] {
            fs::write(root.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        }
        assert_eq!(found(&root.path().join("*.png"), None).0, ["a.png"]);
        assert_eq!(found(root.path(), None).0.len(), 2);
    }
}
