//! The pictures that a model is calibrated on, and others that it is judged by.

use easel_runtime::stylizer::statistics::thumbnail;
use easel_runtime::{Picture, Random, Tensor};
use easel_train::data::{Broken, Content, Dataset, Source};

use crate::{Error, Result};

/// The fewest different pictures that say anything.
const FEWEST: usize = 8;
/// The most that are read, evenly spaced.
const MOST: usize = 48;
/// Larger ones are made smaller: the ranges are the same, and it takes a while.
const MOST_PIXELS: usize = 1 << 17;
/// The shorter side of those that are drawn.
const DRAWN_SIDE: usize = 256;
/// One of so many pictures is for judging.
const JUDGED: usize = 3;

/// Pictures in two parts, `[1, 3, height, width]` in `[0, 1]`. None is in both.
pub struct Pictures {
    /// To take ranges from.
    pub calibration: Vec<Tensor>,
    /// To judge the result by.
    pub judged: Vec<Tensor>,
}

impl Pictures {
    /// Those of a folder at any depth in the order of their names, or drawn ones: every third is for judging. What cannot
    /// be read as a picture and what is there twice does not count. Fails where fewer than 8 are left.
    pub fn read(source: &Source) -> Result<Self> {
        let mut content = Content::open(source, DRAWN_SIDE)?;
        if let Content::Files { files, .. } = &mut content {
            files.broken = Broken::Fail;
        }
        let count = content.len().min(MOST);
        let picks = (0..count).map(|at| at * content.len() / count);
        let read = picks.filter_map(|at| content.item(at, &mut Random::new(0, 0)).ok());
        Self::split(read.map(|sample| sample.picture)).map_err(|found| {
            Error::Source(format!(
                "{source}: {found} different pictures can be read, and calibrating takes {FEWEST} at least; give a folder \
                 of more"
            ))
        })
    }

    /// Splits pictures as [`Pictures::read`] does. The error is how many there are.
    pub fn split(pictures: impl IntoIterator<Item = Picture>) -> std::result::Result<Self, usize> {
        let mut different = Vec::<Picture>::new();
        for picture in pictures {
            let small = thumbnail(&picture, MOST_PIXELS);
            if !different.contains(&small) {
                different.push(small);
            }
        }
        if different.len() < FEWEST {
            return Err(different.len());
        }
        let (mut calibration, mut judged) = (Vec::new(), Vec::new());
        for (at, picture) in different.iter().enumerate() {
            let part = if at % JUDGED == JUDGED - 1 { &mut judged } else { &mut calibration };
            part.push(picture.to_tensor());
        }
        Ok(Self { calibration, judged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picture_is_in_both_parts() {
        let picture = |at: usize| Picture::filled(4 + at, 5, 3, 10 * at as u8);
        let pictures = Pictures::split((0..20).map(|at| picture(at % 10))).unwrap();
        assert_eq!((pictures.calibration.len(), pictures.judged.len()), (7, 3));
        assert!(pictures.judged.iter().all(|judged| !pictures.calibration.contains(judged)));
        assert_eq!(pictures.judged[0], picture(2).to_tensor());
        assert_eq!(Pictures::split((0..20).map(|at| picture(at % 7))).err(), Some(7));
    }

    #[test]
    fn what_is_no_picture_does_not_count() {
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
        let pictures = Pictures::read(&source).unwrap();
        assert_eq!((pictures.calibration.len(), pictures.judged.len()), (6, 2));
        assert!(pictures.judged[0].shape()[2] * pictures.judged[0].shape()[3] <= MOST_PIXELS);
        std::fs::write(folder.path().join("8.png"), "none").unwrap();
        let error = Pictures::read(&source).err().unwrap().to_string();
        assert!(error.contains("7 different pictures can be read"), "{error}");
    }
}
