//! Operations on every element, and sums over all but the channel.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::vectorised::vectorised;
use super::{Float, new_vec};

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// `of(x)` for every element.
pub fn map<T: Float>(values: &[T], of: impl Fn(T) -> T + Sync) -> Vec<T> {
    // SAFETY: the chunks are all elements.
    unsafe {
        new_vec(values.len(), |result| {
            let chunks = result.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
            chunks.for_each(|(result, values)| map_run(result, values, &of));
        })
    }
}

vectorised! {
    fn map_run[T: Float, F: Fn(T) -> T](result: &mut [MaybeUninit<T>], values: &[T], of: &F) {
        for (to, from) in result.iter_mut().zip(values) {
            to.write(of(*from));
        }
    }
}

/// `of(x, y)` for every pair of elements.
pub fn zip<T: Float>(left: &[T], right: &[T], of: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    assert_eq!(left.len(), right.len());
    // SAFETY: the chunks are all elements.
    unsafe {
        new_vec(left.len(), |result| {
            let chunks = result.par_chunks_mut(CHUNK).zip(left.par_chunks(CHUNK).zip(right.par_chunks(CHUNK)));
            chunks.for_each(|(result, (left, right))| zip_run(result, left, right, &of));
        })
    }
}

vectorised! {
    fn zip_run[T: Float, F: Fn(T, T) -> T](result: &mut [MaybeUninit<T>], left: &[T], right: &[T], of: &F) {
        for (to, (left, right)) in result.iter_mut().zip(left.iter().zip(right)) {
            to.write(of(*left, *right));
        }
    }
}

/// The sum over all but the channel of `[batch, channel, plane]`.
pub fn channel_sums<T: Float>(values: &[T], channels: usize, plane: usize) -> Vec<T> {
    let planes: Vec<f64> = values.par_chunks(plane).map(sum).collect();
    let mut sums = vec![0.0; channels];
    planes.iter().enumerate().for_each(|(index, sum)| sums[index % channels] += sum);
    sums.into_iter().map(T::from_f64).collect()
}

vectorised! {
    /// The sum in float64 of sums of short runs.
    fn sum[T: Float](values: &[T]) -> f64 {
        sum_of(values, |_, value| value)
    }
}

/// The sum of `of(index, x)` in sixteen lanes, and in float64 across runs of 1024.
#[inline(always)]
pub(super) fn sum_of<T: Float>(values: &[T], of: impl Fn(usize, T) -> T) -> f64 {
    const RUN: usize = 1024;
    const LANES: usize = 16;
    let mut total = 0.0;
    for (run, values) in values.chunks(RUN).enumerate() {
        let mut lanes = [T::ZERO; LANES];
        let (whole, rest) = values.as_chunks::<LANES>();
        for (chunk, values) in whole.iter().enumerate() {
            for (lane, value) in values.iter().enumerate() {
                lanes[lane] += of(run * RUN + chunk * LANES + lane, *value);
            }
        }
        for (index, value) in rest.iter().enumerate() {
            lanes[index] += of(run * RUN + whole.len() * LANES + index, *value);
        }
        total += lanes.iter().map(|lane| lane.to_f64()).sum::<f64>();
    }
    total
}

/// `of(index of its plane, x)` for every element of planes of the given length.
pub fn map_channels<T: Float>(values: &[T], plane: usize, of: impl Fn(usize, T) -> T + Sync) -> Vec<T> {
    // SAFETY: the planes are all elements.
    unsafe {
        new_vec(values.len(), |result| {
            let planes = result.par_chunks_mut(plane).zip(values.par_chunks(plane)).enumerate();
            planes.for_each(|(index, (result, values))| map_run(result, values, &|value| of(index, value)));
        })
    }
}
