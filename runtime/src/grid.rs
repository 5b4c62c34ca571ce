//! Contact sheets: pictures arranged in a grid.

use font8x8::UnicodeFonts;

use crate::{Error, Picture, Result};

/// The default gap between pictures and around them, in pixels.
pub const GAP: usize = 2;

/// The default colour of the gaps: black.
pub const BACKGROUND: u8 = 0;

/// The height and width of a letter, in pixels.
const LETTER: usize = 8;
/// Labels have this size for pictures up to this height, and grow with it beyond.
const LABELLED: usize = 32;
/// Longer labels are cut after this many letters.
const MAX_LETTERS: usize = 12;

/// The columns and rows of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridShape {
    /// Pictures in a row.
    pub columns: usize,
    /// Pictures in a column.
    pub rows: usize,
}

impl GridShape {
    /// The grid for `count` pictures that is closest to square, and wide rather than tall.
    pub fn square(count: usize) -> Self {
        let mut columns = count.isqrt();
        columns += usize::from(columns * columns < count);
        let columns = columns.max(1);
        Self { columns, rows: count.div_ceil(columns) }
    }
}

/// Arranges pictures of one size row by row, with `gap` pixels of `background` between and around them. Cells without a
/// picture are background.
///
/// Fails if there are no pictures, more than the shape holds, or their sizes differ.
pub fn grid(pictures: &[Picture], shape: GridShape, gap: usize, background: u8) -> Result<Picture> {
    let first = pictures.first().ok_or_else(|| Error::Shape("a grid needs at least one picture".into()))?;
    let GridShape { columns, rows } = shape;
    if pictures.len() > columns * rows {
        return Err(Error::Shape(format!("{} pictures do not fit a grid of {columns}x{rows}", pictures.len())));
    }
    let (width, height, channels) = (first.width, first.height, first.channels);
    let mut canvas = Picture::filled(columns * (width + gap) + gap, rows * (height + gap) + gap, channels, background);
    for (index, picture) in pictures.iter().enumerate() {
        if (picture.width, picture.height, picture.channels) != (width, height, channels) {
            return Err(Error::Shape("the pictures of a grid must have one size".into()));
        }
        let left = gap + index % columns * (width + gap);
        let top = gap + index / columns * (height + gap);
        for (y, row) in picture.pixels.chunks_exact(width * channels).enumerate() {
            let start = ((top + y) * canvas.width + left) * channels;
            canvas.pixels[start..start + row.len()].copy_from_slice(row);
        }
    }
    Ok(canvas)
}

/// Arranges rows of pictures with a label to the left of each row, white or, on a light background, black. Long labels
/// are cut.
///
/// Fails if there are no pictures, or their sizes differ.
pub fn labelled_rows(rows: &[(String, Vec<Picture>)], gap: usize, background: u8) -> Result<Picture> {
    let columns = rows.iter().map(|(_, pictures)| pictures.len()).max().unwrap_or(0);
    let first = rows.iter().find_map(|(_, pictures)| pictures.first());
    let &Picture { width, height, channels, .. } =
        first.ok_or_else(|| Error::Shape("a grid needs at least one picture".into()))?;
    let blank = Picture::filled(width, height, channels, background);
    let cells = rows.iter().flat_map(|(_, pictures)| {
        let missing = std::iter::repeat_n(&blank, columns - pictures.len());
        pictures.iter().chain(missing).cloned()
    });
    let canvas = grid(&cells.collect::<Vec<_>>(), GridShape { columns, rows: rows.len() }, gap, background)?;

    let scale = label_scale(height);
    let margin = gap + labels_width(rows.iter().map(|(label, _)| label.as_str()), height);
    let mut labelled = Picture::filled(margin + canvas.width, canvas.height, channels, background);
    let (from, to) = (canvas.width * channels, labelled.width * channels);
    for (row, target) in canvas.pixels.chunks_exact(from).zip(labelled.pixels.chunks_exact_mut(to)) {
        target[margin * channels..].copy_from_slice(row);
    }
    for (row, (label, _)) in rows.iter().enumerate() {
        let top = gap + row * (height + gap) + height.saturating_sub(LETTER * scale) / 2;
        write(&mut labelled, label, [gap, top], scale, if background < 128 { 255 } else { 0 });
    }
    Ok(labelled)
}

/// The width of the labels of [`labelled_rows`] beside pictures of this height, without the gap to their left.
pub fn labels_width<'a>(labels: impl IntoIterator<Item = &'a str>, height: usize) -> usize {
    let letters = labels.into_iter().map(|label| label.chars().count().min(MAX_LETTERS)).max().unwrap_or(0);
    letters * LETTER * label_scale(height)
}

fn label_scale(height: usize) -> usize {
    (height / LABELLED).max(1)
}

/// Writes text into a picture; letters beyond its edges are clipped, and long text is cut.
fn write(picture: &mut Picture, text: &str, [left, top]: [usize; 2], scale: usize, colour: u8) {
    for (place, letter) in text.chars().take(MAX_LETTERS).enumerate() {
        let known = |letter| font8x8::BASIC_FONTS.get(letter).or_else(|| font8x8::LATIN_FONTS.get(letter));
        let rows = known(letter).or_else(|| known('?')).unwrap_or_default();
        for at in 0..(LETTER * scale).pow(2) {
            let (y, x) = (at / (LETTER * scale), at % (LETTER * scale));
            let inside = top + y < picture.height && left + place * LETTER * scale + x < picture.width;
            if inside && rows[y / scale] >> (x / scale) & 1 == 1 {
                let pixel = (top + y) * picture.width + left + place * LETTER * scale + x;
                picture.pixels[pixel * picture.channels..][..picture.channels].fill(colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_labels_on_the_left() {
        let of = |label: &str, count: usize| (label.to_string(), vec![Picture::filled(10, 12, 1, 100); count]);
        let canvas = labelled_rows(&[of("I", 2), of("no", 1)], 1, 0).unwrap();
        assert_eq!((canvas.width, canvas.height), (1 + 2 * 8 + 23, 27));
        let ink = |top: usize, left: usize| {
            let rows = canvas.pixels.chunks_exact(canvas.width).skip(top).take(12);
            rows.flat_map(|row| &row[left..left + 8]).filter(|&&pixel| pixel == 255).count()
        };
        assert!(ink(1, 1) > 10 && ink(1, 9) == 0 && ink(14, 1) > 10 && ink(14, 9) > 10);
        assert_eq!(canvas.pixels.iter().filter(|&&pixel| pixel == 100).count(), 3 * 120);
        assert!(labelled_rows(&[of("a", 0)], 1, 0).is_err());
        // Light backgrounds have black letters, larger pictures larger ones; nothing is written outside.
        let light = labelled_rows(&[("é→wider than twelve".into(), vec![Picture::filled(64, 64, 3, 9)])], 2, 255);
        assert_eq!(light.unwrap().width, 2 + 12 * 16 + 68);
        labelled_rows(&[("tiny".into(), vec![Picture::filled(1, 1, 1, 9)])], 0, 0).unwrap();
    }

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
        let canvas = grid(&pictures, GridShape { columns: 2, rows: 2 }, 1, 0).unwrap();
        assert_eq!((canvas.width, canvas.height), (7, 5));
        assert_eq!(canvas.pixels[7..14], [0, 10, 10, 0, 20, 20, 0]);
        assert_eq!(canvas.pixels[21..28], [0, 30, 30, 0, 0, 0, 0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let picture = Picture::filled(1, 1, 1, 0);
        assert!(grid(&[], GridShape::square(1), 0, 0).is_err());
        assert!(grid(&[picture.clone(), picture.clone()], GridShape::square(1), 0, 0).is_err());
        assert!(grid(&[picture, Picture::filled(2, 1, 1, 0)], GridShape::square(2), 0, 0).is_err());
    }
}
