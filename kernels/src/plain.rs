//! The plain twin of each kernel: the definition, element by element, to test the kernels against.

use crate::{Epilogue, Moments, Options, Target, View};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Forward { block: usize },
    Transposed { output_padding: [usize; 2] },
}

/// A convolution, by its definition.
#[derive(Debug, Clone)]
pub struct Convolution {
    weight: Vec<f32>,
    /// `[output, input, height, width]`, or `[input, output, height, width]` if it is transposed.
    dims: [usize; 4],
    bias: Vec<f32>,
    options: Options,
    kind: Kind,
}

impl Convolution {
    /// As [`crate::Convolution::new`].
    pub fn new(weight: &[f32], dims: [usize; 4], bias: Option<&[f32]>, options: Options) -> Self {
        Self::into_blocks(weight, dims, bias, options, 1)
    }

    /// As [`crate::Convolution::into_blocks`].
    pub fn into_blocks(weight: &[f32], dims: [usize; 4], bias: Option<&[f32]>, options: Options, block: usize) -> Self {
        assert_eq!(dims[0] % (block * block), 0);
        Self::checked(weight, dims, bias, dims[0], options, Kind::Forward { block })
    }

    /// As [`crate::Convolution::transposed`].
    pub fn transposed(
        weight: &[f32],
        dims: [usize; 4],
        bias: Option<&[f32]>,
        options: Options,
        output_padding: [usize; 2],
    ) -> Self {
        Self::checked(weight, dims, bias, dims[1], options, Kind::Transposed { output_padding })
    }

    fn checked(
        weight: &[f32],
        dims: [usize; 4],
        bias: Option<&[f32]>,
        outputs: usize,
        options: Options,
        kind: Kind,
    ) -> Self {
        assert_eq!(weight.len(), dims.iter().product::<usize>());
        assert!(bias.is_none_or(|bias| bias.len() == outputs));
        let bias = bias.map_or_else(|| vec![0.0; outputs], <[f32]>::to_vec);
        Self { weight: weight.to_vec(), dims, bias, options, kind }
    }

    /// As [`crate::Convolution::outputs`].
    pub fn outputs(&self) -> usize {
        match self.kind {
            Kind::Forward { block } => self.dims[0] / (block * block),
            Kind::Transposed { .. } => self.dims[1],
        }
    }

    /// As [`crate::Convolution::output_size`].
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let Options { stride, dilation, padding } = self.options;
        let mut result = [0; 2];
        for axis in 0..2 {
            let reach = dilation[axis] * (self.dims[2 + axis] - 1) + 1;
            let padding = padding[axis] + padding[axis + 2];
            result[axis] = match self.kind {
                Kind::Forward { block } => {
                    ((size[axis] + padding).checked_sub(reach)? / stride[axis] + 1).checked_mul(block)?
                }
                Kind::Transposed { output_padding } => {
                    (size[axis].checked_sub(1)? * stride[axis] + reach + output_padding[axis])
                        .checked_sub(padding)
                        .filter(|&size| size > 0)?
                }
            };
        }
        Some(result)
    }

    /// As [`crate::Convolution::run`].
    pub fn run(&self, view: &View, epilogue: &Epilogue, target: Target) -> Option<Moments> {
        let size = self.output_size(view.size()).expect("the kernel fits into the pictures");
        let (batch, outputs) = (view.pictures.batch, self.outputs());
        for n in 0..batch {
            for y in 0..size[0] {
                for x in 0..size[1] {
                    let mut pixel: Vec<f32> = (0..outputs).map(|c| self.value(view, [n, c, y, x])).collect();
                    for (c, value) in pixel.iter_mut().enumerate() {
                        if let Some(affine) = &epilogue.affine {
                            let (scale, shift) = affine.of(n, outputs);
                            *value = *value * scale[c] + shift[c];
                        }
                        if let Some(residual) = &epilogue.residual {
                            *value += residual.at([n, c, y, x]);
                        }
                        *value = epilogue.activation.apply(*value);
                    }
                    if let Some(epsilon) = epilogue.pixel_norm {
                        let square = pixel.iter().map(|value| value * value).sum::<f32>() / outputs as f32;
                        pixel.iter_mut().for_each(|value| *value /= (square + epsilon).sqrt());
                    }
                    for (c, value) in pixel.into_iter().enumerate() {
                        target.data[target.order.position(outputs, size, [n, c, y, x])] = value;
                    }
                }
            }
        }
        epilogue.moments.then(|| {
            let pictures = crate::Pictures { data: target.data, order: target.order, batch, channels: outputs, size };
            moments(&View::new(pictures))
        })
    }

    fn value(&self, view: &View, [n, c, y, x]: [usize; 4]) -> f32 {
        let [height, width] = view.size();
        let Options { stride, dilation, padding } = self.options;
        let [rows, columns] = [self.dims[2], self.dims[3]];
        let mut sum = 0.0;
        for i in 0..view.pictures.channels {
            for ky in 0..rows {
                for kx in 0..columns {
                    let (position, weight) = match self.kind {
                        Kind::Forward { block } => {
                            let output = (c * block + y % block) * block + x % block;
                            let row = (y / block * stride[0] + ky * dilation[0]).checked_sub(padding[0]);
                            let column = (x / block * stride[1] + kx * dilation[1]).checked_sub(padding[1]);
                            (row.zip(column), ((output * self.dims[1] + i) * rows + ky) * columns + kx)
                        }
                        Kind::Transposed { .. } => {
                            let source = |at: usize, axis: usize, k: usize| {
                                let offset = (at + padding[axis]).checked_sub(k * dilation[axis])?;
                                (offset % stride[axis] == 0).then_some(offset / stride[axis])
                            };
                            let position = source(y, 0, ky).zip(source(x, 1, kx));
                            (position, ((i * self.dims[1] + c) * rows + ky) * columns + kx)
                        }
                    };
                    if let Some((row, column)) = position.filter(|&(row, column)| row < height && column < width) {
                        sum += self.weight[weight] * view.at([n, i, row, column]);
                    }
                }
            }
        }
        let bias = match self.kind {
            Kind::Forward { block } => (c * block + y % block) * block + x % block,
            Kind::Transposed { .. } => c,
        };
        sum + self.bias[bias]
    }
}

/// Mean and variance of each channel of each picture.
pub fn moments(view: &View) -> Moments {
    let ([height, width], area) = (view.size(), view.size().iter().product::<usize>() as f64);
    let mut moments = Moments::default();
    for n in 0..view.pictures.batch {
        for c in 0..view.pictures.channels {
            let values = || (0..height).flat_map(move |y| (0..width).map(move |x| f64::from(view.at([n, c, y, x]))));
            let mean = values().sum::<f64>() / area;
            moments.mean.push(mean as f32);
            moments.variance.push((values().map(|value| (value - mean).powi(2)).sum::<f64>() / area) as f32);
        }
    }
    moments
}
