//! Normalisation of channels over one picture (instance norm) or over the whole batch (batch norm).

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::pointwise::sum_of;
use super::vectorised::vectorised;
use super::{Float, new_vec};

/// The elements that share a mean and a variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Over {
    /// Each channel of each picture.
    Picture,
    /// Each channel of all pictures.
    Batch,
}

/// The shape `[batch, channel, plane]`, and the elements that are normalised together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NormShape {
    /// Pictures.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Elements of a plane.
    pub plane: usize,
    /// The elements that share their statistics.
    pub over: Over,
}

impl NormShape {
    /// The number of means (and variances): one a channel, or one a channel and picture.
    pub fn groups(&self) -> usize {
        match self.over {
            Over::Picture => self.batch * self.channels,
            Over::Batch => self.channels,
        }
    }

    /// The number of elements that share a mean.
    pub fn members(&self) -> usize {
        self.batch * self.channels * self.plane / self.groups()
    }

    /// The group that a plane belongs to.
    fn group(&self, plane: usize) -> usize {
        match self.over {
            Over::Picture => plane,
            Over::Batch => plane % self.channels,
        }
    }

    /// Adds a pair of sums over every plane up by group, in the planes' order.
    fn sums<T: Float>(&self, of_plane: impl Fn(usize) -> [f64; 2] + Sync + Send) -> Vec<[T; 2]> {
        let planes: Vec<[f64; 2]> = (0..self.batch * self.channels).into_par_iter().map(of_plane).collect();
        let mut groups = vec![[0.0; 2]; self.groups()];
        for (plane, sums) in planes.iter().enumerate() {
            let group = &mut groups[self.group(plane)];
            group[0] += sums[0];
            group[1] += sums[1];
        }
        groups.into_iter().map(|pair| pair.map(T::from_f64)).collect()
    }
}

/// The statistics of a normalisation's input, by group.
#[derive(Debug, Clone)]
pub struct Statistics<T> {
    /// The mean and the biased variance.
    pub moments: Vec<[T; 2]>,
    /// `1 / sqrt(variance + epsilon)`.
    pub inverse_deviation: Vec<T>,
}

vectorised! {
    fn sum[T: Float](values: &[T]) -> f64 {
        sum_of(values, |_, value| value)
    }
}

/// What becomes of each element of a plane: `x scale + shift`, then `slope` times that unless it is positive.
#[derive(Clone, Copy)]
struct Line<T> {
    scale: T,
    shift: T,
    slope: T,
}

impl<T: Float> Line<T> {
    #[inline(always)]
    fn sum(self, x: T) -> T {
        x * self.scale + self.shift
    }

    /// The gradient of the sum, given that of what comes out.
    #[inline(always)]
    fn before(self, x: T, gradient: T) -> T {
        if self.sum(x) > T::ZERO { gradient } else { gradient * self.slope }
    }
}

vectorised! {
    /// The sum of squared distances from a mean.
    fn sum_of_squares[T: Float](values: &[T], mean: T) -> f64 {
        sum_of(values, |_, value| (value - mean) * (value - mean))
    }
}

vectorised! {
    /// The sum of g, the gradient before the activation.
    fn sum_of_gradients[T: Float](gradient: &[T], input: &[T], line: Line<T>) -> f64 {
        let input = &input[..gradient.len()];
        sum_of(gradient, |at, g| line.before(input[at], g))
    }
}

vectorised! {
    /// The sum of `g (x - mean)`.
    fn sum_of_products[T: Float](gradient: &[T], input: &[T], mean: T, line: Line<T>) -> f64 {
        let input = &input[..gradient.len()];
        sum_of(gradient, |at, g| line.before(input[at], g) * (input[at] - mean))
    }
}

vectorised! {
    fn apply[T: Float](to: &mut [MaybeUninit<T>], from: &[T], line: Line<T>) {
        for (to, from) in to.iter_mut().zip(from) {
            let sum = line.sum(*from);
            to.write(if sum > T::ZERO { sum } else { sum * line.slope });
        }
    }
}

vectorised! {
    /// `g scale - x slope + shift`.
    fn combine[T: Float](
        to: &mut [MaybeUninit<T>],
        input: &[T],
        gradient: &[T],
        line: Line<T>,
        factors: [T; 3],
    ) {
        let [scale, slope, shift] = factors;
        for (to, (x, g)) in to.iter_mut().zip(input.iter().zip(gradient)) {
            to.write(line.before(*x, *g) * scale - *x * slope + shift);
        }
    }
}

/// Means and variances, the variance from differences to the mean.
pub fn statistics<T: Float>(shape: &NormShape, input: &[T], epsilon: f64) -> Statistics<T> {
    let members = shape.members() as f64;
    let plane = |index: usize| &input[index * shape.plane..][..shape.plane];
    let means: Vec<[T; 2]> = shape.sums(|index| [sum(plane(index)) / members, 0.0]);
    let variances: Vec<[T; 2]> = shape.sums(|index| {
        let mean = means[shape.group(index)][0];
        [sum_of_squares(plane(index), mean) / members, 0.0]
    });
    let moments: Vec<[T; 2]> = means.iter().zip(&variances).map(|(mean, variance)| [mean[0], variance[0]]).collect();
    let inverse = moments.iter().map(|[_, variance]| T::ONE / (*variance + T::from_f64(epsilon)).sqrt()).collect();
    Statistics { moments, inverse_deviation: inverse }
}

/// What follows a normalisation: `normal * weight[channel] + bias[channel]`, and `slope` times that unless it is positive,
/// which is no activation where the slope is 1.
#[derive(Debug, Clone, Copy)]
pub struct Then<'a, T> {
    /// The factors.
    pub weight: &'a [T],
    /// The summands.
    pub bias: &'a [T],
    /// The slope of the activation.
    pub slope: T,
}

impl<T: Float> Then<'_, T> {
    fn line(&self, shape: &NormShape, statistics: &Statistics<T>, plane: usize) -> Line<T> {
        let (group, channel) = (shape.group(plane), plane % shape.channels);
        let scale = statistics.inverse_deviation[group] * self.weight[channel];
        let shift = self.bias[channel] - statistics.moments[group][0] * scale;
        Line { scale, shift, slope: self.slope }
    }
}

/// `(x - mean) / deviation`, and what follows.
pub fn forward<T: Float>(shape: &NormShape, input: &[T], statistics: &Statistics<T>, then: &Then<T>) -> Vec<T> {
    // SAFETY: the planes are all elements.
    unsafe {
        new_vec(input.len(), |output| {
            let planes = output.par_chunks_mut(shape.plane).zip(input.par_chunks(shape.plane)).enumerate();
            planes.for_each(|(index, (output, input))| apply(output, input, then.line(shape, statistics, index)));
        })
    }
}

/// The gradients of input, weight and bias, given the output's. With y the normalised input, g the gradient before the
/// activation and `h = g * weight`, the input's is `(h - mean(h) - y mean(h y)) / deviation`.
pub fn backward<T: Float>(
    shape: &NormShape,
    input: &[T],
    statistics: &Statistics<T>,
    then: &Then<T>,
    gradient: &[T],
) -> [Vec<T>; 3] {
    let weight = then.weight;
    let plane = |values: &'_ [T], index: usize| -> std::ops::Range<usize> {
        debug_assert!(index * shape.plane < values.len());
        index * shape.plane..(index + 1) * shape.plane
    };
    // Sums of g and of g times the normalised input, by plane: everything else follows from them.
    let planes: Vec<[f64; 2]> = (0..shape.batch * shape.channels)
        .into_par_iter()
        .map(|index| {
            let (input, gradient) = (&input[plane(input, index)], &gradient[plane(gradient, index)]);
            let mean = statistics.moments[shape.group(index)][0];
            let inverse = statistics.inverse_deviation[shape.group(index)].to_f64();
            let line = then.line(shape, statistics, index);
            [sum_of_gradients(gradient, input, line), sum_of_products(gradient, input, mean, line) * inverse]
        })
        .collect();
    let (mut of_weight, mut of_bias) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    for (index, [sum, product]) in planes.iter().enumerate() {
        of_bias[index % shape.channels] += sum;
        of_weight[index % shape.channels] += product;
    }
    let members = shape.members() as f64;
    let means: Vec<[T; 2]> = shape.sums(|index| {
        let weight = weight[index % shape.channels].to_f64();
        planes[index].map(|sum| sum * weight / members)
    });
    // SAFETY: the planes are all elements.
    let of_input = unsafe {
        new_vec(input.len(), |of_input| {
            of_input.par_chunks_mut(shape.plane).enumerate().for_each(|(index, to)| {
                let (group, weight) = (shape.group(index), weight[index % shape.channels]);
                let ([mean, _], [mean_h, mean_hy]) = (statistics.moments[group], means[group]);
                let inverse = statistics.inverse_deviation[group];
                let (scale, slope) = (inverse * weight, inverse * inverse * mean_hy);
                let shift = mean * slope - inverse * mean_h;
                let (input, gradient) = (&input[plane(input, index)], &gradient[plane(gradient, index)]);
                combine(to, input, gradient, then.line(shape, statistics, index), [scale, slope, shift]);
            });
        })
    };
    let cast = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
    [of_input, cast(of_weight), cast(of_bias)]
}
