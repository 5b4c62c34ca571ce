//! Interpolation between pixels, and its adjoint.

use rayon::prelude::*;

use super::Float;

/// Where a row (or column) of the result comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// One row of the picture.
    pub low: usize,
    /// The other.
    pub high: usize,
    /// The other's share, in `[0, 1]`.
    pub share: f64,
}

/// Planes of `[height, width]` to planes of as many rows and columns as there are taps.
pub fn interpolate<T: Float>(planes: &[T], [height, width]: [usize; 2], rows: &[Tap], columns: &[Tap]) -> Vec<T> {
    let mut result = vec![T::ZERO; planes.len() / (height * width) * rows.len() * columns.len()];
    let shares = shares::<T>(columns);
    let result_planes = result.par_chunks_mut(rows.len() * columns.len());
    result_planes.zip(planes.par_chunks(height * width)).for_each(|(result, plane)| {
        let mut blended = vec![T::ZERO; width];
        for (line, row) in result.chunks_exact_mut(columns.len()).zip(rows) {
            let share = T::from_f64(row.share);
            let (low, high) = (&plane[row.low * width..][..width], &plane[row.high * width..][..width]);
            for (to, (low, high)) in blended.iter_mut().zip(low.iter().zip(high)) {
                *to = *low + share * (*high - *low);
            }
            for (to, (column, share)) in line.iter_mut().zip(columns.iter().zip(&shares)) {
                let low = blended[column.low];
                *to = low + *share * (blended[column.high] - low);
            }
        }
    });
    result
}

/// The adjoint of [`interpolate`].
pub fn interpolate_adjoint<T: Float>(
    planes: &[T],
    [height, width]: [usize; 2],
    rows: &[Tap],
    columns: &[Tap],
) -> Vec<T> {
    let area = rows.len() * columns.len();
    let mut result = vec![T::ZERO; planes.len() / area * height * width];
    let shares = shares::<T>(columns);
    result.par_chunks_mut(height * width).zip(planes.par_chunks(area)).for_each(|(result, plane)| {
        let mut blended = vec![T::ZERO; width];
        for (line, row) in plane.chunks_exact(columns.len()).zip(rows) {
            blended.fill(T::ZERO);
            for (from, (column, share)) in line.iter().zip(columns.iter().zip(&shares)) {
                let high = *share * *from;
                blended[column.low] += *from - high;
                blended[column.high] += high;
            }
            let share = T::from_f64(row.share);
            for (row, share) in [(row.low, T::ONE - share), (row.high, share)] {
                let target = &mut result[row * width..][..width];
                target.iter_mut().zip(&blended).for_each(|(to, from)| *to += share * *from);
            }
        }
    });
    result
}

fn shares<T: Float>(taps: &[Tap]) -> Vec<T> {
    taps.iter().map(|tap| T::from_f64(tap.share)).collect()
}
