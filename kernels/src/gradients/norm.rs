//! Normalisation of channels over one picture (instance norm) or over the whole batch (batch norm).

use rayon::prelude::*;

use super::Float;

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

/// Sums in eight SIMD lanes, and in float64 across runs of 1024.
fn sum<T: Float>(values: &[T], of: impl Fn(usize, T) -> T) -> f64 {
    const RUN: usize = 1024;
    const LANES: usize = 8;
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

/// Means and variances, the variance from differences to the mean.
pub fn statistics<T: Float>(shape: &NormShape, input: &[T], epsilon: f64) -> Statistics<T> {
    let members = shape.members() as f64;
    let plane = |index: usize| &input[index * shape.plane..][..shape.plane];
    let means: Vec<[T; 2]> = shape.sums(|index| [sum(plane(index), |_, value| value) / members, 0.0]);
    let variances: Vec<[T; 2]> = shape.sums(|index| {
        let mean = means[shape.group(index)][0];
        [sum(plane(index), |_, value| (value - mean) * (value - mean)) / members, 0.0]
    });
    let moments: Vec<[T; 2]> = means.iter().zip(&variances).map(|(mean, variance)| [mean[0], variance[0]]).collect();
    let inverse = moments.iter().map(|[_, variance]| T::ONE / (*variance + T::from_f64(epsilon)).sqrt()).collect();
    Statistics { moments, inverse_deviation: inverse }
}

/// `(x - mean) / deviation * weight[channel] + bias[channel]`.
pub fn forward<T: Float>(
    shape: &NormShape,
    input: &[T],
    statistics: &Statistics<T>,
    weight: &[T],
    bias: &[T],
) -> Vec<T> {
    let mut output = vec![T::ZERO; input.len()];
    let planes = output.par_chunks_mut(shape.plane).zip(input.par_chunks(shape.plane)).enumerate();
    planes.for_each(|(index, (output, input))| {
        let (group, channel) = (shape.group(index), index % shape.channels);
        let scale = statistics.inverse_deviation[group] * weight[channel];
        let shift = bias[channel] - statistics.moments[group][0] * scale;
        output.iter_mut().zip(input).for_each(|(to, from)| *to = *from * scale + shift);
    });
    output
}

/// The gradients of input, weight and bias, given the output's. With y the normalised input and `h = g * weight`, the
/// input's is `(h - mean(h) - y mean(h y)) / deviation`.
pub fn backward<T: Float>(
    shape: &NormShape,
    input: &[T],
    statistics: &Statistics<T>,
    weight: &[T],
    gradient: &[T],
) -> [Vec<T>; 3] {
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
            [sum(gradient, |_, g| g), sum(gradient, |at, g| g * (input[at] - mean)) * inverse]
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
    let mut of_input = vec![T::ZERO; input.len()];
    of_input.par_chunks_mut(shape.plane).enumerate().for_each(|(index, to)| {
        let (group, weight) = (shape.group(index), weight[index % shape.channels]);
        let ([mean, _], [mean_h, mean_hy]) = (statistics.moments[group], means[group]);
        let inverse = statistics.inverse_deviation[group];
        let (scale, slope) = (inverse * weight, inverse * inverse * mean_hy);
        let shift = mean * slope - inverse * mean_h;
        let from = input[plane(input, index)].iter().zip(&gradient[plane(gradient, index)]);
        to.iter_mut().zip(from).for_each(|(to, (x, g))| *to = *g * scale - *x * slope + shift);
    });
    let cast = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
    [of_input, cast(of_weight), cast(of_bias)]
}
