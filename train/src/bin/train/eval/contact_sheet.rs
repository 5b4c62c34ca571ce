//! A contact sheet of pictures with the training pictures that they are closest to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use easel_console::tell;
use easel_pictures::{picture_format, save_picture};
use easel_runtime::Picture;
use easel_runtime::grid::{BACKGROUND, GAP, labelled_rows};
use easel_runtime::resize::enlarge;
use easel_train::data::Pictures;
use easel_train::metrics::nearest::Neighbour;
use easel_train::metrics::sample_sets::TrainingNeighbours;
use easel_train::metrics::{Features, SampleSets};

/// Pictures in a row.
const COLUMNS: usize = 12;

/// Rows of generated pictures.
const ROWS: usize = 3;

/// The least width of a picture; smaller ones are enlarged.
const LEAST: usize = 64;

/// Fails where the contact sheet cannot be written. Call it before the work.
pub fn check(path: &Path) -> Result<()> {
    picture_format(path)?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    anyhow::ensure!(folder.is_dir(), "{}: there is no folder {}; create it first", path.display(), folder.display());
    Ok(())
}

/// Draws the generated pictures that are closest to a training picture, each above that picture, and below them a row of
/// real pictures that the model never saw, chosen likewise. All three sets have one format.
///
/// All predicted classes get about as many: otherwise the simplest shape, a 1 among digits, would fill the contact sheet.
pub fn write(
    path: &Path,
    [generated, real, training]: [&Pictures; 3],
    sets: &SampleSets,
    neighbours: &TrainingNeighbours,
) -> Result<()> {
    let show = |name: &str, rows: usize, pictures: &Pictures, indices: &[u32], of: &Features, found: &[Neighbour]| {
        let chosen = closest(of.predictions(), found, rows * COLUMNS);
        let shown = |picture: Picture| enlarge(&picture, LEAST.div_ceil(picture.width));
        let row = |chosen: &[usize]| {
            let above: Vec<_> = chosen.iter().map(|&at| shown(pictures.picture(indices[at] as usize))).collect();
            let below: Vec<_> = chosen.iter().map(|&at| shown(training.picture(found[at].index))).collect();
            [(name.to_string(), above), ("training".to_string(), below)]
        };
        chosen.chunks(COLUMNS).flat_map(row).collect::<Vec<_>>()
    };
    let mut rows = show("sample", ROWS, generated, &sets.generated_indices, &sets.generated, &neighbours.generated);
    rows.extend(show("real", 1, real, &sets.baseline_indices, &sets.baseline, &neighbours.baseline));
    save_picture(path, &labelled_rows(&rows, GAP, BACKGROUND)?)?;
    tell!(
        "{}: the pictures of each class that are closest to a training picture, each above that one; the last two rows \
         show real pictures that the model never saw",
        path.display()
    );
    Ok(())
}

/// Up to `count` pictures, the closest first, about as many of each class.
fn closest(classes: &[u32], neighbours: &[Neighbour], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..neighbours.len()).collect();
    order.sort_by(|&a, &b| neighbours[a].squared_distance.total_cmp(&neighbours[b].squared_distance));
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
        let near = |squared_distance| Neighbour { index: 0, squared_distance };
        let neighbours = [0.5, 0.1, 0.2, 0.3, 0.9, 0.4].map(near);
        assert_eq!(closest(&[7, 1, 1, 1, 7, 1], &neighbours, 4), [1, 2, 0, 4]);
        assert_eq!(closest(&[1; 6], &neighbours, 4), [1, 2, 3, 5]);
    }
}
