//! Grids of content and stylized pictures, side by side.

use easel_runtime::Picture;

/// The pixels between pictures.
const GAP: usize = 2;

/// The largest width of a row, which has at least one pair.
const WIDEST: usize = 1100;

/// Arranges pairs of pictures in rows. Pairs may differ in size; the gaps are black.
pub fn grid(pairs: &[[Picture; 2]]) -> Picture {
    let mut rows: Vec<Vec<&[Picture; 2]>> = Vec::new();
    for pair in pairs {
        match rows.last_mut() {
            Some(row) if width(row) + GAP + width(&[pair]) <= WIDEST => row.push(pair),
            _ => rows.push(vec![pair]),
        }
    }
    let height = |row: &[&[Picture; 2]]| row.iter().flat_map(|pair| pair.iter()).map(|one| one.height).max();
    let heights: Vec<_> = rows.iter().map(|row| height(row).unwrap_or(0)).collect();
    let wide = rows.iter().map(|row| width(row)).max().unwrap_or(0);
    let high = (heights.iter().sum::<usize>() + GAP * rows.len()).saturating_sub(GAP);
    let mut grid = Picture::filled(wide, high, 3, 0);
    let mut top = 0;
    for (row, height) in rows.iter().zip(heights) {
        let mut left = 0;
        for picture in row.iter().flat_map(|pair| pair.iter()) {
            for (y, line) in picture.pixels.chunks_exact(3 * picture.width).enumerate() {
                let start = 3 * ((top + y) * wide + left);
                grid.pixels[start..start + line.len()].copy_from_slice(line);
            }
            left += picture.width + GAP;
        }
        top += height + GAP;
    }
    grid
}

fn width(row: &[&[Picture; 2]]) -> usize {
    row.iter().flat_map(|pair| pair.iter()).map(|picture| picture.width + GAP).sum::<usize>() - GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(width: usize, height: usize, value: u8) -> [Picture; 2] {
        [value, value + 1].map(|value| Picture::filled(width, height, 3, value))
    }

    #[test]
    fn pairs_stay_together() {
        let picture = grid(&[pair(256, 256, 10), pair(256, 256, 20), pair(300, 200, 30)]);
        assert_eq!((picture.width, picture.height), (4 * 256 + 3 * GAP, 256 + GAP + 200));
        let at = |x: usize, y: usize| picture.pixels[3 * (y * picture.width + x)];
        assert_eq!([at(0, 0), at(258, 0), at(516, 255), at(774 + 255, 0)], [10, 11, 20, 21]);
        assert_eq!([at(0, 258), at(302, 258 + 199), at(700, 300), at(256, 0)], [30, 31, 0, 0]);
    }

    #[test]
    fn one_pair() {
        assert_eq!(grid(&[pair(3, 2, 1)]).pixels.len(), 3 * 8 * 2);
    }
}
