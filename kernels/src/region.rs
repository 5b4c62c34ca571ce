//! Copies a part of a view, so that a convolution reads it without regard to borders, norms and activations.

use crate::simd::{Simd, dispatch};
use crate::view::ZERO;
use crate::{Activation, Order, View};

/// A part of each of some pictures of a view. It may begin above or left of the view, and end below or right of it: there
/// it is zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    /// The first picture.
    pub picture: usize,
    /// The number of pictures.
    pub pictures: usize,
    /// The first row and column.
    pub origin: [isize; 2],
    /// Height and width.
    pub size: [usize; 2],
}

/// Columns of a region that lie side by side in the pictures too.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The first column in the region.
    to: usize,
    /// The first column in the pictures, or none for zeros.
    from: Option<usize>,
    length: usize,
}

fn source(map: Option<&[u32]>, length: usize, at: isize) -> Option<usize> {
    let at = usize::try_from(at).ok().filter(|&at| at < length)?;
    match map {
        None => Some(at),
        Some(map) => (map[at] != ZERO).then_some(map[at] as usize),
    }
}

fn runs(view: &View, region: &Region) -> Vec<Run> {
    let width = view.size()[1];
    let mut runs: Vec<Run> = Vec::new();
    for to in 0..region.size[1] {
        let from = source(view.columns, width, region.origin[1] + to as isize);
        match runs.last_mut() {
            Some(run) if from == run.from.map(|first| first + run.length) => run.length += 1,
            _ => runs.push(Run { to, from, length: 1 }),
        }
    }
    runs
}

/// Writes a region, `[picture, row, column, stride]`; values from the last channel to `stride` become zeros.
pub(crate) fn copy(level: crate::Level, view: &View, region: &Region, stride: usize, to: &mut [f32]) {
    let channels = view.pictures.channels;
    let (rows, row_length) = (region.size[0], region.size[1] * stride);
    assert!(stride >= channels && to.len() >= region.pictures * rows * row_length);
    let [height, width] = view.pictures.size;
    let runs = runs(view, region);
    for picture in 0..region.pictures {
        for row in 0..rows {
            let line = &mut to[(picture * rows + row) * row_length..][..row_length];
            let Some(from_row) = source(view.rows, view.size()[0], region.origin[0] + row as isize) else {
                line.fill(0.0);
                continue;
            };
            assert!(from_row < height && region.picture + picture < view.pictures.batch);
            for run in &runs {
                let line = &mut line[run.to * stride..][..run.length * stride];
                let Some(column) = run.from else {
                    line.fill(0.0);
                    continue;
                };
                assert!(column + run.length <= width);
                let at = [region.picture + picture, 0, from_row, column];
                copy_run(level, view, at, run.length, stride, line);
            }
        }
    }
}

/// Copies pixels that lie side by side.
fn copy_run(level: crate::Level, view: &View, at: [usize; 4], length: usize, stride: usize, to: &mut [f32]) {
    let pictures = &view.pictures;
    let (channels, first) = (pictures.channels, pictures.order.position(pictures.channels, pictures.size, at));
    let affine = view.affine.map(|affine| affine.of(at[0], channels));
    match pictures.order {
        Order::ChannelsFirst => {
            let plane = pictures.size[0] * pictures.size[1];
            for c in 0..channels {
                let (scale, shift) = affine.map_or((1.0, 0.0), |(scale, shift)| (scale[c], shift[c]));
                let from = &pictures.data[first + c * plane..][..length];
                let to = to[c..].iter_mut().step_by(stride);
                match view.activation {
                    Activation::None => to.zip(from).for_each(|(to, from)| *to = from * scale + shift),
                    activation => to.zip(from).for_each(|(to, from)| *to = activation.apply(from * scale + shift)),
                }
            }
        }
        Order::ChannelsLast { stride: from_stride, .. } => {
            let from = &pictures.data[first..first + (length - 1) * from_stride + channels];
            if affine.is_none() && view.activation == Activation::None && from_stride == channels && stride == channels
            {
                return to.copy_from_slice(from);
            }
            // SAFETY: the slices have the lengths that are read and written, and the machine has the level.
            unsafe {
                change(
                    level,
                    from.as_ptr(),
                    from_stride,
                    to.as_mut_ptr(),
                    stride,
                    [length, channels],
                    affine,
                    view.activation,
                )
            }
        }
    }
    if stride > channels {
        to.chunks_exact_mut(stride).for_each(|pixel| pixel[channels..].fill(0.0));
    }
}

dispatch!(unsafe fn change(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
    size: [usize; 2],
    affine: Option<(&[f32], &[f32])>,
    activation: Activation,
) = change_with);

#[inline(always)]
unsafe fn change_with<S: Simd>(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
    [pixels, channels]: [usize; 2],
    affine: Option<(&[f32], &[f32])>,
    activation: Activation,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut channel = 0;
        while channel < channels {
            let count = (channels - channel).min(S::LANES);
            let whole = count == S::LANES;
            let load = |from: *const f32| if whole { S::load(from) } else { S::load_part(from, count) };
            let (scale, shift) = match affine {
                Some((scale, shift)) => (load(scale.as_ptr().add(channel)), load(shift.as_ptr().add(channel))),
                None => (S::splat(1.0), S::splat(0.0)),
            };
            for pixel in 0..pixels {
                let mut value = load(from.add(pixel * from_stride + channel));
                if affine.is_some() {
                    value = S::fma(value, scale, shift);
                }
                value = activate::<S>(value, activation);
                let to = to.add(pixel * to_stride + channel);
                if whole { S::store(to, value) } else { S::store_part(to, value, count) }
            }
            channel += S::LANES;
        }
    }
}

/// A function of each value of a vector.
#[inline(always)]
pub(crate) unsafe fn activate<S: Simd>(value: S::Vector, activation: Activation) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        match activation {
            Activation::None => value,
            Activation::Relu => S::max(S::splat(0.0), value),
            Activation::LeakyRelu(slope) => {
                let zero = S::splat(0.0);
                S::fma(S::min(zero, value), S::splat(slope), S::max(zero, value))
            }
            Activation::Clip(low, high) => S::min(S::splat(high), S::max(S::splat(low), value)),
            Activation::Sigmoid | Activation::Tanh => {
                let mut all = [0f32; 16];
                S::store(all.as_mut_ptr(), value);
                all[..S::LANES].iter_mut().for_each(|value| *value = activation.apply(*value));
                S::load(all.as_ptr())
            }
        }
    }
}
