//! The epilogue of a convolution: from sums to values in their place.

use std::ops::Range;

use crate::parallel::{self, Shared};
use crate::region::activate;
use crate::simd::{Simd, dispatch};
use crate::{Activation, Affine, Epilogue, Level, Moments, Order, Pictures, Target};

/// What all parts of a convolution need to write their results.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    pub bias: &'a [f32],
    pub epilogue: Epilogue<'a>,
    pub data: *mut f32,
    pub order: Order,
    /// The output's channels.
    pub channels: usize,
    /// The output's height times width.
    pub area: usize,
}

// SAFETY: parts of a convolution write different pixels or channels.
unsafe impl Sync for Finish<'_> {}

impl<'a> Finish<'a> {
    pub(crate) fn new(
        bias: &'a [f32],
        epilogue: &Epilogue<'a>,
        target: &mut Target,
        batch: usize,
        size: [usize; 2],
    ) -> Self {
        let channels = bias.len();
        assert!(target.data.len() >= target.order.len(batch, channels, size), "the target is too small");
        assert!(target.order.holds(channels), "the target has too few channels");
        if let Some(residual) = &epilogue.residual {
            assert_eq!((residual.batch, residual.channels, residual.size), (batch, channels, size));
            assert!(residual.data.len() >= residual.order.len(batch, channels, size) && residual.order.holds(channels));
        }
        if let Some(affine) = &epilogue.affine {
            assert!([channels, batch * channels].contains(&affine.scale.len()));
            assert_eq!(affine.scale.len(), affine.shift.len());
        }
        let (data, order) = (target.data.as_mut_ptr(), target.order);
        Self { bias, epilogue: *epilogue, data, order, channels, area: size[0] * size[1] }
    }

    /// Computes the parts of a convolution on the threads of the pool. Returns their sums if moments are asked for.
    /// `picture` is the picture that a part belongs to, and then each part belongs to one.
    pub(crate) fn parts<P: Sync>(
        &self,
        parts: &[P],
        picture: impl Fn(&P) -> usize,
        work: impl Fn(&P, Option<&mut Sums>) + Sync + Send,
    ) -> Vec<Sums> {
        let moments = self.epilogue.moments;
        let mut sums: Vec<Sums> = match moments {
            true => parts.iter().map(|part| Sums::new(picture(part), self.channels)).collect(),
            false => Vec::new(),
        };
        let shared = Shared::new(&mut sums);
        parallel::for_each(parts.len(), |index| {
            // SAFETY: each part has sums of its own.
            let sums = moments.then(|| unsafe { &mut *shared.pointer().add(index) });
            work(&parts[index], sums);
        });
        sums
    }

    /// The position of a channel of a pixel, which counts through all pictures.
    #[inline(always)]
    fn position(&self, order: Order, pixel: usize, channel: usize) -> usize {
        match order {
            Order::ChannelsFirst => {
                let picture = pixel / self.area;
                (picture * self.channels + channel) * self.area + pixel - picture * self.area
            }
            Order::ChannelsLast { stride, first } => pixel * stride + first + channel,
        }
    }
}

/// Sums of a part of one picture, `[channel]`: values are counted from a pivot near them, so that squares do not cancel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    pub picture: usize,
    pub count: usize,
    pub pivot: Vec<f32>,
    pub sum: Vec<f32>,
    pub square: Vec<f32>,
}

impl Sums {
    pub(crate) fn new(picture: usize, channels: usize) -> Self {
        // NaN marks a pivot that is not chosen.
        let [pivot, sum, square] = [f32::NAN, 0.0, 0.0].map(|value| vec![value; channels]);
        Self { picture, count: 0, pivot, sum, square }
    }
}

/// The moments of pictures from the sums of their parts (Chan et al., "Updating formulae", 1979), in the order given.
pub(crate) fn merge<'a>(parts: impl Iterator<Item = &'a Sums>, batch: usize, channels: usize) -> Moments {
    let mut merged = vec![(0.0f64, 0.0f64, 0.0f64); batch * channels];
    for part in parts.filter(|part| part.count > 0) {
        let count = part.count as f64;
        for channel in 0..channels {
            let (sum, square) = (f64::from(part.sum[channel]), f64::from(part.square[channel]));
            let (mean, squares) = (f64::from(part.pivot[channel]) + sum / count, square - sum * sum / count);
            let (all, its_mean, its_squares) = &mut merged[part.picture * channels + channel];
            let (difference, total) = (mean - *its_mean, *all + count);
            *its_squares += squares + difference * difference * *all * count / total;
            *its_mean += difference * count / total;
            *all = total;
        }
    }
    Moments {
        mean: merged.iter().map(|(_, mean, _)| *mean as f32).collect(),
        variance: merged
            .iter()
            .map(|(count, _, squares)| if *squares < 0.0 { 0.0 } else { (squares / count) as f32 })
            .collect(),
    }
}

/// Sums of products that become values.
pub(crate) struct Values<'a> {
    /// `[pixel, stride]`.
    pub sums: *const f32,
    pub stride: usize,
    /// The first channel, and the number of channels.
    pub channels: [usize; 2],
    /// The pixels, counted through all pictures.
    pub pixels: &'a [usize],
}

/// Finishes values and writes them.
///
/// # Safety
/// The pixels and channels lie in the target, and no other thread writes them; the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn write_with<S: Simd>(finish: &Finish, values: &Values, moments: Option<&mut Sums>) {
    let epilogue = &finish.epilogue;
    let plain = epilogue.affine.is_none()
        && epilogue.residual.is_none()
        && matches!(finish.order, Order::ChannelsLast { .. })
        && values.channels[1].is_multiple_of(S::LANES)
        && matches!(epilogue.activation, Activation::None | Activation::Relu);
    // SAFETY: the caller's.
    unsafe {
        match (plain, moments) {
            (true, None) => write_plain::<S, false>(finish, values, &mut Sums::default()),
            (true, Some(sums)) => write_plain::<S, true>(finish, values, sums),
            (false, moments) => write_any::<S>(finish, values, moments),
        }
    }
}

/// The common case: whole vectors of neighbouring channels, with no more than a bias and ReLU.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
unsafe fn write_plain<S: Simd, const MOMENTS: bool>(finish: &Finish, values: &Values, moments: &mut Sums) {
    let Order::ChannelsLast { stride, first: offset } = finish.order else { return };
    // No value is below this one.
    let low = if finish.epilogue.activation == Activation::Relu { 0.0 } else { f32::NEG_INFINITY };
    let [first, channels] = values.channels;
    // SAFETY: the caller's.
    unsafe {
        let low = S::splat(low);
        for at in (0..channels).step_by(S::LANES) {
            let channel = first + at;
            let bias = S::load(finish.bias.as_ptr().add(channel));
            let [mut sum, mut square] = [S::splat(0.0); 2];
            let mut is_new = false;
            let pivot = match MOMENTS {
                true => {
                    let own = moments.pivot.as_mut_ptr().add(channel);
                    is_new = (*own).is_nan();
                    if is_new {
                        S::store(own, S::max(low, S::add(S::load(values.sums.add(at)), bias)));
                    }
                    S::load(own)
                }
                false => bias,
            };
            for (index, &pixel) in values.pixels.iter().enumerate() {
                let value = S::max(low, S::add(S::load(values.sums.add(index * values.stride + at)), bias));
                S::store(finish.data.add(pixel * stride + offset + channel), value);
                if MOMENTS {
                    let difference = S::sub(value, pivot);
                    sum = S::add(sum, difference);
                    square = S::fma(difference, difference, square);
                }
            }
            if MOMENTS {
                if is_new {
                    [sum, square] =
                        recentred::<S>(moments, channel, values.pixels.len(), [pivot, sum, square], S::LANES);
                }
                for (to, value) in [(&mut moments.sum, sum), (&mut moments.square, square)] {
                    let to = to.as_mut_ptr().add(channel);
                    S::store(to, S::add(S::load(to), value));
                }
            }
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
unsafe fn write_any<S: Simd>(finish: &Finish, values: &Values, mut moments: Option<&mut Sums>) {
    // SAFETY: the caller's.
    unsafe {
        let Epilogue { affine, residual, activation, .. } = finish.epilogue;
        let per_picture = affine.filter(|affine| affine.scale.len() > finish.channels);
        let [first, channels] = values.channels;
        let mut at = 0;
        while at < channels {
            let (channel, count) = (first + at, (channels - at).min(S::LANES));
            let bias = load::<S>(finish.bias.as_ptr().add(channel), count);
            let (mut scale, mut shift) = (S::splat(1.0), S::splat(0.0));
            if let (Some(Affine { scale: factors, shift: summands }), None) = (affine, per_picture) {
                scale = load::<S>(factors.as_ptr().add(channel), count);
                shift = load::<S>(summands.as_ptr().add(channel), count);
            }
            let [mut sum, mut square] = [S::splat(0.0); 2];
            let (mut pivot, mut is_new) = (S::splat(0.0), false);
            for (index, &pixel) in values.pixels.iter().enumerate() {
                let mut value = S::add(S::load(values.sums.add(index * values.stride + at)), bias);
                if affine.is_some() {
                    if let Some(affine) = per_picture {
                        let (factors, summands) = affine.of(pixel / finish.area, finish.channels);
                        scale = load::<S>(factors.as_ptr().add(channel), count);
                        shift = load::<S>(summands.as_ptr().add(channel), count);
                    }
                    value = S::fma(value, scale, shift);
                }
                if let Some(residual) = &residual {
                    value = S::add(value, other::<S>(finish, residual, pixel, channel, count));
                }
                value = activate::<S>(value, activation);
                match finish.order {
                    Order::ChannelsLast { stride, first } => {
                        let to = finish.data.add(pixel * stride + first + channel);
                        if count == S::LANES { S::store(to, value) } else { S::store_part(to, value, count) }
                    }
                    order => {
                        let mut all = [0f32; 16];
                        S::store(all.as_mut_ptr(), value);
                        for (lane, value) in all[..count].iter().enumerate() {
                            *finish.data.add(finish.position(order, pixel, channel + lane)) = *value;
                        }
                    }
                }
                if let Some(moments) = &mut moments {
                    if index == 0 {
                        let own = moments.pivot.as_mut_ptr().add(channel);
                        is_new = (*own).is_nan();
                        if is_new {
                            store::<S>(own, value, count);
                        }
                        pivot = load::<S>(own, count);
                    }
                    let difference = S::sub(value, pivot);
                    sum = S::add(sum, difference);
                    square = S::fma(difference, difference, square);
                }
            }
            if let Some(moments) = &mut moments {
                if is_new {
                    [sum, square] = recentred::<S>(moments, channel, values.pixels.len(), [pivot, sum, square], count);
                }
                for (to, value) in [(&mut moments.sum, sum), (&mut moments.square, square)] {
                    let to = to.as_mut_ptr().add(channel);
                    store::<S>(to, S::add(load::<S>(to, count), value), count);
                }
            }
            at += S::LANES;
        }
    }
}

/// Moves the pivot from the first value to the mean of the first ones, since a corner of a picture may lie far from the
/// rest. Returns the sums from there.
#[inline(always)]
unsafe fn recentred<S: Simd>(
    moments: &mut Sums,
    channel: usize,
    pixels: usize,
    [pivot, sum, square]: [S::Vector; 3],
    count: usize,
) -> [S::Vector; 2] {
    // SAFETY: the caller's.
    unsafe {
        let mean = S::mul(sum, S::splat(1.0 / pixels as f32));
        // A pivot that stays NaN would be chosen again, and those of the other channels in the vector with it.
        let pivot = S::max(S::add(pivot, mean), S::splat(f32::MIN));
        store::<S>(moments.pivot.as_mut_ptr().add(channel), pivot, count);
        [S::splat(0.0), S::sub(square, S::mul(sum, mean))]
    }
}

#[inline(always)]
unsafe fn load<S: Simd>(from: *const f32, count: usize) -> S::Vector {
    // SAFETY: the caller's.
    unsafe { if count == S::LANES { S::load(from) } else { S::load_part(from, count) } }
}

#[inline(always)]
unsafe fn store<S: Simd>(to: *mut f32, value: S::Vector, count: usize) {
    // SAFETY: the caller's.
    unsafe { if count == S::LANES { S::store(to, value) } else { S::store_part(to, value, count) } }
}

/// The residual's values.
#[inline(always)]
unsafe fn other<S: Simd>(
    finish: &Finish,
    residual: &Pictures,
    pixel: usize,
    channel: usize,
    count: usize,
) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        match residual.order {
            Order::ChannelsLast { stride, first } => {
                load::<S>(residual.data.as_ptr().add(pixel * stride + first + channel), count)
            }
            order => {
                let mut all = [0f32; 16];
                for (lane, value) in all[..count].iter_mut().enumerate() {
                    *value = residual.data[finish.position(order, pixel, channel + lane)];
                }
                S::load(all.as_ptr())
            }
        }
    }
}

/// Applies the pixel norm, if there is one, to a rectangle of some pictures: pictures, rows, columns.
///
/// # Safety
/// The pixels are written with all their channels, and no other thread uses them; the machine has the level.
pub(crate) unsafe fn normalise_rectangle(
    level: Level,
    finish: &Finish,
    [pictures, rows, columns]: [Range<usize>; 3],
    [height, width]: [usize; 2],
) {
    let Some(epsilon) = finish.epilogue.pixel_norm else { return };
    for picture in pictures {
        for row in rows.start..rows.end.min(height) {
            let first = (picture * height + row) * width;
            let pixels: Vec<usize> = (first + columns.start..first + columns.end.min(width)).collect();
            // SAFETY: the caller's.
            unsafe { normalise_pixels(level, finish, &pixels, epsilon) }
        }
    }
}

dispatch!(pub(crate) unsafe fn normalise_pixels(finish: &Finish, pixels: &[usize], epsilon: f32) = normalise_pixels_with);

/// Divides the pixels' channels by their root mean square.
#[inline(always)]
unsafe fn normalise_pixels_with<S: Simd>(finish: &Finish, pixels: &[usize], epsilon: f32) {
    let channels = finish.channels;
    // SAFETY: the caller's.
    unsafe {
        for &pixel in pixels {
            let Order::ChannelsLast { stride, first } = finish.order else {
                let at = |channel| finish.data.add(finish.position(finish.order, pixel, channel));
                let square = (0..channels).map(|channel| *at(channel) * *at(channel)).sum::<f32>();
                let factor = 1.0 / (square / channels as f32 + epsilon).sqrt();
                (0..channels).for_each(|channel| *at(channel) *= factor);
                continue;
            };
            let data = finish.data.add(pixel * stride + first);
            let mut square = S::splat(0.0);
            let mut channel = 0;
            while channel < channels {
                let value = load::<S>(data.add(channel), (channels - channel).min(S::LANES));
                square = S::fma(value, value, square);
                channel += S::LANES;
            }
            let factor = S::splat(1.0 / (S::sum(square) / channels as f32 + epsilon).sqrt());
            channel = 0;
            while channel < channels {
                let count = (channels - channel).min(S::LANES);
                let value = load::<S>(data.add(channel), count);
                store::<S>(data.add(channel), S::mul(value, factor), count);
                channel += S::LANES;
            }
        }
    }
}
