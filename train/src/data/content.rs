//! Pictures without classes, to train style transfer on.

use std::path::Path;

use easel_runtime::Random;

use super::fingerprint::Fingerprint;
use super::folder::{self, Labels, Listing};
use super::levels::Levels;
use super::walk::walk;
use super::{About, Dataset, PictureFiles, PictureFormat, Pictures, Sample, Source, kinds, name_of, scenes};
use crate::{Error, Result};

/// How many scenes `synthetic` draws.
const SCENES: usize = 240;

/// The seed of `synthetic`. It does not depend on the run's, so that runs of different seeds have the same pictures.
const SEED: u64 = 0;

/// RGB pictures of any size.
#[derive(Debug)]
pub enum Content {
    /// The files at any depth of a folder, read on demand.
    Files {
        /// The files with the signature of a picture.
        files: PictureFiles,
        /// The folder's name.
        name: String,
        /// The number of other files, and the first few of them with the reasons.
        others: (usize, Vec<String>),
        /// What reading the folder found out.
        about: About,
    },
    /// Drawn by the program.
    Drawn(Pictures),
}

impl Content {
    /// The pictures of a folder at any depth, or drawn [`scenes`] whose shorter side is `side`. Fails where there are
    /// none.
    pub fn open(source: &Source, side: usize) -> Result<Self> {
        match source {
            Source::Synthetic | Source::Scenes(_) => {
                let format = PictureFormat { channels: 3, height: side, width: side + side / 3 };
                let count = if let Source::Scenes(Some(count)) = source { *count } else { SCENES };
                Ok(Self::Drawn(scenes::scenes(count, SEED, format)))
            }
            Source::Path(path) => Self::folder(path, Labels::Unused),
            Source::Former(path) => Self::folder(path, Labels::Former),
        }
    }

    fn folder(path: &Path, labels: Labels) -> Result<Self> {
        let bad =
            |what: String| Error::Data(format!("{}: {what}; give a folder of pictures or `synthetic`", path.display()));
        match std::fs::metadata(path) {
            Err(error) => return Err(bad(format!("cannot open: {error}"))),
            Ok(kind) if !kind.is_dir() => return Err(bad("not a folder".into())),
            Ok(_) => {}
        }
        let Listing { mut files, root, skipped, reasons, mut about, .. } = folder::list(path, labels)?;
        match labels {
            // Version 0.1 took every picture in the order of the paths.
            Labels::Former => {
                let paths = walk(path).map(|file| file.into_path());
                files = paths.filter(|path| kinds::begins_as_picture(path)).map(|path| (path, 0)).collect();
            }
            _ => {
                files.iter_mut().for_each(|(_, label)| *label = 0);
                about.fingerprint = Some(Fingerprint::of_files(&root, &files, &[String::new()], true));
            }
        }
        if files.is_empty() {
            return Err(bad(match skipped {
                0 => "no pictures: it holds no files".into(),
                count => format!("no pictures: none of {count} files is one ({})", reasons[0]),
            }));
        }
        let name = name_of(path);
        Ok(Self::Files {
            files: PictureFiles::new(files, vec![name.clone()], 3),
            name,
            others: (skipped, reasons),
            about,
        })
    }

    /// The set's name: its folder's, or `synthetic`.
    pub fn name(&self) -> &str {
        match self {
            Self::Files { name, .. } => name,
            Self::Drawn(_) => "synthetic",
        }
    }

    /// What reading the folder found out; `None` for drawn pictures.
    pub fn about(&self) -> Option<&About> {
        match self {
            Self::Files { about, .. } => Some(about),
            Self::Drawn(_) => None,
        }
    }

    /// Warnings that are known when the set is opened: what is left out, files that are not pictures, and values that look
    /// wrong in a few of the pictures.
    pub fn warnings(&self) -> Vec<String> {
        let Self::Files { others: (count, named), about, files, .. } = self else { return vec![] };
        let more = if *count > named.len() { "; ..." } else { "" };
        let others =
            (*count > 0).then(|| format!("skipped {count} files that are not pictures: {}{more}", named.join("; ")));
        about.warnings.iter().cloned().chain(others).chain(Levels::warnings_of(&files.files)).collect()
    }

    /// A warning about pictures that could not be decoded so far, if there are any.
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::Files { files, .. } => files.warning(),
            Self::Drawn(_) => None,
        }
    }
}

impl Dataset for Content {
    type Item = Sample;

    fn len(&self) -> usize {
        match self {
            Self::Files { files, .. } => Dataset::len(files),
            Self::Drawn(pictures) => Dataset::len(pictures),
        }
    }

    fn item(&self, index: usize, random: &mut Random) -> Result<Sample> {
        match self {
            Self::Files { files, .. } => files.item(index, random),
            Self::Drawn(pictures) => pictures.item(index, random),
        }
    }

    fn describe(&self, index: usize) -> String {
        match self {
            Self::Files { files, .. } => files.describe(index),
            Self::Drawn(pictures) => pictures.describe(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Content::open(&Source::Path(folder.path().into()), 32);
        assert!(open().unwrap_err().to_string().contains("it holds no files"));
        std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
        // In the order of names.
        std::fs::write(folder.path().join("z.CR3"), b"\0\0\0\x10ftypcrx \0\0\0\0").unwrap();
        let error = open().unwrap_err().to_string();
        assert!(error.contains("none of 2 files is one") && error.contains("notes.txt"), "{error}");
        for (at, name) in ["1.png", "a/2.jpg", "a/b/3.png", "c/4.bmp"].iter().enumerate() {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_pixel(8 + at as u32, 8, image::Rgb([99, 9, 9])).save(path).unwrap();
        }
        let content = open().unwrap();
        let widths: Vec<_> = (0..content.len())
            .map(|index| content.item(index, &mut Random::new(0, 0)).unwrap().picture.width)
            .collect();
        // Those of folders first.
        assert_eq!(widths, [9, 10, 11, 8]);
        let skipped = &content.warnings()[0];
        assert!(skipped.contains("skipped 2 files") && skipped.contains("raw file"), "{skipped}");
        assert!(content.warning().is_none());

        let path = folder.path().join("1.png");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let content = open().unwrap();
        assert_eq!(content.item(3, &mut Random::new(0, 0)).unwrap().picture.width, 9);
        assert!(content.warning().unwrap().contains("1.png"));
        assert!(Content::open(&Source::Path(path), 32).unwrap_err().to_string().contains("not a folder"));
    }

    #[test]
    fn scenes_are_drawn() {
        let content = Content::open(&Source::Synthetic, 24).unwrap();
        let sample = content.item(3, &mut Random::new(0, 0)).unwrap();
        assert_eq!((content.len(), sample.picture.height, sample.picture.width), (SCENES, 24, 32));
    }
}
