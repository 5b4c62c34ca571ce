//! Pooling: the maximum or the mean of windows.

use crate::copy::Rows;
use crate::parallel::with_scratch;
use crate::region::{Region, copy};
use crate::rows::{Band, for_each_band};
use crate::{Level, Target, View};

/// What becomes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// The maximum of what lies inside the pictures.
    Max,
    /// The mean of what lies inside the pictures.
    Average,
    /// The mean of the window, in which padding counts as zeros.
    AverageWithPadding,
}

/// Windows of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// What becomes of a window.
    pub kind: PoolKind,
    /// Height and width of the windows.
    pub kernel: [usize; 2],
    /// The step between two windows.
    pub stride: [usize; 2],
    /// Rows and columns around the pictures: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Whether windows may reach beyond the bottom and the right.
    pub ceil: bool,
}

impl Pool {
    /// Height and width of the result for pictures of a size; `None` where no window fits.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let mut result = [0; 2];
        for axis in 0..2 {
            let (stride, before) = (self.stride[axis], self.padding[axis]);
            let room = (size[axis] + before + self.padding[axis + 2]).checked_sub(self.kernel[axis])?;
            let count = if self.ceil { room.div_ceil(stride) } else { room / stride } + 1;
            // The last window begins inside.
            let begins_beyond = self.ceil && (count - 1) * stride >= size[axis] + before;
            result[axis] = count - usize::from(begins_beyond);
        }
        Some(result)
    }

    /// Pools what a view reads.
    ///
    /// # Panics
    /// If no window fits, or the target is too small.
    pub fn run(&self, view: &View, target: Target, level: Level) {
        view.check();
        let (batch, channels, [height, width]) = (view.pictures.batch, view.pictures.channels, view.size());
        let size = self.output_size([height, width]).expect("a window fits");
        let rows = Rows::new(target, batch, channels, size);
        let bands: Vec<_> =
            (0..batch).flat_map(|picture| (0..size[0]).map(move |first| Band { picture, first, rows: 1 })).collect();
        for_each_band(&bands, |_, band| {
            let across = self.window(0, band.first, height);
            let region = Region {
                picture: band.picture,
                pictures: 1,
                origin: [across.start as isize, 0],
                size: [across.len(), width],
            };
            let lengths = [across.len() * width * channels, size[1] * channels];
            with_scratch(lengths[0] + lengths[1], |scratch| {
                let (from, to) = scratch.split_at_mut(lengths[0]);
                copy(level, view, &region, channels, from);
                for (column, to) in to.chunks_exact_mut(channels).enumerate() {
                    let along = self.window(1, column, width);
                    self.window_of(from, width, [across.len(), along.start, along.end], to);
                    let area = match self.kind {
                        PoolKind::Max => continue,
                        PoolKind::Average => across.len() * along.len(),
                        PoolKind::AverageWithPadding => {
                            self.padded(0, band.first, height) * self.padded(1, column, width)
                        }
                    };
                    to.iter_mut().for_each(|value| *value /= area as f32);
                }
                // SAFETY: bands do not overlap.
                unsafe { rows.write(band, to) };
            });
        });
    }

    /// The part of a window that lies inside the pictures.
    fn window(&self, axis: usize, at: usize, size: usize) -> std::ops::Range<usize> {
        let first = at * self.stride[axis];
        let end = (first + self.kernel[axis]).saturating_sub(self.padding[axis]).min(size);
        first.saturating_sub(self.padding[axis]).min(end)..end
    }

    /// The length of the part of a window that lies inside the pictures and their padding.
    fn padded(&self, axis: usize, at: usize, size: usize) -> usize {
        let first = at * self.stride[axis];
        (first + self.kernel[axis]).min(size + self.padding[axis] + self.padding[axis + 2]) - first
    }

    /// The maximum or the sum of rows and some columns, for each channel.
    fn window_of(&self, from: &[f32], width: usize, [rows, first, end]: [usize; 3], to: &mut [f32]) {
        let channels = to.len();
        let max = self.kind == PoolKind::Max;
        to.fill(if max { f32::NEG_INFINITY } else { 0.0 });
        for row in 0..rows {
            for column in first..end {
                let pixel = &from[(row * width + column) * channels..][..channels];
                let each = to.iter_mut().zip(pixel);
                match max {
                    true => each.for_each(|(to, &value)| *to = if value > *to { value } else { *to }),
                    false => each.for_each(|(to, &value)| *to += value),
                }
            }
        }
    }
}
