//! [`Value`] by computing.

use candle_core::Tensor;

use super::{Affine, Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig, Value};
use crate::ops::channels::per_channel;
use crate::ops::norm::{Over, normalise, normalise_activated};
use crate::ops::{activation, conv2d, pad2d, pool2d, resample};
use crate::{Param, Result};

/// The weight and bias of a normalisation of x: the given ones, or ones and zeros.
pub(crate) fn weight_and_bias(x: &Tensor, channels: usize, affine: Option<Affine>) -> Result<(Tensor, Tensor)> {
    match affine {
        Some(Affine { weight, bias }) => Ok((weight.tensor(), bias.tensor())),
        None => {
            let (dtype, device) = (x.dtype(), x.device());
            Ok((Tensor::ones(channels, dtype, device)?, Tensor::zeros(channels, dtype, device)?))
        }
    }
}

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

    fn conv2d_activated(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig, slope: f64) -> Result<Self> {
        conv2d::conv2d_activated(self, &weight.tensor(), bias.map(Param::tensor).as_ref(), config, Some(slope))
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        conv2d::conv_transpose2d(self, &weight.tensor(), bias.map(Param::tensor).as_ref(), config)
    }

    fn instance_norm2d(&self, channels: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let (weight, bias) = weight_and_bias(self, channels, affine)?;
        Ok(normalise(self, &weight, &bias, epsilon, Over::Picture)?.0)
    }

    fn instance_norm2d_relu(&self, channels: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let (weight, bias) = weight_and_bias(self, channels, affine)?;
        Ok(normalise_activated(self, &weight, &bias, epsilon, Over::Picture, Some(0.0))?.0)
    }

    fn batch_norm2d(&self, mean: &Param, variance: &Param, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let deviation = (variance.tensor() + epsilon)?.sqrt()?;
        let (scale, shift) = match affine {
            Some(Affine { weight, bias }) => {
                let scale = (weight.tensor() / deviation)?;
                let shift = (bias.tensor() - (mean.tensor() * &scale)?)?;
                (scale, shift)
            }
            None => (deviation.recip()?, (mean.tensor() / deviation)?.neg()?),
        };
        Ok(self.broadcast_mul(&per_channel(&scale)?)?.broadcast_add(&per_channel(&shift)?)?)
    }

    fn pixel_norm(&self, epsilon: f64) -> Result<Self> {
        Ok(self.broadcast_div(&(self.sqr()?.mean_keepdim(1)? + epsilon)?.sqrt()?)?)
    }

    fn relu(&self) -> Result<Self> {
        activation::relu(self)
    }

    fn leaky_relu(&self, slope: f64) -> Result<Self> {
        activation::leaky_relu(self, slope)
    }

    fn sigmoid(&self) -> Result<Self> {
        activation::sigmoid(self)
    }

    fn tanh(&self) -> Result<Self> {
        activation::tanh(self)
    }

    fn silu(&self) -> Result<Self> {
        activation::silu(self)
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        Ok(Tensor::clamp(self, low, high)?)
    }

    fn add(&self, other: &Self) -> Result<Self> {
        Ok(self.broadcast_add(other)?)
    }

    fn sub(&self, other: &Self) -> Result<Self> {
        Ok(self.broadcast_sub(other)?)
    }

    fn mul(&self, other: &Self) -> Result<Self> {
        Ok(self.broadcast_mul(other)?)
    }

    fn scale(&self, by: f64) -> Result<Self> {
        Ok((self * by)?)
    }

    fn shift(&self, by: f64) -> Result<Self> {
        Ok((self + by)?)
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        let constant = |values| per_channel(&Tensor::new(values, self.device())?.to_dtype(self.dtype())?);
        Ok(self.broadcast_mul(&constant(scale)?)?.broadcast_add(&constant(shift)?)?)
    }

    fn max_pool2d(&self, config: Pool2dConfig) -> Result<Self> {
        pool2d::max_pool2d(self, config)
    }

    fn avg_pool2d(&self, config: Pool2dConfig) -> Result<Self> {
        pool2d::avg_pool2d(self, config)
    }

    fn upsample2x(&self) -> Result<Self> {
        resample::upsample2x(self)
    }

    fn pad2d(&self, padding: Padding, mode: Option<PadMode>) -> Result<Self> {
        let Padding { rows: [above, below], columns: [left, right] } = padding;
        match mode {
            Some(mode) => pad2d::pad2d(self, padding, mode),
            None => Ok(self.pad_with_zeros(2, above, below)?.pad_with_zeros(3, left, right)?),
        }
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let (_, _, height, width) = self.dims4()?;
        let missing = |size: usize| size.next_multiple_of(multiple).max(at_least) - size;
        let padding = Padding { rows: [0, missing(height)], columns: [0, missing(width)] };
        pad2d::pad2d(self, padding, PadMode::Replicate)
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let (_, _, height, width) = other.dims4()?;
        Ok(self.narrow(2, 0, height)?.narrow(3, 0, width)?)
    }

    fn expand_like(&self, other: &Self) -> Result<Self> {
        let (batch, channels) = self.dims2()?;
        let (_, _, height, width) = other.dims4()?;
        Ok(self.reshape((batch, channels, 1, 1))?.broadcast_as((batch, channels, height, width))?)
    }

    fn stretch_like(&self, other: &Self) -> Result<Self> {
        let (_, _, height, width) = other.dims4()?;
        let along = |axis: usize, length: usize| {
            let places: Vec<u32> = (0..length).map(|at| u32::from(at > 0) + u32::from(at + 1 == length)).collect();
            (axis, Tensor::new(places, self.device()))
        };
        let [(rows, by_row), (columns, by_column)] = [along(2, height), along(3, width)];
        Ok(self.index_select(&by_row?, rows)?.index_select(&by_column?, columns)?)
    }

    fn pixel_shuffle2x(&self) -> Result<Self> {
        let (batch, channels, height, width) = self.dims4()?;
        let windows = self.reshape((batch, channels / 4, 2, 2, height, width))?.permute((0, 1, 4, 2, 5, 3))?;
        Ok(windows.reshape((batch, channels / 4, 2 * height, 2 * width))?)
    }

    fn concat(&self, other: &Self) -> Result<Self> {
        Ok(Tensor::cat(&[self, other], 1)?)
    }

    fn lookup(&self, table: &Param) -> Result<Self> {
        let rows = table.tensor().index_select(&self.flatten_all()?, 0)?;
        Ok(rows.reshape([self.dims(), &table.dims()[1..]].concat())?)
    }

    fn param(&self, param: &Param) -> Result<Self> {
        Ok(param.tensor())
    }

    fn flatten(&self) -> Result<Self> {
        Ok(self.flatten_from(1)?)
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
    fn maps_stretch_between_their_borders() {
        let map = picture(&[&[1., 2., 3.], &[4., 5., 6.], &[7., 8., 9.]]);
        let stretched = map.stretch_like(&picture(&[&[0.; 5][..]; 4])).unwrap();
        let row = |first: f32| vec![first, first + 1.0, first + 1.0, first + 1.0, first + 2.0];
        assert_eq!(rows(&stretched), [row(1.0), row(4.0), row(4.0), row(7.0)]);
    }

    #[test]
    fn channels_become_windows() {
        let channels = Tensor::arange(0f32, 8.0, &Device::Cpu).unwrap().reshape((1, 4, 1, 2)).unwrap();
        assert_eq!(rows(&channels.pixel_shuffle2x().unwrap()), [[0., 2., 1., 3.], [4., 6., 5., 7.]]);
    }

    #[test]
    fn channels_are_scaled_apart() {
        let grey = Tensor::ones((1, 2, 1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let result = grey.channel_affine(&[2.0, 3.0], &[0.5, -1.0]).unwrap();
        assert_eq!(result.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.5, 2.0]);
    }
}
