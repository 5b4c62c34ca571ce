//! Made pictures beside the training pictures that they are nearest to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use easel_pictures::{picture_format, save_picture};
use easel_runtime::Picture;
use easel_runtime::grid::{BACKGROUND, GAP, labelled_rows};
use easel_runtime::resize::enlarge;
use easel_train::data::Pictures;
use easel_train::metrics::features::{Features, Samples};
use easel_train::metrics::nearest::{Nearest, Neighbours};

/// Pictures in a row, and rows of made pictures.
const COLUMNS: usize = 12;
const ROWS: usize = 3;

/// Smaller pictures are enlarged until they are so wide.
const LEAST: usize = 64;

/// Fails where no sheet could be written: before the work.
pub fn check(path: &Path) -> Result<()> {
    picture_format(path)?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    anyhow::ensure!(folder.is_dir(), "{}: there is no folder {}; make it first", path.display(), folder.display());
    Ok(())
}

/// Draws the made pictures that are nearest to a training picture, the nearest first, each above that picture, and below
/// them as a measure a row of such real ones that the model never saw. All three sets are of one format.
///
/// Of each class that the classifier takes pictures for there are as many: the simplest shape, a 1 among digits, would
/// fill the sheet by itself.
pub fn write(
    path: &Path,
    [made, real, training]: [&Pictures; 3],
    samples: &Samples,
    neighbours: &Neighbours,
) -> Result<()> {
    let show = |name: &str, rows: usize, pictures: &Pictures, indices: &[u32], of: &Features, found: &[Nearest]| {
        let chosen = closest(of.answers(), found, rows * COLUMNS);
        let shown = |picture: Picture| enlarge(&picture, LEAST.div_ceil(picture.width));
        let row = |chosen: &[usize]| {
            let above: Vec<_> = chosen.iter().map(|&at| shown(pictures.picture(indices[at] as usize))).collect();
            let below: Vec<_> = chosen.iter().map(|&at| shown(training.picture(found[at].index))).collect();
            [(name.to_string(), above), ("training".to_string(), below)]
        };
        chosen.chunks(COLUMNS).flat_map(row).collect::<Vec<_>>()
    };
    let mut rows = show("made", ROWS, made, &samples.judged_indices, &samples.judged, &neighbours.judged);
    rows.extend(show("real", 1, real, &samples.other_indices, &samples.other, &neighbours.other));
    save_picture(path, &labelled_rows(&rows, GAP, BACKGROUND)?)?;
    eprintln!(
        "{}: of each class the pictures that are nearest to one of the training data, the nearest first, each above that \
         one; in the last two rows real ones that the model never saw",
        path.display()
    );
    Ok(())
}

/// Up to `count` pictures by closeness, about as many of each class.
fn closest(classes: &[u32], neighbours: &[Nearest], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..neighbours.len()).collect();
    order.sort_by(|&a, &b| neighbours[a].squared.total_cmp(&neighbours[b].squared));
    let mut taken: BTreeMap<u32, usize> = classes.iter().map(|class| (*class, 0)).collect();
    let most = count.div_ceil(taken.len().max(1));
    let mut take = |at: &usize| {
        let taken = taken.entry(classes[*at]).or_default();
        *taken += 1;
        *taken <= most
    };
    order.into_iter().filter(|at| take(at)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_class_fills_the_sheet() {
        let near = |squared| Nearest { index: 0, squared };
        let neighbours = [0.5, 0.1, 0.2, 0.3, 0.9, 0.4].map(near);
        assert_eq!(closest(&[7, 1, 1, 1, 7, 1], &neighbours, 4), [1, 2, 0, 4]);
        assert_eq!(closest(&[1; 6], &neighbours, 4), [1, 2, 3, 5]);
    }
}
