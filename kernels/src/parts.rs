//! The division of pictures into parts that threads compute apart. It does not depend on the number of threads, so neither
//! does a result.

use std::ops::Range;

/// Parts into which small work is divided, so that there is some for each thread.
pub(crate) const PARTS: usize = 4;

/// A part of some pictures.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub pictures: Range<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

/// The largest step up to `most` that divides a number into parts of nearly the same size.
pub(crate) fn even(number: usize, most: usize) -> usize {
    number.div_ceil(number.div_ceil(most))
}

/// Divides pictures, rows and columns into parts of so many.
pub(crate) fn divide(all: [usize; 3], steps: [usize; 3]) -> Vec<Part> {
    let ranges =
        |axis: usize| (0..all[axis]).step_by(steps[axis]).map(move |start| start..(start + steps[axis]).min(all[axis]));
    let mut parts = Vec::new();
    for pictures in ranges(0) {
        for rows in ranges(1) {
            parts.extend(ranges(2).map(|columns| Part { pictures: pictures.clone(), rows: rows.clone(), columns }));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_once() {
        for (all, steps) in [([3, 7, 5], [2, 3, 5]), ([1, 1, 1], [4, 4, 4]), ([2, 9, 10], [1, even(9, 4), even(10, 3)])]
        {
            let mut seen = vec![0; all.iter().product()];
            for Part { pictures, rows, columns } in divide(all, steps) {
                for picture in pictures {
                    for row in rows.clone() {
                        columns.clone().for_each(|column| seen[(picture * all[1] + row) * all[2] + column] += 1);
                    }
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{all:?} {steps:?}");
        }
        assert_eq!((even(9, 4), even(10, 3), even(5, 9)), (3, 3, 5));
    }
}
