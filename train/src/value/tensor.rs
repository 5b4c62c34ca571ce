//! [`Value`] by computing.

use candle_core::Tensor;

use super::{Conv2dConfig, ConvTranspose2dConfig, Value};
use crate::ops::channels::per_channel;
use crate::ops::norm::{Over, normalise};
use crate::ops::pad2d::{PadMode, Padding, pad2d};
use crate::ops::{activation, conv2d};
use crate::{Param, Result};

impl Value for Tensor {
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self> {
        let product = self.matmul(&weight.tensor().t()?)?;
        match bias {
            Some(bias) => Ok(product.broadcast_add(&bias.tensor())?),
            None => Ok(product),
        }
    }

    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        conv2d::conv2d(self, &weight.tensor(), bias.map(Param::tensor).as_ref(), config)
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        conv2d::conv_transpose2d(self, &weight.tensor(), bias.map(Param::tensor).as_ref(), config)
    }

    fn instance_norm2d(&self, weight: &Param, bias: &Param, epsilon: f64) -> Result<Self> {
        Ok(normalise(self, &weight.tensor(), &bias.tensor(), epsilon, Over::Picture)?.0)
    }

    fn relu(&self) -> Result<Self> {
        activation::relu(self)
    }

    fn sigmoid(&self) -> Result<Self> {
        activation::sigmoid(self)
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        Ok(Tensor::clamp(self, low, high)?)
    }

    fn add(&self, other: &Self) -> Result<Self> {
        Ok(Tensor::add(self, other)?)
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        let constant = |values| per_channel(&Tensor::new(values, self.device())?.to_dtype(self.dtype())?);
        Ok(self.broadcast_mul(&constant(scale)?)?.broadcast_add(&constant(shift)?)?)
    }

    fn reflection_pad2d(&self, padding: usize) -> Result<Self> {
        pad2d(self, Padding::all(padding), PadMode::Reflect)
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let (_, _, height, width) = self.dims4()?;
        let missing = |size: usize| size.next_multiple_of(multiple).max(at_least) - size;
        let padding = Padding { rows: [0, missing(height)], columns: [0, missing(width)] };
        pad2d(self, padding, PadMode::Replicate)
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let (_, _, height, width) = other.dims4()?;
        Ok(self.narrow(2, 0, height)?.narrow(3, 0, width)?)
    }

    fn unflatten(&self, [channels, height, width]: [usize; 3]) -> Result<Self> {
        Ok(self.reshape(((), channels, height, width))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn picture(rows: &[&[f32]]) -> Tensor {
        let flat: Vec<f32> = rows.concat();
        Tensor::from_vec(flat, (1, 1, rows.len(), rows[0].len()), &Device::Cpu).unwrap()
    }

    fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
        tensor.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn pads_to_multiples_and_crops_back() {
        let small = picture(&[&[1., 2., 3., 4., 5.]]);
        let padded = small.pad_to_multiple(4, 8).unwrap();
        assert_eq!(rows(&padded), vec![vec![1., 2., 3., 4., 5., 5., 5., 5.]; 8]);
        assert_eq!(rows(&padded.crop_like(&small).unwrap()), rows(&small));
        let exact = Tensor::zeros((1, 1, 12, 8), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert_eq!(exact.pad_to_multiple(4, 8).unwrap().dims(), [1, 1, 12, 8]);
    }

    #[test]
    fn channels_are_scaled_apart() {
        let grey = Tensor::ones((1, 2, 1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let result = grey.channel_affine(&[2.0, 3.0], &[0.5, -1.0]).unwrap();
        assert_eq!(result.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.5, 2.0]);
    }
}
