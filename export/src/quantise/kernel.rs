//! Convolutions as quantised ones compute fastest: exact rewritings of their kernels.
//!
//! Integer products are made for many output channels at a time. So a convolution of few becomes one of more channels
//! and a larger step, each channel a pixel of a block, which DepthToSpace then puts in its place (Shi et al. 2016, arXiv
//! 1609.05158); and so does a transposed convolution that doubles the picture.

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

    /// The weights of one output channel.
    pub fn of_output(&self, output: usize) -> &[f64] {
        let length = self.inputs * self.side * self.side;
        &self.values[output * length..][..length]
    }

    fn at(&mut self, output: usize, input: usize, row: usize, column: usize) -> &mut f64 {
        let side = self.side;
        &mut self.values[((output * self.inputs + input) * side + row) * side + column]
    }

    /// Every weight with its output and input channel, row and column.
    fn taps(&self) -> impl Iterator<Item = ([usize; 4], f64)> {
        let side = self.side;
        self.values.iter().enumerate().map(move |(at, &value)| {
            let (row, column) = (at / side % side, at % side);
            ([at / (side * side) / self.inputs, at / (side * side) % self.inputs, row, column], value)
        })
    }

    /// Takes in what was done before the convolution, `scale[c] * x + shift[c]` for each input channel, and gives what
    /// is added to each output.
    pub fn take_in(&mut self, scale: &[f64], shift: &[f64]) -> Vec<f64> {
        let area = self.side * self.side;
        let mut added = vec![0.0; self.outputs];
        for (at, value) in self.values.iter_mut().enumerate() {
            let input = at / area % self.inputs;
            added[at / (area * self.inputs)] += *value * shift[input];
            *value *= scale[input];
        }
        added
    }

    /// Multiplies each output channel.
    pub fn scale_outputs(&mut self, scale: &[f64]) {
        let length = self.inputs * self.side * self.side;
        self.values.iter_mut().enumerate().for_each(|(at, value)| *value *= scale[at / length]);
    }

    /// The kernel that computes a block of `block` x `block` outputs of this one at a time, with that step: output
    /// channel `(c * block + row) * block + column`, as DepthToSpace (mode CRD) expects.
    pub fn in_blocks(&self, block: usize) -> Self {
        let mut blocks = Self::zeros(self.outputs * block * block, self.inputs, self.side + block - 1);
        for ([output, input, row, column], value) in self.taps() {
            for (down, right) in (0..block * block).map(|at| (at / block, at % block)) {
                *blocks.at((output * block + down) * block + right, input, row + down, column + right) = value;
            }
        }
        blocks
    }

    /// A transposed convolution's weights `[inputs, outputs, side, side]` with step 1, as those of the convolution that
    /// it is.
    pub fn turned(inputs: usize, outputs: usize, side: usize, values: &[f64]) -> Self {
        let transposed = Self { outputs: inputs, inputs: outputs, side, values: values.to_vec() };
        let mut turned = Self::zeros(outputs, inputs, side);
        for ([input, output, row, column], value) in transposed.taps() {
            *turned.at(output, input, side - 1 - row, side - 1 - column) = value;
        }
        turned
    }

    /// A transposed convolution of 3x3 that doubles the picture (step 2, padding 1, output padding 1; weights
    /// `[inputs, outputs, 3, 3]`) as a 2x2 convolution to blocks of 2x2: a pixel of an even row is made of the middle
    /// weights, one of an odd row of the last ones here and the first ones of the row below.
    pub fn doubling(inputs: usize, outputs: usize, values: &[f64]) -> Self {
        let transposed = Self { outputs: inputs, inputs: outputs, side: 3, values: values.to_vec() };
        let mut blocks = Self::zeros(4 * outputs, inputs, 2);
        // Which of the block's pixels a weight is for, and of which input pixel.
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

    fn drawn(count: usize) -> Vec<f64> {
        Random::new(3, 0).normals(count).into_iter().map(f64::from).collect()
    }

    fn tensor(values: &[f64], dims: [usize; 4]) -> Tensor {
        Tensor::from_slice(values, &dims, &Device::Cpu).unwrap()
    }

    fn convolve(x: &Tensor, kernel: &Kernel, step: usize) -> Tensor {
        let weight = tensor(&kernel.values, [kernel.outputs, kernel.inputs, kernel.side, kernel.side]);
        x.conv2d(&weight, 0, step, 1, 1).unwrap()
    }

    /// What DepthToSpace does, mode CRD.
    fn put_in_place(x: &Tensor, block: usize) -> Tensor {
        let (batch, channels, height, width) = x.dims4().unwrap();
        let outputs = channels / (block * block);
        x.reshape((batch * outputs, block, block, height, width))
            .and_then(|x| x.permute((0, 3, 1, 4, 2)))
            .and_then(|x| x.reshape((batch, outputs, height * block, width * block)))
            .unwrap()
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.dims(), b.dims());
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn blocks_are_the_same_convolution() {
        let kernel = Kernel { outputs: 2, inputs: 3, side: 5, values: drawn(150) };
        let x = tensor(&drawn(3 * 16 * 12), [1, 3, 16, 12]);
        let expected = convolve(&x, &kernel, 1);
        for block in [2, 4] {
            let found = put_in_place(&convolve(&x, &kernel.in_blocks(block), block), block);
            assert!(apart(&found, &expected) < 1e-12, "{block}");
        }
    }

    #[test]
    fn transposed_convolutions_are_convolutions() {
        let (weights, x) = (drawn(4 * 3 * 9), tensor(&drawn(4 * 5 * 6), [1, 4, 5, 6]));
        let weight = tensor(&weights, [4, 3, 3, 3]);
        let around = |x: &Tensor, before: usize, after: usize| {
            x.pad_with_zeros(2, before, after).and_then(|x| x.pad_with_zeros(3, before, after)).unwrap()
        };
        let same = x.conv_transpose2d(&weight, 1, 0, 1, 1).unwrap();
        assert!(apart(&convolve(&around(&x, 1, 1), &Kernel::turned(4, 3, 3, &weights), 1), &same) < 1e-12);
        let doubled = x.conv_transpose2d(&weight, 1, 1, 2, 1).unwrap();
        let blocks = convolve(&around(&x, 0, 1), &Kernel::doubling(4, 3, &weights), 1);
        assert!(apart(&put_in_place(&blocks, 2), &doubled) < 1e-12);
    }

    #[test]
    fn what_comes_before_is_taken_in() {
        let kernel = Kernel { outputs: 2, inputs: 3, side: 2, values: drawn(24) };
        let x = tensor(&drawn(3 * 16), [1, 3, 4, 4]);
        let [scale, shift] = [[0.5, -2.0, 3.0], [1.0, 0.25, -1.0]];
        let channel = |values: [f64; 3]| Tensor::from_slice(&values, (1, 3, 1, 1), &Device::Cpu).unwrap();
        let changed = x.broadcast_mul(&channel(scale)).and_then(|x| x.broadcast_add(&channel(shift))).unwrap();
        let mut taken = kernel.clone();
        let added = taken.take_in(&scale, &shift);
        let added = Tensor::from_vec(added, (1, 2, 1, 1), &Device::Cpu).unwrap();
        let found = convolve(&x, &taken, 1).broadcast_add(&added).unwrap();
        assert!(apart(&found, &convolve(&changed, &kernel, 1)) < 1e-12);
    }
}
