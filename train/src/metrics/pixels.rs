//! Pictures as the bytes that metrics compare.

use candle_core::{DType, Tensor};
use easel_runtime::Picture;

use crate::{Error, Result};

/// The bytes of a picture as `[channel, row, column]`.
pub fn planar(picture: &Picture) -> Vec<u8> {
    let channels = picture.channels;
    (0..channels).flat_map(|channel| picture.pixels[channel..].iter().step_by(channels).copied()).collect()
}

/// The values of pictures `[batch, channel, row, column]` in [0, 1] as bytes, rounded and clamped as in a picture file.
/// Fails on NaN and infinity.
pub fn bytes(pictures: &Tensor) -> Result<Vec<u8>> {
    rounded(&pictures.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?)
}

/// The same of values in memory.
pub fn rounded(values: &[f32]) -> Result<Vec<u8>> {
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::Run(format!("a generated picture contains {value}; evaluate an earlier checkpoint")));
    }
    Ok(values.iter().map(|value| (value * 255.0 + 0.5) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn values_are_rounded_and_clamped() {
        let tensor = |values: [f32; 4]| Tensor::new(&values, &Device::Cpu).unwrap();
        assert_eq!(bytes(&tensor([-0.5, 0.5, 1.0, 7.0])).unwrap(), [0, 128, 255, 255]);
        for value in [f32::NAN, f32::INFINITY] {
            let error = bytes(&tensor([0.0, value, 0.0, 0.0])).unwrap_err();
            assert!(matches!(&error, Error::Run(text) if text.contains(&value.to_string())), "{error:?}");
        }
    }

    #[test]
    fn planes_follow_each_other() {
        let picture = Picture { width: 2, height: 1, channels: 3, pixels: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(planar(&picture), [1, 4, 2, 5, 3, 6]);
    }
}
