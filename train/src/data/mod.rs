//! Training data: its sources, and the order in which a run takes it.
//!
//! [`load`] fits pictures from any source to one [`PictureFormat`] ([`fit`]) and keeps them as bytes in memory:
//! [`Pictures`]. [`PictureFiles`] leaves them on disk. Both are a [`Dataset`], from which a [`DataLoader`] prepares batches
//! of float32 in `[0, 1]` in its own threads.

pub mod about;
pub mod collate;
pub mod content;
pub mod dataset;
pub mod files;
pub mod fingerprint;
pub mod fit;
pub mod folder;
pub mod idx;
mod kinds;
pub mod levels;
pub mod list;
pub mod loader;
pub mod mnist_files;
pub mod sampler;
pub mod scenes;
pub mod splits;
pub mod staging;
pub mod store;
pub mod synthetic;
pub mod table;
pub mod transform;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use easel_runtime::Picture;
use easel_runtime::polarity::Border;
use rayon::prelude::*;

pub use about::About;
pub use collate::{PictureBatch, RowBatch, stack, stack_rows};
pub use content::Content;
pub use dataset::{Dataset, Sample, Transformed};
pub use files::{Broken, PictureFiles};
pub use fingerprint::Fingerprint;
pub use folder::Labels;
pub use loader::{DataLoader, LoaderOptions, Loading, Place};
pub use sampler::{BatchSampler, Batches, Continuous, Sampler, Sequential, Shuffle, Subset, Weighted};
pub use splits::Part;
pub use store::Store;
pub use table::Table;
pub use transform::Transform;

use crate::{Error, Result};

/// The memory limit for a set's pictures, in bytes.
const MOST_BYTES: usize = 16 << 30;

/// The sources that [`load`] takes, as a help text.
pub const PICTURES: &str = "a folder with MNIST's files, a folder of class folders of pictures, a text file of `path label` lines, \
    or `synthetic` for digits that the program draws";

/// The default number of scenes of `scenes`.
pub const SCENES: usize = 4_000;

/// The largest number of scenes.
const MOST_SCENES: usize = 1_000_000;

/// The format that a set's pictures are fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFormat {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl PictureFormat {
    /// The bytes of one picture.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether a picture has no pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Labelled pictures of one format, in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// The format of every picture.
    pub format: PictureFormat,
    /// `[picture, channel, row, column]`.
    pub pixels: Vec<u8>,
    /// Each picture's class.
    pub labels: Vec<u32>,
    /// The classes' names by label.
    pub classes: Vec<String>,
    /// The set's name: its folder's or file's, `synthetic`.
    pub name: String,
    /// The number of files that could not be read as a picture.
    pub skipped: usize,
    /// The reasons for the first few of those: `PATH: WHAT`.
    pub reasons: Vec<String>,
    /// What reading the set found out.
    pub about: About,
}

impl Pictures {
    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; a loaded set has at least one.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of one picture, `[channel, row, column]`.
    pub fn pixels_of(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.format.len()..][..self.format.len()]
    }

    /// The borders of all pictures; `None` if there are none.
    pub fn border(&self) -> Option<Border> {
        let PictureFormat { height, width, .. } = self.format;
        Border::of((0..self.len()).map(|index| self.pixels_of(index)), [height, width])
    }

    /// One picture.
    pub fn picture(&self, index: usize) -> Picture {
        let PictureFormat { channels, height, width } = self.format;
        let (planes, plane) = (self.pixels_of(index), height * width);
        let pixels = (0..plane * channels).map(|at| planes[at % channels * plane + at / channels]).collect();
        Picture { width, height, channels, pixels }
    }

    /// The pictures of the indices, in this order, without the record of skipped files.
    pub fn subset(&self, indices: &[u32]) -> Self {
        Self {
            format: self.format,
            pixels: indices.iter().flat_map(|&index| self.pixels_of(index as usize)).copied().collect(),
            labels: indices.iter().map(|&index| self.labels[index as usize]).collect(),
            classes: self.classes.clone(),
            name: self.name.clone(),
            skipped: 0,
            reasons: vec![],
            about: About::default(),
        }
    }

    /// All pictures fitted to a format ([`fit`]).
    pub fn fitted(self, format: PictureFormat) -> Self {
        if self.format == format {
            return self;
        }
        let fitted = |index| fit::fit_picture(self.picture(index), format);
        let pixels: Vec<Vec<u8>> = (0..self.len()).into_par_iter().map(fitted).collect();
        Self { format, pixels: pixels.concat(), ..self }
    }

    /// The pictures of the indices as float32 in `[0, 1]`, one after the other, each `[channel, row, column]`.
    pub fn batch(&self, indices: &[u32]) -> Vec<f32> {
        let mut values = Vec::with_capacity(indices.len() * self.format.len());
        for &index in indices {
            values.extend(self.pixels_of(index as usize).iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)));
        }
        values
    }

    /// The same, fitted to a format as by [`Pictures::fitted`].
    pub fn batch_as(&self, indices: &[u32], format: PictureFormat) -> Vec<f32> {
        if self.format == format {
            return self.batch(indices);
        }
        let fitted = self.subset(indices).fitted(format);
        fitted.batch(&(0..indices.len() as u32).collect::<Vec<_>>())
    }

    /// A warning with the number of skipped files and the names of the first ones, if there are any.
    pub fn warning(&self) -> Option<String> {
        (self.skipped > 0).then(|| {
            let more = if self.skipped > self.reasons.len() { "; ..." } else { "" };
            format!("skipped {} that could not be read as pictures: {}{more}", self.skipped, self.reasons.join("; "))
        })
    }
}

/// The source that `--data` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `synthetic`: digits that the program draws.
    Synthetic,
    /// `scenes` or `scenes:8000`: landscapes that the program draws, with an optional number.
    Scenes(Option<usize>),
    /// A folder or a file.
    Path(PathBuf),
    /// The folder or file of a run of version 0.1, whose pictures are taken as that version took them.
    Former(PathBuf),
}

impl Source {
    /// The folder or file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Former(path) => Some(path),
            Self::Synthetic | Self::Scenes(_) => None,
        }
    }

    /// How the pictures of a recipe are taken that needs these labels.
    fn labels(&self, needed: Labels) -> Labels {
        match self {
            Self::Former(_) => Labels::Former,
            _ => needed,
        }
    }
}

impl FromStr for Source {
    type Err = Error;

    /// `synthetic` is the drawn digits and `scenes` the drawn landscapes; folders of those names are `./synthetic` and
    /// `./scenes`. Fails on an invalid number of scenes.
    fn from_str(text: &str) -> Result<Self> {
        match (text, text.strip_prefix("scenes:")) {
            ("synthetic", _) => Ok(Self::Synthetic),
            ("scenes", _) => Ok(Self::Scenes(None)),
            (_, Some(count)) => match count.parse() {
                Ok(count) if (1..=MOST_SCENES).contains(&count) => Ok(Self::Scenes(Some(count))),
                _ => Err(Error::Config(format!(
                    "{text}: not a number of scenes; give one from 1 to {MOST_SCENES}, as in scenes:4000"
                ))),
            },
            _ => Ok(Self::Path(text.into())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Synthetic => f.write_str("synthetic"),
            Self::Scenes(None) => f.write_str("scenes"),
            Self::Scenes(Some(count)) => write!(f, "scenes:{count}"),
            Self::Path(path) | Self::Former(path) => path.display().fmt(f),
        }
    }
}

/// Loads the training pictures of a source, whose kind is detected:
/// - a folder with MNIST's IDX files, or one of these ([`idx`]),
/// - a folder of class folders of pictures, or of pictures, with or without split folders ([`folder`], [`splits`]),
/// - a text file of `path label` lines ([`list`]),
/// - `synthetic` ([`synthetic`]),
/// - `scenes`, 4,000 by default ([`scenes`]).
///
/// Pictures are read on all of the machine's cores; the number of training threads has no effect on it.
pub fn load(source: &Source, format: PictureFormat) -> Result<Pictures> {
    load_for(source, Labels::Needed, format)
}

/// The same for a recipe that needs labels, or does not.
pub fn load_for(source: &Source, labels: Labels, format: PictureFormat) -> Result<Pictures> {
    on_all_cores(|| load_here(source, source.labels(labels), format))
}

/// The pictures of another part of a source, which are not trained on: the test set (`t10k`) of MNIST's files, or those of
/// a split folder. `None` where the source has no such part.
pub fn load_part(source: &Source, part: Part, format: PictureFormat) -> Result<Option<Pictures>> {
    let Source::Path(path) = source else {
        // Version 0.1 knew no split folders.
        return source.path().map_or(Ok(None), |path| idx_part(path, part, format));
    };
    if mnist_files::find(path)?.is_some() {
        return idx_part(path, part, format);
    }
    let listing = if path.is_dir() { folder::list_part(path, part)? } else { None };
    listing.map(|listing| on_all_cores(|| folder::read_all(path, listing, format))).transpose()
}

/// The files `t10k` if there are also `train` ones; otherwise they are the training pictures.
fn idx_part(path: &Path, part: Part, format: PictureFormat) -> Result<Option<Pictures>> {
    match (part, mnist_files::find_set(path, "train")?, mnist_files::find_set(path, "t10k")?) {
        (Part::Test, Some(_), Some(files)) => Ok(Some(idx::load(&files, name_of(path), format)?)),
        _ => Ok(None),
    }
}

/// Runs a function with all of the machine's cores.
fn on_all_cores<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match rayon::ThreadPoolBuilder::new().num_threads(cores).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

fn load_here(source: &Source, labels: Labels, format: PictureFormat) -> Result<Pictures> {
    let path = match source {
        Source::Scenes(count) => {
            let count = count.unwrap_or(SCENES);
            check_total(Path::new(&source.to_string()), count, format)?;
            return Ok(scenes::scenes(count, 0, format));
        }
        Source::Synthetic => {
            check_total(Path::new(&source.to_string()), synthetic::COUNT, format)?;
            return Ok(synthetic::digits(synthetic::COUNT, synthetic::SEED, format));
        }
        Source::Path(path) | Source::Former(path) => path,
    };
    let kind = std::fs::metadata(path).map_err(|error| {
        Error::Data(format!("{}: cannot open: {error}; give a folder, a list file or `synthetic`", path.display()))
    })?;
    match mnist_files::find(path)? {
        Some(files) => idx::load(&files, name_of(path), format),
        None if kind.is_file() => list::load(path, format),
        None => folder::read_all(path, folder::list(path, labels)?, format),
    }
}

/// A set's name from its folder or file.
pub(crate) fn name_of(path: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = if real.is_dir() { real.file_name() } else { real.file_stem() };
    name.map_or_else(|| "data".into(), |name| name.to_string_lossy().into_owned())
}

/// Fails on a set that would not fit in memory, before anything is allocated for it.
fn check_total(path: &Path, count: usize, format: PictureFormat) -> Result<()> {
    match count.checked_mul(format.len()) {
        Some(bytes) if bytes <= MOST_BYTES && u32::try_from(count).is_ok() => Ok(()),
        _ => Err(Error::Data(format!(
            "{}: {count} pictures of {}x{}x{} do not fit in memory; use fewer or smaller ones",
            path.display(),
            format.channels,
            format.height,
            format.width
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const DIGIT: PictureFormat = PictureFormat { channels: 1, height: 28, width: 28 };

    #[test]
    fn a_batch_is_scaled_and_in_order() {
        let format = PictureFormat { channels: 1, height: 1, width: 2 };
        let pictures = Pictures {
            format,
            pixels: vec![0, 255, 51, 102],
            labels: vec![0, 1],
            classes: vec!["a".into(), "b".into()],
            name: "test".into(),
            skipped: 0,
            reasons: vec![],
            about: About::default(),
        };
        let batch = pictures.batch(&[1, 0, 1]);
        for (value, wanted) in batch.iter().zip([0.2, 0.4, 0.0, 1.0, 0.2, 0.4]) {
            assert!((value - wanted).abs() < 1e-6);
        }
        assert_eq!(batch.len(), 6);
        assert_eq!(pictures.warning(), None);
    }

    #[test]
    fn an_empty_folder_names_what_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(&Source::Path(folder.path().into()), DIGIT).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte") && error.contains("class"), "{error}");
        let missing = folder.path().join("nothing");
        let error = load(&Source::Path(missing), DIGIT).unwrap_err().to_string();
        assert!(error.contains("nothing: cannot open"), "{error}");
    }

    #[test]
    fn sources() {
        let source = |text: &str| text.parse::<Source>();
        for (text, wanted) in [
            ("synthetic", Source::Synthetic),
            ("scenes", Source::Scenes(None)),
            ("scenes:12", Source::Scenes(Some(12))),
            ("./synthetic", Source::Path("./synthetic".into())),
            ("scenes/", Source::Path("scenes/".into())),
        ] {
            assert_eq!(source(text).unwrap(), wanted);
            assert_eq!(wanted.to_string(), text);
        }
        assert!(source("scenes:many").unwrap_err().to_string().contains("scenes:4000"));
    }
}
