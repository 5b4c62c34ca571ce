//! The pictures that an int8 model is calibrated on, and others that it is evaluated on.

use easel_runtime::stylizer::statistics::thumbnail;
use easel_runtime::{Picture, Random, Tensor};
use easel_train::data::{Broken, Content, Dataset, Source};

use crate::error::{Error, Result};

/// The fewest different pictures.
const MIN_PICTURES: usize = 8;
/// The most pictures that are read, evenly spaced in the source.
const MAX_PICTURES: usize = 48;
/// Larger pictures are scaled down, which is faster and leaves the ranges as they are.
const MAX_PIXELS: usize = 1 << 17;
/// The shorter side of drawn scenes.
const SCENE_SIDE: usize = 256;
/// Every third picture is for evaluation.
const EVALUATION_EVERY: usize = 3;

/// Two disjoint sets of pictures `[1, 3, height, width]` in `[0, 1]`.
///
/// ```
/// use easel_export::quantise::CalibrationSet;
/// use easel_scenes::scene;
///
/// let pictures = CalibrationSet::split((0..9).map(|at| scene(0, at, 32, 32).0)).unwrap();
/// assert_eq!((pictures.calibration.len(), pictures.evaluation.len()), (6, 3));
/// ```
pub struct CalibrationSet {
    /// The pictures that ranges of activations are observed on.
    pub calibration: Vec<Tensor>,
    /// The pictures that the result is evaluated on.
    pub evaluation: Vec<Tensor>,
}

impl CalibrationSet {
    /// Reads the pictures of a folder at any depth, in the order of their names, or draws scenes. Every third is for
    /// evaluation. Unreadable pictures and duplicates are ignored. Fails with [`Error::TooFewPictures`] where fewer than 8
    /// are left.
    pub fn read(source: &Source) -> Result<Self> {
        let mut content = Content::open(source, SCENE_SIDE)?;
        if let Content::Files { files, .. } = &mut content {
            files.broken = Broken::Fail;
        }
        let count = content.len().min(MAX_PICTURES);
        let picks = (0..count).map(|at| at * content.len() / count);
        let read = picks.filter_map(|at| content.item(at, &mut Random::new(0, 0)).ok());
        Self::split(read.map(|sample| sample.picture)).map_err(|found| Error::TooFewPictures {
            pictures: source.to_string(),
            found,
            needed: MIN_PICTURES,
        })
    }

    /// Splits pictures as [`CalibrationSet::read`] does. The error is the number of different ones.
    pub fn split(pictures: impl IntoIterator<Item = Picture>) -> std::result::Result<Self, usize> {
        let mut different = Vec::<Picture>::new();
        for picture in pictures {
            let small = thumbnail(&picture, MAX_PIXELS);
            if !different.contains(&small) {
                different.push(small);
            }
        }
        if different.len() < MIN_PICTURES {
            return Err(different.len());
        }
        let (mut calibration, mut evaluation) = (Vec::new(), Vec::new());
        for (at, picture) in different.iter().enumerate() {
            let part = if at % EVALUATION_EVERY == EVALUATION_EVERY - 1 { &mut evaluation } else { &mut calibration };
            part.push(picture.to_tensor());
        }
        Ok(Self { calibration, evaluation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_disjoint() {
        let picture = |at: usize| Picture::filled(4 + at, 5, 3, 10 * at as u8);
        let pictures = CalibrationSet::split((0..20).map(|at| picture(at % 10))).unwrap();
        assert_eq!((pictures.calibration.len(), pictures.evaluation.len()), (7, 3));
        assert!(pictures.evaluation.iter().all(|picture| !pictures.calibration.contains(picture)));
        assert_eq!(pictures.evaluation[0], picture(2).to_tensor());
        assert_eq!(CalibrationSet::split((0..20).map(|at| picture(at % 7))).err(), Some(7));
    }

    #[test]
    fn unreadable_pictures_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        for at in 0..9u8 {
            let path = folder.path().join(format!("{at}.png"));
            image::RgbImage::from_pixel(600, 400, image::Rgb([at, 9, 9])).save(&path).unwrap();
            if at == 4 {
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            }
        }
        let source = Source::Path(folder.path().to_owned());
        let pictures = CalibrationSet::read(&source).unwrap();
        assert_eq!((pictures.calibration.len(), pictures.evaluation.len()), (6, 2));
        assert!(pictures.evaluation[0].shape()[2] * pictures.evaluation[0].shape()[3] <= MAX_PIXELS);
        std::fs::write(folder.path().join("8.png"), "none").unwrap();
        let Err(Error::TooFewPictures { found, needed, .. }) = CalibrationSet::read(&source) else { panic!("enough") };
        assert_eq!((found, needed), (7, 8));
    }
}
