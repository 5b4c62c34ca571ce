//! Moments and pixel norm of pictures that are there already.

use crate::copy::Rows;
use crate::finish::{Sums, merge};
use crate::parallel::Shared;
use crate::rows::{bands, for_each_band, with_band};
use crate::{Level, Moments, Target, View};

/// Mean and variance of each channel of each picture.
pub fn moments(view: &View, level: Level) -> Moments {
    view.check();
    let (batch, channels, size) = (view.pictures.batch, view.pictures.channels, view.size());
    let bands = bands(batch, size, channels);
    let mut sums: Vec<_> = bands.iter().map(|band| Sums::new(band.picture, channels)).collect();
    let shared = Shared::new(&mut sums);
    for_each_band(&bands, |index, band| {
        // SAFETY: each band has sums of its own.
        let sums = unsafe { &mut *shared.pointer().add(index) };
        with_band(level, view, band, |values| {
            sums.pivot.copy_from_slice(&values[..channels]);
            for pixel in values.chunks_exact(channels) {
                sums.count += 1;
                let each = pixel.iter().zip(&sums.pivot).zip(sums.sum.iter_mut().zip(&mut sums.square));
                for ((value, pivot), (sum, square)) in each {
                    let difference = value - pivot;
                    *sum += difference;
                    *square += difference * difference;
                }
            }
        });
    });
    merge(sums.iter(), batch, channels)
}

/// Divides each pixel by the root mean square of its channels; `epsilon` is added to the mean square (ProGAN, arXiv
/// 1710.10196, section 4.2).
///
/// # Panics
/// If the target is too small.
pub fn pixel_norm(view: &View, epsilon: f32, target: Target, level: Level) {
    view.check();
    let (batch, channels, size) = (view.pictures.batch, view.pictures.channels, view.size());
    let rows = Rows::new(target, batch, channels, size);
    for_each_band(&bands(batch, size, channels), |_, band| {
        with_band(level, view, band, |values| {
            for pixel in values.chunks_exact_mut(channels) {
                let square = pixel.iter().map(|value| value * value).sum::<f32>();
                let factor = 1.0 / (square / channels as f32 + epsilon).sqrt();
                pixel.iter_mut().for_each(|value| *value *= factor);
            }
            // SAFETY: bands do not overlap.
            unsafe { rows.write(band, values) };
        });
    });
}
