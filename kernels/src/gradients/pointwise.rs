//! Operations on every element, and sums over all but the channel.

use rayon::prelude::*;

use super::Float;

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// `of(x)` for every element.
pub fn map<T: Float>(values: &[T], of: impl Fn(T) -> T + Sync) -> Vec<T> {
    let mut result = vec![T::ZERO; values.len()];
    let chunks = result.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
    chunks.for_each(|(result, values)| result.iter_mut().zip(values).for_each(|(to, from)| *to = of(*from)));
    result
}

/// `of(x, y)` for every pair of elements.
pub fn zip<T: Float>(left: &[T], right: &[T], of: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut result = vec![T::ZERO; left.len()];
    let chunks = result.par_chunks_mut(CHUNK).zip(left.par_chunks(CHUNK).zip(right.par_chunks(CHUNK)));
    chunks.for_each(|(result, (left, right))| {
        result.iter_mut().zip(left.iter().zip(right)).for_each(|(to, (left, right))| *to = of(*left, *right));
    });
    result
}

/// The sum over all but the channel of `[batch, channel, plane]`.
pub fn channel_sums<T: Float>(values: &[T], channels: usize, plane: usize) -> Vec<T> {
    let planes: Vec<f64> = values
        .par_chunks(plane)
        .map(|plane| plane.chunks(256).map(|run| run.iter().copied().sum::<T>().to_f64()).sum())
        .collect();
    let mut sums = vec![0.0; channels];
    planes.iter().enumerate().for_each(|(index, sum)| sums[index % channels] += sum);
    sums.into_iter().map(T::from_f64).collect()
}

/// `of(index of its plane, x)` for every element of planes of the given length.
pub fn map_channels<T: Float>(values: &[T], plane: usize, of: impl Fn(usize, T) -> T + Sync) -> Vec<T> {
    let mut result = vec![T::ZERO; values.len()];
    result.par_chunks_mut(plane).zip(values.par_chunks(plane)).enumerate().for_each(|(index, (result, values))| {
        result.iter_mut().zip(values).for_each(|(to, from)| *to = of(index, *from));
    });
    result
}
