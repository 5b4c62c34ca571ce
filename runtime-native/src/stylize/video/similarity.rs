//! How similar each part of a frame is to the motion-compensated frame before.

use easel_runtime::Picture;

/// The side of the cells that are compared, in pixels.
const CELL: usize = 4;

/// How fast similarity falls with the squared distance of colours in [0, 1]: alpha of Lai et al.
pub(super) const ALPHA: f32 = 50.0;

/// The similarity of a frame to the motion-compensated frame before, from 0 to 1, for each cell of pixels.
///
/// It is the mask in the temporal loss of Lai et al. 2018 ("Learning Blind Video Temporal Consistency", arXiv 1808.00449),
/// exp(-50 |I - I'|²), of a cell's mean rather than of a pixel, which leaves out noise; and the minimum of a cell and its
/// neighbours, since a stylizer also changes the surroundings of what moves.
#[derive(Debug)]
pub(super) struct Similarity {
    columns: usize,
    rows: usize,
    cells: Vec<f32>,
}

impl Similarity {
    /// Compares a frame with the pixels of the motion-compensated frame before. `alpha` is [`ALPHA`], or less to tolerate
    /// larger changes.
    pub fn of(frame: &Picture, followed: &[u8], alpha: f32) -> Self {
        let (columns, rows) = (frame.width.div_ceil(CELL), frame.height.div_ceil(CELL));
        let mut sums = vec![(0u32, 0u32); columns * rows];
        let pixels = frame.pixels.chunks_exact(3).zip(followed.chunks_exact(3));
        for (at, (now, then)) in pixels.enumerate() {
            let (sum, count) = &mut sums[at / frame.width / CELL * columns + at % frame.width / CELL];
            *sum += now.iter().zip(then).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum::<u32>();
            *count += 1;
        }
        let like = |&(sum, count): &(u32, u32)| (-alpha * sum as f32 / (255.0 * 255.0 * count as f32)).exp();
        let own: Vec<f32> = sums.iter().map(like).collect();
        let around = |at: usize, size: usize| at.saturating_sub(1)..(at + 2).min(size);
        let least = |index: usize| {
            let rows = around(index / columns, rows);
            let cells = rows.flat_map(|row| around(index % columns, columns).map(move |column| row * columns + column));
            cells.map(|cell| own[cell]).fold(1.0, f32::min)
        };
        let cells = (0..own.len()).map(least).collect();
        Self { columns, rows, cells }
    }

    /// The similarity of a pixel's cell.
    pub fn of_cell(&self, x: usize, y: usize) -> f32 {
        self.cells[y / CELL * self.columns + x / CELL]
    }

    /// The similarity at a pixel, interpolated between the centres of the nearest cells.
    pub fn between_cells(&self, x: usize, y: usize) -> f32 {
        let position = |at: usize, size: usize| {
            let at = ((at as f32 + 0.5) / CELL as f32 - 0.5).clamp(0.0, (size - 1) as f32);
            (at as usize, (at as usize + 1).min(size - 1), at.fract())
        };
        let (left, right, across) = position(x, self.columns);
        let (above, below, down) = position(y, self.rows);
        let row = |row: usize| {
            let (a, b) = (self.cells[row * self.columns + left], self.cells[row * self.columns + right]);
            a + across * (b - a)
        };
        row(above) + down * (row(below) - row(above))
    }
}

/// The similarity of cells whose root mean square difference is a number of levels of 255.
pub(super) fn similarity_of_levels(levels: f32) -> f32 {
    (-ALPHA * 3.0 * (levels / 255.0).powi(2)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_dissimilar_and_so_are_their_neighbours() {
        let before = Picture::filled(22, 13, 3, 100);
        let mut now = Picture::filled(22, 13, 3, 106);
        for y in 0..13 {
            for x in 12..22 {
                now.pixels[3 * (y * 22 + x)..][..3].fill(200);
            }
        }
        let similarity = Similarity::of(&now, &before.pixels, ALPHA);
        assert!((similarity.of_cell(7, 12) - similarity_of_levels(6.0)).abs() < 1e-5);
        assert!(similarity.of_cell(8, 0) < 1e-3 && similarity.of_cell(21, 12) < 1e-3);
        // It falls monotonically.
        let row: Vec<f32> = (0..22).map(|x| similarity.between_cells(x, 6)).collect();
        assert!(row.is_sorted_by(|a, b| a >= b) && row[5] > 0.8 && row[6] > row[7] && row[10] < 1e-3, "{row:?}");
    }
}
