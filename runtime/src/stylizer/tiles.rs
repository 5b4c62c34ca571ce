//! Splitting a picture into tiles.
//!
//! A tile's core is its part of the result; around it the model sees a halo. A network that halves the resolution twice
//! samples at multiples of 4, so the edges of cores are at such multiples ([`Grid`]): every tile is then computed on the
//! sampling grid of the whole picture, and tiles on the right and at the bottom are padded exactly as the whole picture is.

use super::FixedSize;

/// The edges of a stylizer's tiles are multiples of this.
pub const ALIGNMENT: usize = 4;

/// The width of the halo in pixels: the stylizer's receptive field beyond a core, rounded up. With 64 the result is that of
/// the whole picture; with 48 it differs by 2.5e-6, with 32 by 1.8e-3.
pub const HALO: usize = 64;

/// The widest halo of a tile for a model of one size, of which it takes no more than an eighth.
const FIXED_HALO: usize = 16;

/// The smallest useful tile; below, nearly all of the computation is halo.
pub const SMALLEST: usize = 16;

/// Where tiles may begin, and how far they overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The edges of tiles are multiples of this.
    pub alignment: usize,
    /// The width of the halo, a multiple of the alignment.
    pub halo: usize,
}

impl Grid {
    /// The grid of the stylizers that export-onnx writes.
    pub const EASEL: Self = Self { alignment: ALIGNMENT, halo: HALO };

    /// The grid of a model that needs sizes that are a multiple of a number.
    pub fn of_multiple(multiple: usize) -> Self {
        let alignment = (1..=ALIGNMENT).map(|factor| factor * multiple.max(1)).find(|size| size % ALIGNMENT == 0);
        let alignment = alignment.expect("four times a number is a multiple of 4");
        Self { alignment, halo: HALO.next_multiple_of(alignment) }
    }

    /// The fewest pixels of a useful tile with its halo: four halos a side.
    pub fn smallest(&self) -> usize {
        (4 * self.halo) * (4 * self.halo)
    }
}

/// A part of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// The tile's part of the result.
    pub core: Rectangle,
    /// The model's input: the core and its halo, within the picture.
    pub seen: Rectangle,
}

impl Tile {
    /// The tile in the enlarged picture.
    pub fn scaled(&self, scale: usize) -> Self {
        let scaled = |Rectangle { left, top, width, height }| Rectangle {
            left: scale * left,
            top: scale * top,
            width: scale * width,
            height: scale * height,
        };
        Self { core: scaled(self.core), seen: scaled(self.seen) }
    }
}

/// Tiles whose cores cover a picture exactly once, row by row. A core is at most `tile_width` x `tile_height`, both
/// rounded down to a multiple of the grid's alignment (but not to 0), plus the halo at the picture's edges.
///
/// The inputs of all tiles have the same size, rounded up to a multiple of the alignment, so that engines can reuse their
/// memory: the last tile starts earlier instead of being smaller.
pub fn plan(width: usize, height: usize, tile_width: usize, tile_height: usize, grid: Grid) -> Vec<Tile> {
    let seen = |tile: usize| (tile / grid.alignment * grid.alignment).max(grid.alignment) + 2 * grid.halo;
    plan_seen(width, height, seen(tile_width), seen(tile_height), grid)
}

/// Tiles for a model that takes one size only, on each axis where it does. The inputs of tiles at the right and at the
/// bottom may be smaller; they are padded.
pub fn plan_fixed(width: usize, height: usize, size: FixedSize) -> Vec<Tile> {
    let (wide, high) = (size.width.unwrap_or(width), size.height.unwrap_or(height));
    let halo = FIXED_HALO.min(wide.min(high) / 8);
    plan_seen(width, height, wide, high, Grid { alignment: 1, halo })
}

/// The picture as one tile.
pub fn whole(width: usize, height: usize) -> Vec<Tile> {
    plan_seen(width, height, width, height, Grid { alignment: 1, halo: 0 })
}

/// The plan with the fewest computed pixels among those whose tiles' inputs have at most `max_pixels` each. One tile if
/// the picture fits.
pub fn plan_within(width: usize, height: usize, max_pixels: usize, grid: Grid) -> Vec<Tile> {
    if width * height <= max_pixels {
        return whole(width, height);
    }
    // The input size of each of `count` tiles in a row: adjacent tiles overlap by two halos.
    let seen = |size: usize, count: usize| {
        let all = size + 2 * grid.halo * (count - 1);
        all.div_ceil(count).next_multiple_of(grid.alignment).min(size)
    };
    let most = |size: usize| size.div_ceil(SMALLEST);
    let computed = |columns, rows| seen(width, columns) * columns * seen(height, rows) * rows;
    let mut best: Option<(usize, usize)> = None;
    for columns in 1..=most(width) {
        // Fewer rows compute less halo, so the first number that fits is the best for this number of columns.
        let fits = |rows: &usize| seen(width, columns) * seen(height, *rows) <= max_pixels;
        if let Some(rows) = (1..=most(height)).find(fits)
            && best.is_none_or(|best| computed(columns, rows) < computed(best.0, best.1))
        {
            best = Some((columns, rows));
        }
    }
    let (columns, rows) = best.unwrap_or((most(width), most(height)));
    plan_seen(width, height, seen(width, columns), seen(height, rows), grid)
}

fn plan_seen(width: usize, height: usize, seen_width: usize, seen_height: usize, grid: Grid) -> Vec<Tile> {
    let (columns, rows) = (spans(width, seen_width, grid), spans(height, seen_height, grid));
    let rectangle = |(left, width): (usize, usize), (top, height)| Rectangle { left, top, width, height };
    let tile = |column: &Span, row: &Span| Tile {
        core: rectangle(column.core, row.core),
        seen: rectangle(column.seen, row.seen),
    };
    rows.iter().flat_map(|row| columns.iter().map(move |column| tile(column, row))).collect()
}

/// Start and length of a core and of the input around it, along one axis.
struct Span {
    core: (usize, usize),
    seen: (usize, usize),
}

/// Spans whose inputs have the length `seen`. If there are several, it and the halo are multiples of the alignment.
fn spans(size: usize, seen: usize, Grid { alignment, halo }: Grid) -> Vec<Span> {
    if seen >= size {
        return vec![Span { core: (0, size), seen: (0, size) }];
    }
    let step = seen - 2 * halo;
    let count = (size - 2 * halo).div_ceil(step);
    let span = |index: usize| {
        let start = if index == 0 { 0 } else { index * step + halo };
        if index + 1 < count {
            Span { core: (start, (index + 1) * step + halo - start), seen: (index * step, seen) }
        } else {
            let first = (size - seen).next_multiple_of(alignment);
            Span { core: (start, size - start), seen: (first, size - first) }
        }
    };
    (0..count).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(width: usize, height: usize, plan: &[Tile], Grid { alignment, halo }: Grid) {
        let mut covered = vec![0u8; width * height];
        for Tile { core, seen } in plan {
            for y in core.top..core.top + core.height {
                covered[y * width..][core.left..core.left + core.width].iter_mut().for_each(|count| *count += 1);
            }
            let sides = [
                (core.left, core.width, seen.left, seen.width, width),
                (core.top, core.height, seen.top, seen.height, height),
            ];
            for (start, length, seen_start, seen_length, size) in sides {
                let (end, seen_end) = (start + length, seen_start + seen_length);
                assert!(start % alignment == 0 && seen_start % alignment == 0);
                assert!((end % alignment == 0 || end == size) && (seen_end % alignment == 0 || seen_end == size));
                assert!(seen_start == 0 || start - seen_start >= halo);
                assert!(seen_end == size || seen_end - end == halo);
            }
            let shape = |tile: &Tile| [tile.seen.width, tile.seen.height].map(|size| size.next_multiple_of(alignment));
            assert_eq!(shape(&Tile { core: *core, seen: *seen }), shape(&plan[0]));
        }
        assert!(covered.iter().all(|&count| count == 1));
    }

    proptest! {
        #[test]
        fn every_pixel_once(
            width in 1usize..600, height in 1usize..600, w in 1usize..200, h in 1usize..200, multiple in 1usize..40,
        ) {
            let grid = Grid::of_multiple(multiple);
            prop_assert!(grid.alignment.is_multiple_of(multiple) && grid.halo.is_multiple_of(grid.alignment));
            check(width, height, &plan(width, height, w, h, grid), grid);
        }

        #[test]
        fn fixed_sizes_are_kept(width in 1usize..300, height in 1usize..300, w in 1usize..200, h in 1usize..200) {
            let plan = plan_fixed(width, height, FixedSize { width: Some(w), height: Some(h) });
            prop_assert!(plan.iter().all(|tile| tile.seen.width <= w && tile.seen.height <= h));
            prop_assert_eq!(plan.iter().map(|tile| tile.core.width * tile.core.height).sum::<usize>(), width * height);
        }

        #[test]
        fn the_limit_holds(
            width in 1usize..900, height in 1usize..900, most in 30_000usize..400_000, multiple in 1usize..17,
        ) {
            let grid = Grid::of_multiple(multiple);
            let most = most.max(grid.smallest());
            let plan = plan_within(width, height, most, grid);
            check(width, height, &plan, grid);
            let largest = plan.iter().map(|tile| tile.seen.width * tile.seen.height).max().unwrap();
            prop_assert!(largest <= most, "{largest}");
        }
    }

    #[test]
    fn large_pictures_are_planned_well() {
        let computed = |plan: &[Tile]| plan.iter().map(|tile| tile.seen.width * tile.seen.height).sum::<usize>();
        for (width, height, most) in [(1920, 1080, 1_200_000), (4096, 4096, 1_000_000), (16384, 16384, 1_000_000)] {
            let plan = plan_within(width, height, most, Grid::EASEL);
            let overhead = computed(&plan) as f64 / (width * height) as f64;
            assert!(overhead < 1.36, "{width}x{height}: {} tiles, {overhead}", plan.len());
        }
        // A picture of one row needs no second row of tiles.
        assert_eq!(plan_within(16384, 1, 10_000, Grid::EASEL).len(), 2);
    }

    #[test]
    fn a_whole_picture_is_one_tile() {
        for (width, height) in [(1, 1), (3, 5), (4096, 1), (640, 480)] {
            let all = Rectangle { left: 0, top: 0, width, height };
            assert_eq!(whole(width, height), [Tile { core: all, seen: all }]);
        }
    }
}
