//! Many pictures in one: a grid, or labelled rows.

use std::path::Path;

use easel_runtime::Picture;
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid, labelled_rows, labels_width};
use image::ImageFormat;

use crate::error::{Error, Result};

/// The largest grid and the largest animation, in bytes.
pub const MAX_BYTES: u128 = 1 << 30;

/// How pictures are arranged in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Row by row.
    Grid(GridShape),
    /// A row for each label.
    Rows {
        /// The labels.
        labels: Vec<String>,
        /// The pictures of each row.
        columns: usize,
    },
}

impl Layout {
    /// Arranges all pictures in one; a single picture in a grid of one has no border. Fails if they differ in size, or do not
    /// fit the grid.
    pub fn compose(&self, mut pictures: Vec<Picture>) -> Result<Picture> {
        Ok(match self {
            Self::Grid(GridShape { columns: 1, rows: 1 }) if pictures.len() == 1 => pictures.remove(0),
            Self::Grid(shape) => grid(&pictures, *shape, GAP, BACKGROUND)?,
            Self::Rows { labels, columns } => {
                let mut pictures = pictures.into_iter();
                let rows: Vec<_> = labels
                    .iter()
                    .map(|label| (label.clone(), pictures.by_ref().take(*columns).collect::<Vec<_>>()))
                    .collect();
                labelled_rows(&rows, GAP, BACKGROUND)?
            }
        })
    }

    /// The width and height of the whole, for pictures of a width and height.
    pub fn size(&self, [width, height]: [u128; 2]) -> [u128; 2] {
        let side = |pictures: usize, pixels: u128| pictures as u128 * (pixels + GAP as u128) + GAP as u128;
        match self {
            Self::Grid(GridShape { columns: 1, rows: 1 }) => [width, height],
            Self::Grid(GridShape { columns, rows }) => [side(*columns, width), side(*rows, height)],
            Self::Rows { labels, columns } => {
                let labels_width = labels_width(labels.iter().map(String::as_str), height as usize);
                [(GAP + labels_width) as u128 + side(*columns, width), side(labels.len(), height)]
            }
        }
    }
}

/// Fails if the result would be larger than its format or memory allows. `what` and `advice` are for the error.
pub fn check_size(
    output: &Path,
    format: ImageFormat,
    [width, height]: [u128; 2],
    channels: usize,
    [what, advice]: [&'static str; 2],
) -> Result<()> {
    let longest = match format {
        ImageFormat::WebP => (1 << 14) - 1,
        ImageFormat::Jpeg | ImageFormat::Gif => (1 << 16) - 1,
        _ => i32::MAX as u128,
    };
    if width.max(height) > longest || width * height * channels as u128 > MAX_BYTES {
        let what = format!("{what} would be a picture of {width}x{height}, too large");
        return Err(Error::TooLarge { path: output.to_owned(), what, advice });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_composed_picture() {
        let rows = |labels: &[&str], columns| Layout::Rows {
            labels: labels.iter().map(|label| label.to_string()).collect(),
            columns,
        };
        let grid = |columns, rows| Layout::Grid(GridShape { columns, rows });
        for (layout, count) in
            [(grid(1, 1), 1), (grid(3, 2), 5), (rows(&["no", "yes"], 3), 6), (rows(&["far too long for it"], 1), 1)]
        {
            for (width, height) in [(5, 7), (64, 70)] {
                let composed = layout.compose(vec![Picture::filled(width, height, 3, 9); count]).unwrap();
                let found = [composed.width as u128, composed.height as u128];
                assert_eq!(layout.size([width as u128, height as u128]), found, "{layout:?}");
            }
        }
    }
}
