//! The innermost product: some rows of one matrix with a few vectors of columns of another, summed in registers.

use crate::simd::Simd;

/// The most rows of a tile.
pub(crate) const MAX_ROWS: usize = 12;

/// The most columns of a tile.
pub(crate) const MAX_COLUMNS: usize = 64;

/// A product of rows that lie anywhere with a panel of columns.
///
/// A row of the left matrix is several runs of values: `runs[r]` values after the row's start begins run `r`.
pub(crate) struct Tile<'a> {
    /// What the rows' starts count from.
    pub left: *const f32,
    /// The start of each row; at least as many as the tile has.
    pub rows: &'a [usize],
    /// The start of each run.
    pub runs: &'a [usize],
    /// The length of each run.
    pub length: usize,
    /// The panel: `[run, value, column]`.
    pub panel: *const f32,
    /// The result.
    pub result: *mut f32,
    /// The distance between two rows of the result.
    pub stride: usize,
}

/// # Safety
/// The pointers of the tile are valid for `R` rows and `V` vectors of columns; the machine has the instructions.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) unsafe fn multiply<S: Simd, const V: usize, const R: usize>(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        let mut panel = tile.panel;
        let rows: [usize; R] = std::array::from_fn(|row| *tile.rows.get_unchecked(row));
        for &run in tile.runs {
            let mut starts: [*const f32; R] = std::array::from_fn(|row| tile.left.add(rows[row] + run));
            let mut left = tile.length;
            while left >= UNROLL {
                for at in 0..UNROLL {
                    step::<S, V, R>(&mut sums, &starts, at, panel.add(at * V * S::LANES));
                }
                starts = starts.map(|start| start.add(UNROLL));
                panel = panel.add(UNROLL * V * S::LANES);
                left -= UNROLL;
            }
            for at in 0..left {
                step::<S, V, R>(&mut sums, &starts, at, panel.add(at * V * S::LANES));
            }
            panel = panel.add(left * V * S::LANES);
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (vector, sum) in sums.into_iter().enumerate() {
                S::store(tile.result.add(row * tile.stride + vector * S::LANES), sum);
            }
        }
    }
}

/// The values of each row that are multiplied in one turn of the loop. In WebAssembly more than one would be reordered
/// until the registers do not suffice.
const UNROLL: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// Multiplies one value of each row.
#[inline(always)]
unsafe fn step<S: Simd, const V: usize, const R: usize>(
    sums: &mut [[S::Vector; V]; R],
    starts: &[*const f32; R],
    at: usize,
    panel: *const f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let columns: [S::Vector; V] = std::array::from_fn(|vector| S::load(panel.add(vector * S::LANES)));
        for row in 0..R {
            let value = S::splat(*starts[row].add(at));
            for vector in 0..V {
                sums[row][vector] = S::fma(value, columns[vector], sums[row][vector]);
            }
        }
    }
}
