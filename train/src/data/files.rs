//! Pictures that stay on disk and are read on demand.
//!
//! For sets that do not fit in memory, and for pictures that keep their own size until a transform resizes them. Files
//! are first read in the loader's threads, not when the set is opened, so broken ones are found there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use easel_pictures::on_white;
use easel_runtime::{Picture, Random};

use super::folder::{self, Labels, Listing};
use super::{Dataset, Sample, fit, kinds, list};
use crate::{Error, Result};

/// How many broken files in a row are replaced. More are a sign of another problem, such as an unmounted disk.
const MOST_IN_A_ROW: usize = 16;

/// How many broken files a warning names.
const NAMED: usize = 3;

/// What to do about a file that cannot be read as a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broken {
    /// Take the next readable file of the list, with its own label, and count the broken one. The pictures of an epoch
    /// depend on the files alone, not on when one was found to be broken. Fails after 16 in a row.
    #[default]
    Replace,
    /// Fail.
    Fail,
}

/// A list of picture files with labels.
#[derive(Debug)]
pub struct PictureFiles {
    /// The files and their classes.
    pub files: Vec<(PathBuf, u32)>,
    /// The classes' names by label.
    pub classes: Vec<String>,
    /// The channels that every picture is converted to: 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// What to do about a file that cannot be read.
    pub broken: Broken,
    found_broken: Mutex<BTreeMap<usize, String>>,
}

impl PictureFiles {
    /// The files of a folder of class folders or of pictures ([`folder`]), or of a text file of `path label` lines
    /// ([`list`]). Fails where there are none.
    pub fn open(path: &Path, channels: usize) -> Result<Self> {
        let kind = std::fs::metadata(path).map_err(|error| {
            Error::Data(format!("{}: cannot open: {error}; give a folder or a list file", path.display()))
        })?;
        let listing = if kind.is_file() { list::files(path)? } else { folder::list(path, Labels::Needed)? };
        let Listing { files, classes, .. } = listing;
        if files.is_empty() {
            return Err(Error::Data(format!(
                "{}: no training pictures: neither class folders of them nor pictures were found; {}",
                path.display(),
                kinds::advice(path)
            )));
        }
        Ok(Self::new(files, classes, channels))
    }

    /// These files.
    pub fn new(files: Vec<(PathBuf, u32)>, classes: Vec<String>, channels: usize) -> Self {
        Self { files, classes, channels, broken: Broken::default(), found_broken: Mutex::default() }
    }

    /// The number of different files that could not be read so far.
    pub fn skipped(&self) -> usize {
        self.found_broken.lock().expect("no holder panics").len()
    }

    /// A warning with the number of broken files and the names of the first ones, if there are any.
    pub fn warning(&self) -> Option<String> {
        let broken = self.found_broken.lock().expect("no holder panics");
        let named: Vec<&str> = broken.values().take(NAMED).map(String::as_str).collect();
        let more = if broken.len() > named.len() { "; ..." } else { "" };
        let text = format!("replaced {} that could not be read as pictures: {}{more}", broken.len(), named.join("; "));
        (!broken.is_empty()).then_some(text)
    }

    fn read(&self, index: usize) -> std::result::Result<Sample, String> {
        let (path, label) = &self.files[index];
        // Known broken files are not read again.
        let known = self.found_broken.lock().expect("no holder panics").get(&index).cloned();
        let read = match known {
            Some(reason) => return Err(reason),
            None => fit::open(path),
        };
        let picture = read.map_err(|why| format!("{}: {why}", path.display()))?;
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let picture = if picture.color().has_alpha() { on_white(&picture) } else { picture };
        let pixels = if self.channels == 1 { picture.into_luma8().into_raw() } else { picture.into_rgb8().into_raw() };
        Ok(Sample { picture: Picture { width, height, channels: self.channels, pixels }, label: *label })
    }
}

impl Dataset for PictureFiles {
    type Item = Sample;

    fn len(&self) -> usize {
        self.files.len()
    }

    fn item(&self, index: usize, _: &mut Random) -> Result<Sample> {
        let mut first = None;
        let tries = if self.broken == Broken::Fail { 1 } else { MOST_IN_A_ROW.min(self.len()) };
        for index in (0..tries).map(|next| (index + next) % self.len()) {
            match self.read(index) {
                Ok(sample) => return Ok(sample),
                Err(reason) => {
                    first.get_or_insert_with(|| reason.clone());
                    self.found_broken.lock().expect("no holder panics").insert(index, reason);
                }
            }
        }
        let first = first.unwrap_or_else(|| "a list without files".into());
        Err(Error::Data(match tries {
            0 | 1 => first,
            _ => format!("{first}; so were the {} files after it; check that the disk is mounted", tries - 1),
        }))
    }

    fn describe(&self, index: usize) -> String {
        self.files[index].0.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(broken: &[usize], count: usize) -> (tempfile::TempDir, PictureFiles) {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..count {
            let path = folder.path().join(format!("{}/{index:02}.png", index % 2));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_pixel(4 + index as u32, 3, image::Rgb([index as u8, 1, 2])).save(&path).unwrap();
        }
        let files = PictureFiles::open(folder.path(), 3).unwrap();
        for &index in broken {
            std::fs::write(&files.files[index].0, "gone bad").unwrap();
        }
        (folder, files)
    }

    fn first_bytes(files: &PictureFiles) -> Vec<u8> {
        let random = &mut Random::new(0, 0);
        (0..files.len()).map(|index| files.item(index, random).unwrap().picture.pixels[0]).collect()
    }

    #[test]
    fn pictures_keep_their_size() {
        let (_folder, files) = set(&[], 5);
        assert_eq!(first_bytes(&files), [0, 2, 4, 1, 3]);
        let sample = files.item(3, &mut Random::new(0, 0)).unwrap();
        assert_eq!((sample.picture.width, sample.picture.height, sample.label), (5, 3, 1));
        assert_eq!((files.classes.len(), files.skipped(), files.warning()), (2, 0, None));
    }

    #[test]
    fn lists_are_read_too() {
        let (folder, _) = set(&[], 3);
        std::fs::write(folder.path().join("list.txt"), "1/01.png b\n0/02.png a\n").unwrap();
        let files = PictureFiles::open(&folder.path().join("list.txt"), 1).unwrap();
        assert_eq!(files.classes, ["a", "b"]);
        let sample = files.item(0, &mut Random::new(0, 0)).unwrap();
        assert_eq!((sample.label, sample.picture.channels), (1, 1));
    }

    #[test]
    fn the_next_file_stands_in() {
        let (_folder, files) = set(&[1, 4], 5);
        assert_eq!(first_bytes(&files), [0, 4, 4, 1, 0]);
        assert_eq!(first_bytes(&files), [0, 4, 4, 1, 0]);
        assert_eq!(files.skipped(), 2);
        let warning = files.warning().unwrap();
        assert!(warning.contains("replaced 2") && warning.contains("02.png"), "{warning}");
    }

    #[test]
    fn too_many_broken_are_an_error() {
        let (_folder, files) = set(&(0..20).collect::<Vec<_>>(), 24);
        let error = files.item(2, &mut Random::new(0, 0)).unwrap_err().to_string();
        assert!(error.contains("04.png") && error.contains("15 files after it"), "{error}");
        let (_folder, mut files) = set(&[0], 2);
        files.broken = Broken::Fail;
        let error = files.item(0, &mut Random::new(0, 0)).unwrap_err().to_string();
        assert!(error.contains("00.png"), "{error}");
    }
}
