//! Splitting a picture into tiles.
//!
//! A tile's core is its part of the result; around it the model sees a halo. A stylizer halves the resolution twice, so the
//! edges of cores are at multiples of [`ALIGNMENT`]: every tile is then computed on the sampling grid of the whole picture,
//! and tiles on the right and at the bottom are padded by the model exactly as the whole picture is.

/// The edges of tiles are multiples of this.
pub const ALIGNMENT: usize = 4;

/// The width of the halo in pixels: the stylizer's receptive field beyond a core, rounded up. With 64 the result is that of
/// the whole picture; with 48 it differs by 2.5e-6, with 32 by 1.8e-3.
pub const HALO: usize = 64;

/// The smallest useful tile; below, nearly all of the computation is halo.
pub const SMALLEST: usize = 16;

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

/// Tiles whose cores cover a picture exactly once, row by row. A core is at most `tile_width` x `tile_height`, both
/// rounded down to a multiple of [`ALIGNMENT`] (but not to 0), plus the halo at the picture's edges.
///
/// The inputs of all tiles have the same size, rounded up to a multiple of [`ALIGNMENT`], so that engines can reuse their
/// memory: the last tile starts earlier instead of being smaller.
pub fn plan(width: usize, height: usize, tile_width: usize, tile_height: usize, halo: usize) -> Vec<Tile> {
    let seen = |tile: usize| (tile / ALIGNMENT * ALIGNMENT).max(ALIGNMENT) + 2 * halo;
    plan_seen(width, height, seen(tile_width), seen(tile_height), halo)
}

/// The picture as one tile.
pub fn whole(width: usize, height: usize) -> Vec<Tile> {
    plan_seen(width, height, width, height, 0)
}

/// The plan with the fewest computed pixels among those whose tiles' inputs have at most `max_pixels` each. One tile if
/// the picture fits.
pub fn plan_within(width: usize, height: usize, max_pixels: usize, halo: usize) -> Vec<Tile> {
    if width * height <= max_pixels {
        return whole(width, height);
    }
    // The input size of each of `count` tiles in a row: adjacent tiles overlap by two halos.
    let seen = |size: usize, count: usize| {
        let all = size + 2 * halo * (count - 1);
        all.div_ceil(count).next_multiple_of(ALIGNMENT).min(size)
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
    plan_seen(width, height, seen(width, columns), seen(height, rows), halo)
}

fn plan_seen(width: usize, height: usize, seen_width: usize, seen_height: usize, halo: usize) -> Vec<Tile> {
    let (columns, rows) = (spans(width, seen_width, halo), spans(height, seen_height, halo));
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

/// Spans whose inputs have the length `seen`. If there are several, it and the halo are multiples of [`ALIGNMENT`].
fn spans(size: usize, seen: usize, halo: usize) -> Vec<Span> {
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
            let first = (size - seen).next_multiple_of(ALIGNMENT);
            Span { core: (start, size - start), seen: (first, size - first) }
        }
    };
    (0..count).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(width: usize, height: usize, plan: &[Tile], halo: usize) {
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
                assert!(start % ALIGNMENT == 0 && seen_start % ALIGNMENT == 0);
                assert!((end % ALIGNMENT == 0 || end == size) && (seen_end % ALIGNMENT == 0 || seen_end == size));
                assert!(seen_start == 0 || start - seen_start >= halo);
                assert!(seen_end == size || seen_end - end == halo);
            }
            let shape = |tile: &Tile| [tile.seen.width, tile.seen.height].map(|size| size.next_multiple_of(ALIGNMENT));
            assert_eq!(shape(&Tile { core: *core, seen: *seen }), shape(&plan[0]));
        }
        assert!(covered.iter().all(|&count| count == 1));
    }

    proptest! {
        #[test]
        fn every_pixel_once(width in 1usize..600, height in 1usize..600, w in 1usize..200, h in 1usize..200) {
            check(width, height, &plan(width, height, w, h, HALO), HALO);
        }

        #[test]
        fn the_limit_holds(width in 1usize..900, height in 1usize..900, most in 30_000usize..400_000) {
            let plan = plan_within(width, height, most, HALO);
            check(width, height, &plan, HALO);
            let largest = plan.iter().map(|tile| tile.seen.width * tile.seen.height).max().unwrap();
            prop_assert!(largest <= most, "{largest}");
        }
    }

    #[test]
    fn large_pictures_are_planned_well() {
        let computed = |plan: &[Tile]| plan.iter().map(|tile| tile.seen.width * tile.seen.height).sum::<usize>();
        for (width, height, most) in [(1920, 1080, 1_200_000), (4096, 4096, 1_000_000), (16384, 16384, 1_000_000)] {
            let plan = plan_within(width, height, most, HALO);
            let overhead = computed(&plan) as f64 / (width * height) as f64;
            assert!(overhead < 1.36, "{width}x{height}: {} tiles, {overhead}", plan.len());
        }
        // A picture of one row needs no second row of tiles.
        assert_eq!(plan_within(16384, 1, 10_000, HALO).len(), 2);
    }

    #[test]
    fn a_whole_picture_is_one_tile() {
        for (width, height) in [(1, 1), (3, 5), (4096, 1), (640, 480)] {
            let all = Rectangle { left: 0, top: 0, width, height };
            assert_eq!(whole(width, height), [Tile { core: all, seen: all }]);
        }
    }
}
