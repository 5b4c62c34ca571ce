//! Centre crops.

use easel_runtime::{Picture, Random};

use super::Transform;
use crate::{Error, Result};

/// Crops the centre of a picture. Where an odd number of rows or columns is removed, the top or left loses one fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CentreCrop {
    /// Rows that are kept.
    pub height: usize,
    /// Columns that are kept.
    pub width: usize,
}

impl Transform for CentreCrop {
    /// Fails where the picture is smaller.
    fn apply(&self, picture: Picture, _: &mut Random) -> Result<Picture> {
        let Self { height, width } = *self;
        if picture.height < height || picture.width < width {
            return Err(Error::Data(format!(
                "{}x{} is too small for a crop of {width}x{height}; resize it first",
                picture.width, picture.height
            )));
        }
        if (picture.height, picture.width) == (height, width) {
            return Ok(picture);
        }
        let (row, bytes) = (picture.width * picture.channels, width * picture.channels);
        let first = (picture.height - height) / 2 * row + (picture.width - width) / 2 * picture.channels;
        let rows = (0..height).flat_map(|y| &picture.pixels[first + y * row..][..bytes]);
        Ok(Picture { height, width, channels: picture.channels, pixels: rows.copied().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_kept() {
        let pixels = (0..5 * 4 * 3).collect();
        let picture = Picture { width: 5, height: 4, channels: 3, pixels };
        let random = &mut Random::new(0, 0);
        let cut = CentreCrop { height: 2, width: 2 }.apply(picture.clone(), random).unwrap();
        assert_eq!(cut.pixels, [18, 19, 20, 21, 22, 23, 33, 34, 35, 36, 37, 38]);
        assert_eq!(CentreCrop { height: 4, width: 5 }.apply(picture.clone(), random).unwrap(), picture);
        let error = CentreCrop { height: 5, width: 5 }.apply(picture, random).unwrap_err().to_string();
        assert!(error.contains("5x4 is too small for a crop of 5x5"), "{error}");
    }
}
