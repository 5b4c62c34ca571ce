//! Pictures side by side in one picture.

use crate::{Error, Picture, Result};

/// The pixels between the pictures of a sample sheet and around them, on every engine.
pub const GAP: usize = 2;

/// What lies between them: black.
pub const BACKGROUND: u8 = 0;

/// The columns and rows of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridShape {
    /// Pictures in a row.
    pub columns: usize,
    /// Pictures in a column.
    pub rows: usize,
}

impl GridShape {
    /// The grid nearest to a square that holds `count` pictures, wider rather than higher.
    pub fn square(count: usize) -> Self {
        let mut columns = count.isqrt();
        columns += usize::from(columns * columns < count);
        let columns = columns.max(1);
        Self { columns, rows: count.div_ceil(columns) }
    }
}

/// Lays pictures of one size out row by row, `gap` pixels of `background` between and around them; cells without a
/// picture stay background.
///
/// Fails on no pictures, on pictures of different sizes, and where they do not fit the shape.
pub fn grid(pictures: &[Picture], shape: GridShape, gap: usize, background: u8) -> Result<Picture> {
    let first = pictures.first().ok_or_else(|| Error::Shape("a grid needs at least one picture".into()))?;
    let GridShape { columns, rows } = shape;
    if pictures.len() > columns * rows {
        return Err(Error::Shape(format!("{} pictures do not fit a grid of {columns}x{rows}", pictures.len())));
    }
    let (width, height, channels) = (first.width, first.height, first.channels);
    let mut sheet = Picture::filled(columns * (width + gap) + gap, rows * (height + gap) + gap, channels, background);
    for (index, picture) in pictures.iter().enumerate() {
        if (picture.width, picture.height, picture.channels) != (width, height, channels) {
            return Err(Error::Shape("the pictures of a grid must have one size".into()));
        }
        let left = gap + index % columns * (width + gap);
        let top = gap + index / columns * (height + gap);
        for (y, row) in picture.pixels.chunks_exact(width * channels).enumerate() {
            let start = ((top + y) * sheet.width + left) * channels;
            sheet.pixels[start..start + row.len()].copy_from_slice(row);
        }
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares() {
        let shape = |n| {
            let GridShape { columns, rows } = GridShape::square(n);
            (columns, rows)
        };
        assert_eq!([shape(1), shape(2), shape(7), shape(64), shape(65)], [(1, 1), (2, 1), (3, 3), (8, 8), (9, 8)]);
    }

    #[test]
    fn pictures_land_in_their_cells() {
        let pictures = [10, 20, 30].map(|value| Picture::filled(2, 1, 1, value));
        let sheet = grid(&pictures, GridShape { columns: 2, rows: 2 }, 1, 0).unwrap();
        assert_eq!((sheet.width, sheet.height), (7, 5));
        assert_eq!(sheet.pixels[7..14], [0, 10, 10, 0, 20, 20, 0]);
        assert_eq!(sheet.pixels[21..28], [0, 30, 30, 0, 0, 0, 0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let picture = Picture::filled(1, 1, 1, 0);
        assert!(grid(&[], GridShape::square(1), 0, 0).is_err());
        assert!(grid(&[picture.clone(), picture.clone()], GridShape::square(1), 0, 0).is_err());
        assert!(grid(&[picture, Picture::filled(2, 1, 1, 0)], GridShape::square(2), 0, 0).is_err());
    }
}
