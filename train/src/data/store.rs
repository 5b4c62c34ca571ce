//! Square pictures at several resolutions, for progressive training.
//!
//! A set is kept in memory at the highest resolution at which it fits; lower resolutions are means over blocks of pixels.
//! At higher resolutions, files are read again on demand, and digits, which are small, are enlarged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::folder::{Labels, Listing};
use super::transform::{CentreSquare, Resize};
use super::{
    About, Dataset, PictureFiles, PictureFormat, Pictures, Sample, Source, Transformed, folder, idx, list, mnist_files,
};
use crate::{Error, Result};

/// The most bytes of pictures that are kept in memory.
const MOST_HELD: usize = 1 << 30;

/// A set of square pictures.
pub struct Store {
    held: Arc<Pictures>,
    /// For picture files that do not fit in memory at the highest resolution.
    files: Option<Arc<PictureFiles>>,
}

impl Store {
    /// The pictures of a source (see [`load`](super::load)) in 1 (grey) or 3 (RGB) channels, cropped to a centred square of
    /// up to `side` pixels, a power of two; of the classes `only`, or of all if it is empty. Fails where there are none, on
    /// a class that the source does not have, and on more scenes than fit in memory.
    pub fn open(source: &Source, channels: usize, side: usize, only: &[String]) -> Result<Self> {
        let idx = source.path().map_or(Ok(None), mnist_files::find)?;
        let count = match (source, &idx) {
            (Source::Path(_) | Source::Former(_), Some(files)) => idx::count(files)?,
            (Source::Path(path) | Source::Former(path), None) => {
                return Self::of_files(path, source.labels(Labels::Unused), channels, side, only, MOST_HELD);
            }
            (Source::Scenes(count), _) => count.unwrap_or(super::SCENES),
            (Source::Synthetic, _) => super::synthetic::COUNT,
        };
        let held = largest(count, channels, side, MOST_HELD);
        // Scenes that are kept at a lower resolution would be blurred at this one.
        if let Source::Scenes(_) = source
            && held < side
        {
            let most = MOST_HELD / square(channels, side).len();
            return Err(Error::Data(format!(
                "{source}: {count} pictures of {side}x{side} do not fit in memory; take scenes:{most} or fewer"
            )));
        }
        let pictures = super::load(source, square(channels, held))?.of_classes(only)?;
        Ok(Self { held: Arc::new(pictures), files: None })
    }

    fn of_files(
        path: &Path,
        labels: Labels,
        channels: usize,
        side: usize,
        only: &[String],
        most: usize,
    ) -> Result<Self> {
        let kind = std::fs::metadata(path).map_err(|error| {
            Error::Data(format!("{}: cannot open: {error}; give a folder or a list file", path.display()))
        })?;
        let mut listing = if kind.is_file() { list::files(path)? } else { folder::list(path, labels)? };
        let Listing { files, classes, .. } = &mut listing;
        if !only.is_empty() {
            let labels = chosen(&path.display().to_string(), classes, only)?;
            let new = |(file, label): (PathBuf, u32)| Some((file, labels[label as usize]?));
            *files = std::mem::take(files).into_iter().filter_map(new).collect();
            classes.retain(|class| only.contains(class));
        }
        let held = largest(files.len(), channels, side, most);
        let rest = (held < side).then(|| Arc::new(PictureFiles::new(files.clone(), classes.clone(), channels)));
        let read = || folder::read_all(path, listing, square(channels, held));
        Ok(Self { held: Arc::new(super::on_all_cores(read)?), files: rest })
    }

    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The set's name: its folder's or file's, `synthetic`.
    pub fn name(&self) -> &str {
        &self.held.name
    }

    /// The classes' names by label.
    pub fn classes(&self) -> &[String] {
        &self.held.classes
    }

    /// A warning about files that could not be read, if there are any.
    pub fn warning(&self) -> Option<String> {
        self.held.warning()
    }

    /// The pictures in memory, perhaps at a lower resolution.
    pub fn held(&self) -> &Pictures {
        &self.held
    }

    /// The pictures `side` pixels high and wide, a power of two.
    pub fn at(&self, side: usize) -> Arc<dyn Dataset<Item = Sample>> {
        let (held, exactly) = (self.held.format.width, Resize::Exactly { height: side, width: side });
        match &self.files {
            _ if side == held => self.held.clone(),
            _ if side < held => Arc::new(shrunk(&self.held, side)),
            Some(files) => Arc::new(Transformed { dataset: files.clone(), transform: (CentreSquare, exactly) }),
            None => Arc::new(Transformed { dataset: self.held.clone(), transform: exactly }),
        }
    }
}

impl Pictures {
    /// The pictures of some classes, or of all if none is named, in the order of the set. Fails on a class that the set
    /// does not have.
    pub fn of_classes(mut self, only: &[String]) -> Result<Self> {
        if only.is_empty() {
            return Ok(self);
        }
        let labels = chosen(&self.name, &self.classes, only)?;
        let is_chosen = |at: &usize| labels[self.labels[*at] as usize].is_some();
        let kept: Vec<usize> = (0..self.len()).filter(is_chosen).collect();
        self.pixels = kept.iter().flat_map(|&at| self.pixels_of(at)).copied().collect();
        self.labels = kept.iter().filter_map(|&at| labels[self.labels[at] as usize]).collect();
        self.classes.retain(|class| only.contains(class));
        Ok(self)
    }
}

/// The highest resolution up to `side` at which this many pictures take no more than `most` bytes.
fn largest(count: usize, channels: usize, side: usize, most: usize) -> usize {
    let fits = |side: &usize| count.saturating_mul(square(channels, *side).len()) <= most;
    std::iter::successors(Some(side), |side| Some(side / 2)).find(|side| *side <= 1 || fits(side)).unwrap_or(1)
}

fn square(channels: usize, side: usize) -> PictureFormat {
    PictureFormat { channels, height: side, width: side }
}

/// Each class's new label, where it is among the named ones.
fn chosen(name: &str, classes: &[String], only: &[String]) -> Result<Vec<Option<u32>>> {
    if let Some(unknown) = only.iter().find(|class| !classes.contains(class)) {
        let classes = classes.join(", ");
        return Err(Error::Data(format!("{name}: it has no class `{unknown}`; its classes are {classes}")));
    }
    let mut next = 0..;
    Ok(classes.iter().map(|class| if only.contains(class) { next.next() } else { None }).collect())
}

/// The means over square blocks of every picture.
fn shrunk(pictures: &Pictures, side: usize) -> Pictures {
    let wide = pictures.format.width;
    let block = wide / side;
    let (plane, count) = (side * side, (block * block) as u32);
    let mut pixels = vec![0; pictures.pixels.len() / (block * block)];
    pixels.par_chunks_mut(plane).zip(pictures.pixels.par_chunks(wide * wide)).for_each(|(small, large)| {
        for (at, pixel) in small.iter_mut().enumerate() {
            let first = at / side * block * wide + at % side * block;
            let rows = (0..block).map(|row| &large[first + row * wide..][..block]);
            let sum: u32 = rows.flatten().map(|&byte| u32::from(byte)).sum();
            *pixel = ((sum + count / 2) / count) as u8;
        }
    });
    Pictures {
        format: square(pictures.format.channels, side),
        pixels,
        labels: pictures.labels.clone(),
        classes: pictures.classes.clone(),
        name: pictures.name.clone(),
        skipped: 0,
        reasons: vec![],
        about: About::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::scenes::scenes;
    use easel_runtime::Random;
    use std::path::Path;

    fn save(path: &Path, width: u32, height: u32, value: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbaImage::from_pixel(width, height, image::Rgba([value, value, value, 255])).save(path).unwrap();
    }

    fn first(store: &Store, side: usize) -> Sample {
        store.at(side).item(0, &mut Random::new(0, 0)).unwrap()
    }

    #[test]
    fn lower_resolutions_are_means() {
        let format = square(2, 4);
        let pixels: Vec<u8> = (0..32).collect();
        let pictures = Pictures {
            format,
            pixels,
            labels: vec![0],
            classes: vec!["x".into()],
            name: "x".into(),
            skipped: 0,
            reasons: vec![],
            about: About::default(),
        };
        // 0, 1, 4, 5 and so on: means of 2.5 are rounded up.
        assert_eq!(shrunk(&pictures, 2).pixels, [3, 5, 11, 13, 19, 21, 27, 29]);
        assert_eq!(shrunk(&pictures, 1).pixels, [8, 24]);
        let store = Store::open(&Source::Scenes(Some(3)), 3, 16, &[]).unwrap();
        let bytes = |side| first(&store, side).picture.pixels.into_iter().map(f64::from);
        let mean = |side: usize| bytes(side).sum::<f64>() / (side * side * 3) as f64;
        assert_eq!((first(&store, 8).picture.width, store.at(4).len()), (8, 3));
        assert!((mean(4) - mean(16)).abs() < 1.0);
    }

    #[test]
    fn any_picture_of_a_folder_fits() {
        let folder = tempfile::tempdir().unwrap();
        save(&folder.path().join("a/small.png"), 3, 2, 40);
        save(&folder.path().join("b/wide.png"), 90, 20, 90);
        save(&folder.path().join("c/grey.png"), 7, 9, 200);
        let source = Source::Path(folder.path().into());
        let store = Store::open(&source, 3, 16, &[]).unwrap();
        assert_eq!((store.len(), store.classes().len()), (3, 3));
        let picture = first(&store, 16).picture;
        assert_eq!((picture.width, picture.height, picture.pixels[0]), (16, 16, 40));
        assert_eq!(first(&Store::open(&source, 1, 16, &[]).unwrap(), 4).picture.pixels, [40; 16]);

        let only =
            |names: &[&str]| Store::open(&source, 3, 16, &names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let some = only(&["c", "b"]).unwrap();
        assert_eq!((some.len(), some.classes()), (2, &["b".to_string(), "c".to_string()][..]));
        assert_eq!((first(&some, 8).label, first(&some, 8).picture.pixels[0]), (0, 90));
        let error = only(&["d"]).err().unwrap().to_string();
        assert!(error.contains("no class `d`") && error.contains("a, b, c"), "{error}");
    }

    #[test]
    fn classes_of_drawn_pictures() {
        let store = Store::open(&Source::Scenes(Some(14)), 1, 8, &["lake".to_string()]).unwrap();
        // Every sixth, from the second on.
        assert_eq!((store.len(), store.classes()), (3, &["lake".to_string()][..]));
        let whole = Store::open(&Source::Scenes(Some(14)), 1, 8, &[]).unwrap();
        let second = whole.at(8).item(1, &mut Random::new(0, 0)).unwrap();
        assert_eq!((first(&store, 8).picture, first(&store, 8).label), (second.picture, 0));
    }

    #[test]
    fn what_does_not_fit_in_memory_is_read_anew_or_enlarged() {
        let folder = tempfile::tempdir().unwrap();
        ["1.png", "2.png"].iter().for_each(|name| save(&folder.path().join(name), 40, 30, 77));
        let store = Store::of_files(folder.path(), Labels::Unused, 3, 64, &[], 2 * 3 * 16 * 16).unwrap();
        assert_eq!((store.held.format.width, store.files.is_some()), (16, true));
        for side in [8, 16, 64] {
            let picture = first(&store, side).picture;
            assert_eq!((picture.width, picture.height, picture.pixels[0]), (side, side, 77));
        }
        let small = Store { held: Arc::new(scenes(1, 0, square(3, 8))), files: None };
        assert_eq!(first(&small, 32).picture.pixels.len(), 3 * 32 * 32);
        assert_eq!([1, 60_000, usize::MAX].map(|count| largest(count, 3, 1024, MOST_HELD)), [1024, 64, 1]);
    }
}
