//! Pictures as a view reads them, written to memory.

use crate::parallel::Shared;
use crate::rows::{Band, bands, for_each_band, read_band, with_band};
use crate::{Level, Order, Target, View};

/// Where bands of rows are written.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    data: Shared<f32>,
    order: Order,
    channels: usize,
    size: [usize; 2],
}

impl Rows {
    /// # Panics
    /// If the target is too small for pictures of these dimensions.
    pub(crate) fn new(target: Target, batch: usize, channels: usize, size: [usize; 2]) -> Self {
        assert!(target.data.len() >= target.order.len(batch, channels, size), "the target is too small");
        assert!(target.order.holds(channels), "the target has too few channels");
        Self { data: Shared::new(target.data), order: target.order, channels, size }
    }

    /// The memory of a band if its values lie there as `[row, column, channel]`.
    ///
    /// # Safety
    /// No other thread uses the band.
    pub(crate) unsafe fn interleaved<'a>(&self, band: Band) -> Option<&'a mut [f32]> {
        let length = band.rows * self.size[1] * self.channels;
        let first = (band.picture * self.size[0] + band.first) * self.size[1] * self.channels;
        // SAFETY: the target has the length of all bands, and the caller uses this one alone.
        (self.order == Order::interleaved(self.channels))
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.data.pointer().add(first), length) })
    }

    /// Writes a band's values, `[row, column, channel]`.
    ///
    /// # Safety
    /// No other thread uses the band.
    pub(crate) unsafe fn write(&self, band: Band, values: &[f32]) {
        let (channels, pixels) = (self.channels, band.rows * self.size[1]);
        let at = |channel| self.order.position(channels, self.size, [band.picture, channel, band.first, 0]);
        assert!(values.len() >= pixels * channels);
        match self.order {
            Order::ChannelsFirst => {
                for channel in 0..channels {
                    // SAFETY: rows of a plane follow each other, and the caller uses this band alone.
                    let plane = unsafe { std::slice::from_raw_parts_mut(self.data.pointer().add(at(channel)), pixels) };
                    let of_channel = values[channel..].iter().step_by(channels);
                    plane.iter_mut().zip(of_channel).for_each(|(to, from)| *to = *from);
                }
            }
            Order::ChannelsLast { stride, .. } => {
                for (pixel, values) in values.chunks_exact(channels).take(pixels).enumerate() {
                    // SAFETY: as above, and the other channels of the pixel are not touched.
                    let to = unsafe {
                        std::slice::from_raw_parts_mut(self.data.pointer().add(at(0) + pixel * stride), channels)
                    };
                    to.copy_from_slice(values);
                }
            }
        }
    }
}

/// Writes what a view reads.
///
/// # Panics
/// If the target is too small.
pub fn copy(view: &View, target: Target, level: Level) {
    view.check();
    let (batch, channels, size) = (view.pictures.batch, view.pictures.channels, view.size());
    let rows = Rows::new(target, batch, channels, size);
    for_each_band(&bands(batch, size, channels), |_, band| {
        // SAFETY: bands do not overlap.
        unsafe {
            match rows.interleaved(band) {
                Some(to) => read_band(level, view, band, to),
                None => with_band(level, view, band, |values| rows.write(band, values)),
            }
        }
    });
}
