//! Exact rewrites of convolutions to forms that are fast in int8.
//!
//! Engines multiply integers for many output channels at once. A convolution of few output channels is therefore
//! rewritten with more channels and a larger stride, where each channel is a pixel of a block, and DepthToSpace rearranges
//! them (sub-pixel convolution, Shi et al. 2016, arXiv 1609.05158); and so is a transposed convolution of stride 2.

/// The weights of a convolution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    pub outputs: usize,
    pub inputs: usize,
    pub side: usize,
    /// `[outputs, inputs, side, side]`.
    pub values: Vec<f64>,
}

impl Kernel {
    fn zeros(outputs: usize, inputs: usize, side: usize) -> Self {
        Self { outputs, inputs, side, values: vec![0.0; outputs * inputs * side * side] }
    }

    /// The weights of an output channel.
    pub fn of_output(&self, output: usize) -> &[f64] {
        let length = self.inputs * self.side * self.side;
        &self.values[output * length..][..length]
    }

    fn at(&mut self, output: usize, input: usize, row: usize, column: usize) -> &mut f64 {
        let side = self.side;
        &mut self.values[((output * self.inputs + input) * side + row) * side + column]
    }

    /// Every weight with its output channel, input channel, row and column.
    fn taps(&self) -> impl Iterator<Item = ([usize; 4], f64)> {
        let side = self.side;
        self.values.iter().enumerate().map(move |(at, &value)| {
            let (row, column) = (at / side % side, at % side);
            ([at / (side * side) / self.inputs, at / (side * side) % self.inputs, row, column], value)
        })
    }

    /// Folds an affine map of the input, `scale[c] * x + shift[c]` for each channel, into the weights. Gives the change of
    /// the bias.
    pub fn fold_input_affine(&mut self, scale: &[f64], shift: &[f64]) -> Vec<f64> {
        let area = self.side * self.side;
        let mut bias = vec![0.0; self.outputs];
        for (at, value) in self.values.iter_mut().enumerate() {
            let input = at / area % self.inputs;
            bias[at / (area * self.inputs)] += *value * shift[input];
            *value *= scale[input];
        }
        bias
    }

    /// Multiplies each output channel.
    pub fn scale_outputs(&mut self, scale: &[f64]) {
        let length = self.inputs * self.side * self.side;
        self.values.iter_mut().enumerate().for_each(|(at, value)| *value *= scale[at / length]);
    }

    /// The sub-pixel form of a convolution of stride 1: it computes blocks of `block` x `block` pixels with that stride,
    /// as output channels `(c * block + row) * block + column`, the order of DepthToSpace (mode CRD).
    pub fn sub_pixel(&self, block: usize) -> Self {
        let mut blocks = Self::zeros(self.outputs * block * block, self.inputs, self.side + block - 1);
        for ([output, input, row, column], value) in self.taps() {
            for (down, right) in (0..block * block).map(|at| (at / block, at % block)) {
                *blocks.at((output * block + down) * block + right, input, row + down, column + right) = value;
            }
        }
        blocks
    }

    /// The convolution that a transposed convolution of stride 1, with weights `[inputs, outputs, side, side]`, is equal to.
    pub fn flipped(inputs: usize, outputs: usize, side: usize, values: &[f64]) -> Self {
        let transposed = Self { outputs: inputs, inputs: outputs, side, values: values.to_vec() };
        let mut flipped = Self::zeros(outputs, inputs, side);
        for ([input, output, row, column], value) in transposed.taps() {
            *flipped.at(output, input, side - 1 - row, side - 1 - column) = value;
        }
        flipped
    }

    /// The sub-pixel form of a 3x3 transposed convolution with stride 2, padding 1 and output padding 1 (weights
    /// `[inputs, outputs, 3, 3]`): a 2x2 convolution to blocks of 2x2. Pixels of even rows take the middle weights, those
    /// of odd rows the last weights of this input row and the first ones of the next.
    pub fn upsampling(inputs: usize, outputs: usize, values: &[f64]) -> Self {
        let transposed = Self { outputs: inputs, inputs: outputs, side: 3, values: values.to_vec() };
        let mut blocks = Self::zeros(4 * outputs, inputs, 2);
        // The row in the block and the input row of a weight's row; the same for columns.
        let place = |tap: usize| [(1, 1), (0, 0), (1, 0)][tap];
        for ([input, output, row, column], value) in transposed.taps() {
            let ((down, from_row), (right, from_column)) = (place(row), place(column));
            *blocks.at((output * 2 + down) * 2 + right, input, from_row, from_column) = value;
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use easel_runtime::Random;

    fn normals(count: usize) -> Vec<f64> {
        Random::new(3, 0).normals(count).into_iter().map(f64::from).collect()
    }

    fn tensor(values: &[f64], dims: [usize; 4]) -> Tensor {
        Tensor::from_slice(values, &dims, &Device::Cpu).unwrap()
    }

    fn convolve(x: &Tensor, kernel: &Kernel, stride: usize) -> Tensor {
        let weight = tensor(&kernel.values, [kernel.outputs, kernel.inputs, kernel.side, kernel.side]);
        x.conv2d(&weight, 0, stride, 1, 1).unwrap()
    }

    /// DepthToSpace, mode CRD.
    fn depth_to_space(x: &Tensor, block: usize) -> Tensor {
        let (batch, channels, height, width) = x.dims4().unwrap();
        let outputs = channels / (block * block);
        x.reshape((batch * outputs, block, block, height, width))
            .and_then(|x| x.permute((0, 3, 1, 4, 2)))
            .and_then(|x| x.reshape((batch, outputs, height * block, width * block)))
            .unwrap()
    }

    fn difference(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.dims(), b.dims());
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn the_sub_pixel_form_is_equal() {
        let kernel = Kernel { outputs: 2, inputs: 3, side: 5, values: normals(150) };
        let x = tensor(&normals(3 * 16 * 12), [1, 3, 16, 12]);
        let expected = convolve(&x, &kernel, 1);
        for block in [2, 4] {
            let found = depth_to_space(&convolve(&x, &kernel.sub_pixel(block), block), block);
            assert!(difference(&found, &expected) < 1e-12, "{block}");
        }
    }

    #[test]
    fn transposed_convolutions_are_rewritten() {
        let (weights, x) = (normals(4 * 3 * 9), tensor(&normals(4 * 5 * 6), [1, 4, 5, 6]));
        let weight = tensor(&weights, [4, 3, 3, 3]);
        let pad = |x: &Tensor, before: usize, after: usize| {
            x.pad_with_zeros(2, before, after).and_then(|x| x.pad_with_zeros(3, before, after)).unwrap()
        };
        let same = x.conv_transpose2d(&weight, 1, 0, 1, 1).unwrap();
        assert!(difference(&convolve(&pad(&x, 1, 1), &Kernel::flipped(4, 3, 3, &weights), 1), &same) < 1e-12);
        let upsampled = x.conv_transpose2d(&weight, 1, 1, 2, 1).unwrap();
        let blocks = convolve(&pad(&x, 0, 1), &Kernel::upsampling(4, 3, &weights), 1);
        assert!(difference(&depth_to_space(&blocks, 2), &upsampled) < 1e-12);
    }

    #[test]
    fn an_affine_input_is_folded() {
        let kernel = Kernel { outputs: 2, inputs: 3, side: 2, values: normals(24) };
        let x = tensor(&normals(3 * 16), [1, 3, 4, 4]);
        let [scale, shift] = [[0.5, -2.0, 3.0], [1.0, 0.25, -1.0]];
        let channel = |values: [f64; 3]| Tensor::from_slice(&values, (1, 3, 1, 1), &Device::Cpu).unwrap();
        let changed = x.broadcast_mul(&channel(scale)).and_then(|x| x.broadcast_add(&channel(shift))).unwrap();
        let mut folded = kernel.clone();
        let bias = folded.fold_input_affine(&scale, &shift);
        let bias = Tensor::from_vec(bias, (1, 2, 1, 1), &Device::Cpu).unwrap();
        let found = convolve(&x, &folded, 1).broadcast_add(&bias).unwrap();
        assert!(difference(&found, &convolve(&changed, &kernel, 1)) < 1e-12);
    }
}
