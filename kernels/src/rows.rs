//! Rows of views, for kernels that pass over pictures once.

use crate::parallel::{self, with_scratch};
use crate::region::{Region, copy};
use crate::{Level, View};

/// Values of a band of rows: some thousand, so that they stay in the first cache levels.
const BAND: usize = 1 << 13;

/// A band of rows of one picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    pub picture: usize,
    pub first: usize,
    pub rows: usize,
}

/// Bands of rows that together are the pictures. They do not depend on the number of threads.
pub(crate) fn bands(batch: usize, [height, width]: [usize; 2], channels: usize) -> Vec<Band> {
    let rows = (BAND / (width * channels).max(1)).clamp(1, height.max(1));
    let of =
        |picture| (0..height).step_by(rows).map(move |first| Band { picture, first, rows: rows.min(height - first) });
    (0..batch).flat_map(of).collect()
}

/// Calls `work` with each band and its index, on the threads of the current pool.
pub(crate) fn for_each_band(bands: &[Band], work: impl Fn(usize, Band) + Sync + Send) {
    parallel::for_each(bands.len(), |index| work(index, bands[index]));
}

/// Calls `work` with the values of a band of a view, `[row, column, channel]`.
pub(crate) fn with_band<R>(level: Level, view: &View, band: Band, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let (width, channels) = (view.size()[1], view.pictures.channels);
    with_scratch(band.rows * width * channels, |values| {
        read_band(level, view, band, values);
        work(values)
    })
}

/// Writes a band of a view, `[row, column, channel]`.
pub(crate) fn read_band(level: Level, view: &View, band: Band, to: &mut [f32]) {
    let region = Region {
        picture: band.picture,
        pictures: 1,
        origin: [band.first as isize, 0],
        size: [band.rows, view.size()[1]],
    };
    copy(level, view, &region, view.pictures.channels, to);
}
