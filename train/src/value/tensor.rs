//! [`Value`] by computing.

use candle_core::Tensor;

use super::{Conv2dConfig, ConvTranspose2dConfig, Value};
use crate::{Error, Param, Result};

impl Value for Tensor {
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self> {
        let product = self.matmul(&weight.tensor().t()?)?;
        match bias {
            Some(bias) => Ok(product.broadcast_add(&bias.tensor())?),
            None => Ok(product),
        }
    }

    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        let Conv2dConfig { stride, padding, dilation, groups } = config;
        add_channel_bias(Tensor::conv2d(self, &weight.tensor(), padding, stride, dilation, groups)?, bias)
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        let ConvTranspose2dConfig { stride, padding, output_padding } = config;
        let result = Tensor::conv_transpose2d(self, &weight.tensor(), padding, output_padding, stride, 1)?;
        add_channel_bias(result, bias)
    }

    fn instance_norm2d(&self, weight: &Param, bias: &Param, epsilon: f64) -> Result<Self> {
        let centred = self.broadcast_sub(&self.mean_keepdim((2, 3))?)?;
        let variance = centred.sqr()?.mean_keepdim((2, 3))?;
        let normal = centred.broadcast_div(&(variance + epsilon)?.sqrt()?)?;
        Ok(normal.broadcast_mul(&per_channel(&weight.tensor())?)?.broadcast_add(&per_channel(&bias.tensor())?)?)
    }

    fn relu(&self) -> Result<Self> {
        Ok(Tensor::relu(self)?)
    }

    fn sigmoid(&self) -> Result<Self> {
        // exp overflows to infinity at most, and 1 / infinity is the right 0.
        Ok((self.neg()?.exp()? + 1.0)?.recip()?)
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
        let (_, _, height, width) = self.dims4()?;
        if padding >= height.min(width) {
            return Err(Error::Config(format!("a picture of {width}x{height} cannot be mirrored {padding} outwards")));
        }
        let mirror = |size: usize| {
            let indices: Vec<u32> = (0..size + 2 * padding)
                .map(|at| {
                    let inside = at.abs_diff(padding);
                    (if inside < size { inside } else { 2 * (size - 1) - inside }) as u32
                })
                .collect();
            Tensor::new(indices, self.device())
        };
        Ok(self.index_select(&mirror(height)?, 2)?.index_select(&mirror(width)?, 3)?)
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let (_, _, height, width) = self.dims4()?;
        let missing = |size: usize| size.next_multiple_of(multiple).max(at_least) - size;
        Ok(self.pad_with_same(2, 0, missing(height))?.pad_with_same(3, 0, missing(width))?)
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let (_, _, height, width) = other.dims4()?;
        Ok(self.narrow(2, 0, height)?.narrow(3, 0, width)?)
    }

    fn unflatten(&self, [channels, height, width]: [usize; 3]) -> Result<Self> {
        Ok(self.reshape(((), channels, height, width))?)
    }
}

fn per_channel(values: &Tensor) -> Result<Tensor> {
    Ok(values.reshape((1, (), 1, 1))?)
}

fn add_channel_bias(result: Tensor, bias: Option<&Param>) -> Result<Tensor> {
    match bias {
        Some(bias) => Ok(result.broadcast_add(&per_channel(&bias.tensor())?)?),
        None => Ok(result),
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
    fn reflection_does_not_repeat_the_border() {
        let padded = picture(&[&[1., 2., 3.], &[4., 5., 6.], &[7., 8., 9.]]).reflection_pad2d(2).unwrap();
        assert_eq!(rows(&padded)[0], [9., 8., 7., 8., 9., 8., 7.]);
        assert_eq!(rows(&padded)[3], [6., 5., 4., 5., 6., 5., 4.]);
        assert!(picture(&[&[1., 2.], &[3., 4.]]).reflection_pad2d(2).is_err());
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
    fn sigmoid_does_not_overflow() {
        let ends = Tensor::new(&[-1e4f32, 0.0, 1e4], &Device::Cpu).unwrap();
        assert_eq!(Value::sigmoid(&ends).unwrap().to_vec1::<f32>().unwrap(), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn channels_are_scaled_apart() {
        let grey = Tensor::ones((1, 2, 1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let result = grey.channel_affine(&[2.0, 3.0], &[0.5, -1.0]).unwrap();
        assert_eq!(result.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.5, 2.0]);
    }
}
