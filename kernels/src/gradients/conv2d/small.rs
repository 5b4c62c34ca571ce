//! Small planes: the columns of several pictures make one matrix, since products with few columns are slow and would read
//! the weight again for each picture.

use std::ops::Range;

use rayon::prelude::*;

use super::unfold::{fold, unfold};
use super::{ConvShape, finish};
use crate::gradients::Float;
use crate::gradients::matmul::{View, matmul};

/// The elements of unfolded columns at a time.
const COLUMNS: usize = 1 << 20;

/// Runs of rows of a result, for the threads.
const RUNS: usize = 4;

/// Whether a convolution is computed this way.
pub fn fits(shape: &ConvShape) -> bool {
    shape.groups == 1 && shape.batch > 1 && plane(shape) < 64
}

fn plane(shape: &ConvShape) -> usize {
    shape.output_size().iter().product()
}

/// The pictures whose columns make one matrix.
fn runs(shape: &ConvShape) -> impl Iterator<Item = Range<usize>> {
    let (batch, most) = (shape.batch, (COLUMNS / (shape.taps() * plane(shape))).clamp(1, shape.batch));
    let count = batch.div_ceil(most);
    (0..count).map(move |run| batch * run / count..batch * (run + 1) / count)
}

/// The pictures' unfolded columns, `[tap, picture, pixel]`.
fn columns<T: Float>(shape: &ConvShape, input: &[T], pictures: &Range<usize>) -> Vec<T> {
    let (plane, line) = (plane(shape), pictures.len() * plane(shape));
    let area = shape.kernel[0] * shape.kernel[1];
    let in_plane = shape.size[0] * shape.size[1];
    let channels = shape.inputs.div_ceil(RUNS);
    let mut columns = vec![T::ZERO; shape.taps() * line];
    columns.par_chunks_mut(channels * area * line).enumerate().for_each(|(run, columns)| {
        let count = columns.len() / (area * line);
        for (index, picture) in pictures.clone().enumerate() {
            let planes = &input[(picture * shape.inputs + run * channels) * in_plane..][..count * in_plane];
            unfold(shape, planes, 0..shape.output_size()[0], &mut columns[index * plane..], line);
        }
    });
    columns
}

/// The pictures of an output, `[channel, picture, pixel]`.
fn gathered<T: Float>(shape: &ConvShape, output: &[T], pictures: &Range<usize>) -> Vec<T> {
    let plane = plane(shape);
    let mut result = Vec::with_capacity(shape.outputs * pictures.len() * plane);
    for channel in 0..shape.outputs {
        for picture in pictures.clone() {
            result.extend_from_slice(&output[(picture * shape.outputs + channel) * plane..][..plane]);
        }
    }
    result
}

/// See [`super::forward`].
pub fn forward<T: Float>(shape: &ConvShape, input: &[T], weight: &[T], bias: Option<&[T]>, slope: Option<T>) -> Vec<T> {
    let (plane, taps, outputs) = (plane(shape), shape.taps(), shape.outputs);
    let mut output = vec![T::ZERO; shape.batch * outputs * plane];
    for pictures in runs(shape) {
        let line = pictures.len() * plane;
        let columns = columns(shape, input, &pictures);
        let rows = outputs.div_ceil(RUNS);
        let mut products = vec![T::ZERO; outputs * line];
        products.par_chunks_mut(rows * line).enumerate().for_each(|(run, products)| {
            let weight = View::rows(&weight[run * rows * taps..], taps);
            matmul([products.len() / line, line, taps], products, line, false, weight, View::rows(&columns, line));
        });
        let first = pictures.start * outputs * plane;
        let planes = output[first..][..outputs * line].chunks_exact_mut(outputs * plane).enumerate();
        for (picture, planes) in planes {
            for (channel, to) in planes.chunks_exact_mut(plane).enumerate() {
                to.copy_from_slice(&products[channel * line + picture * plane..][..plane]);
                finish(to, bias.map(|bias| bias[channel]), slope);
            }
        }
    }
    output
}

/// See [`super::input`].
pub fn input<T: Float>(shape: &ConvShape, output: &[T], weight: &[T]) -> Vec<T> {
    let (plane, taps, outputs) = (plane(shape), shape.taps(), shape.outputs);
    let of_picture = shape.inputs * shape.size[0] * shape.size[1];
    let mut input = vec![T::ZERO; shape.batch * of_picture];
    for pictures in runs(shape) {
        let line = pictures.len() * plane;
        let gathered = gathered(shape, output, &pictures);
        let rows = taps.div_ceil(RUNS);
        let mut columns = vec![T::ZERO; taps * line];
        columns.par_chunks_mut(rows * line).enumerate().for_each(|(run, columns)| {
            let weight = View::rows(&weight[run * rows..], taps).transposed();
            let gradient = View::rows(&gathered, line);
            matmul([columns.len() / line, line, outputs], columns, line, false, weight, gradient);
        });
        let planes = input[pictures.start * of_picture..pictures.end * of_picture].par_chunks_mut(of_picture);
        planes.enumerate().for_each(|(picture, planes)| {
            fold(shape, &columns[picture * plane..], 0..shape.output_size()[0], planes, line);
        });
    }
    input
}

/// See [`super::weight`].
pub fn weight<T: Float>(shape: &ConvShape, input: &[T], output: &[T]) -> Vec<T> {
    let (plane, taps, outputs) = (plane(shape), shape.taps(), shape.outputs);
    let mut sum = vec![T::ZERO; outputs * taps];
    for pictures in runs(shape) {
        let line = pictures.len() * plane;
        let (columns, gathered) = (columns(shape, input, &pictures), gathered(shape, output, &pictures));
        let rows = outputs.div_ceil(RUNS);
        sum.par_chunks_mut(rows * taps).enumerate().for_each(|(run, sum)| {
            let gradient = View::rows(&gathered[run * rows * line..], line);
            let columns = View::rows(&columns, line).transposed();
            matmul([sum.len() / taps, taps, line], sum, taps, pictures.start > 0, gradient, columns);
        });
    }
    sum
}
