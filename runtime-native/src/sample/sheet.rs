//! Many pictures in one.

use std::path::Path;

use easel_runtime::Picture;
use easel_runtime::grid::{BACKGROUND, GAP, GridShape, grid, labelled_rows, labels_width};
use image::ImageFormat;

use crate::{Error, Result};

/// The largest picture that is put together in memory, and the longest animation.
pub const MAX_BYTES: u128 = 1 << 30;

/// How pictures lie in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Row by row.
    Grid(GridShape),
    /// In a row for each label.
    Rows {
        /// The labels.
        labels: Vec<String>,
        /// The pictures of each.
        columns: usize,
    },
}

impl Layout {
    /// All pictures in one; a single one that fills its grid without an edge. Fails where they are not of one size, or too
    /// many.
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

    /// Width and height of all of a width and height.
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

/// Fails where what is written would be larger than its format or the memory allows. `what` and `advice` are for the
/// error.
pub fn check_size(
    output: &Path,
    format: ImageFormat,
    [width, height]: [u128; 2],
    channels: usize,
    [what, advice]: [&str; 2],
) -> Result<()> {
    let longest = match format {
        ImageFormat::WebP => (1 << 14) - 1,
        ImageFormat::Jpeg | ImageFormat::Gif => (1 << 16) - 1,
        _ => i32::MAX as u128,
    };
    if width.max(height) > longest || width * height * channels as u128 > MAX_BYTES {
        return Err(Error::Impossible(format!(
            "{}: {what} would be a picture of {width}x{height}, too large; {advice}",
            output.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_sheet() {
        let rows = |labels: &[&str], columns| Layout::Rows {
            labels: labels.iter().map(|label| label.to_string()).collect(),
            columns,
        };
        let grid = |columns, rows| Layout::Grid(GridShape { columns, rows });
        for (layout, count) in
            [(grid(1, 1), 1), (grid(3, 2), 5), (rows(&["no", "yes"], 3), 6), (rows(&["far too long for it"], 1), 1)]
        {
            for (width, height) in [(5, 7), (64, 70)] {
                let sheet = layout.compose(vec![Picture::filled(width, height, 3, 9); count]).unwrap();
                let found = [sheet.width as u128, sheet.height as u128];
                assert_eq!(layout.size([width as u128, height as u128]), found, "{layout:?}");
            }
        }
    }
}
