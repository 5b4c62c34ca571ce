//! A convolution's input as the columns of a matrix (im2col), and the adjoint.

use std::ops::Range;

use super::super::Float;
use super::ConvShape;

/// Unfolds the input's channels (one group of one picture, planes one after the other) for some rows of the output:
/// row `(channel, kernel row, kernel column)`, column `(output row, output column)`. The matrix's rows are `line` apart.
pub fn unfold<T: Float>(shape: &ConvShape, input: &[T], rows: Range<usize>, columns: &mut [T], line: usize) {
    let ConvShape { size: [height, width], kernel: [kernel_height, kernel_width], .. } = *shape;
    let ConvShape { stride, padding, dilation, .. } = *shape;
    let [_, out_width] = shape.output_size();
    let length = rows.len() * out_width;
    for (tap, line) in columns.chunks_mut(line).enumerate() {
        let line = &mut line[..length];
        let (channel, ky, kx) =
            (tap / (kernel_height * kernel_width), tap / kernel_width % kernel_height, tap % kernel_width);
        let plane = &input[channel * height * width..][..height * width];
        let inside = inside(width, out_width, stride, padding, kx * dilation);
        for (row, target) in rows.clone().zip(line.chunks_exact_mut(out_width)) {
            let y = (row * stride + ky * dilation).wrapping_sub(padding);
            if y >= height || inside.is_empty() {
                target.fill(T::ZERO);
                continue;
            }
            target[..inside.start].fill(T::ZERO);
            target[inside.end..].fill(T::ZERO);
            let first = inside.start * stride + kx * dilation - padding;
            let source = &plane[y * width + first..(y + 1) * width];
            let target = &mut target[inside.clone()];
            if stride == 1 {
                target.copy_from_slice(&source[..target.len()]);
            } else {
                target.iter_mut().zip(source.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// The adjoint of [`unfold`]: adds the columns onto the input's channels.
pub fn fold<T: Float>(shape: &ConvShape, columns: &[T], rows: Range<usize>, input: &mut [T], line: usize) {
    let ConvShape { size: [height, width], kernel: [kernel_height, kernel_width], .. } = *shape;
    let ConvShape { stride, padding, dilation, .. } = *shape;
    let [_, out_width] = shape.output_size();
    let length = rows.len() * out_width;
    for (tap, line) in columns.chunks(line).enumerate() {
        let line = &line[..length];
        let (channel, ky, kx) =
            (tap / (kernel_height * kernel_width), tap / kernel_width % kernel_height, tap % kernel_width);
        let plane = &mut input[channel * height * width..][..height * width];
        let inside = inside(width, out_width, stride, padding, kx * dilation);
        for (row, source) in rows.clone().zip(line.chunks_exact(out_width)) {
            let y = (row * stride + ky * dilation).wrapping_sub(padding);
            if y >= height || inside.is_empty() {
                continue;
            }
            let first = inside.start * stride + kx * dilation - padding;
            let target = &mut plane[y * width + first..(y + 1) * width];
            let source = &source[inside.clone()];
            if stride == 1 {
                target.iter_mut().zip(source).for_each(|(to, from)| *to += *from);
            } else {
                target.iter_mut().step_by(stride).zip(source).for_each(|(to, from)| *to += *from);
            }
        }
    }
}

/// The output columns whose input column, `column * stride + offset - padding`, lies in the picture.
fn inside(width: usize, out_width: usize, stride: usize, padding: usize, offset: usize) -> Range<usize> {
    let start = padding.saturating_sub(offset).div_ceil(stride).min(out_width);
    let end = (width + padding).saturating_sub(offset).div_ceil(stride).clamp(start, out_width);
    start..end
}
