//! Collating items into a batch.

use candle_core::{Device, Tensor};
use easel_runtime::Picture;

use super::staging::Staging;
use super::table::Row;
use super::transform::Normalise;
use super::{PictureFormat, Sample};
use crate::{Error, Result};

/// Pictures and their classes on a device.
#[derive(Debug, Clone)]
pub struct PictureBatch {
    /// `[batch, channel, height, width]`, float32 in `[0, 1]`, or normalised.
    pub images: Tensor,
    /// `[batch]`, u32.
    pub labels: Tensor,
}

/// Stacks samples of one size on a device, scaled to `[0, 1]` and then, optionally, normalised.
///
/// It fails where pictures differ in size or channels. See [`staging`](super::staging) for the copy to a GPU.
pub fn stack(device: &Device, normalise: Option<Normalise>) -> impl Fn(Vec<Sample>) -> Result<PictureBatch> + use<> {
    let (device, staging) = (device.clone(), Staging::default());
    move |samples| {
        let format = one_format(&samples)?;
        let plane = format.height * format.width;
        let mut values = Vec::with_capacity(samples.len() * format.len());
        for Sample { picture, .. } in &samples {
            for channel in 0..format.channels {
                let bytes = picture.pixels[channel..].iter().step_by(format.channels);
                values.extend(bytes.map(|&byte| f32::from(byte) * (1.0 / 255.0)));
            }
        }
        if let Some(normalise) = &normalise {
            if normalise.channels() != format.channels {
                return Err(Error::Config(format!(
                    "pictures of {} channels cannot be normalised by the means of {}",
                    format.channels,
                    normalise.channels()
                )));
            }
            normalise.apply(&mut values, plane);
        }
        let shape = (samples.len(), format.channels, format.height, format.width);
        let labels: Vec<u32> = samples.iter().map(|sample| sample.label).collect();
        Ok(PictureBatch {
            images: staging.to_device(values, shape, &device)?,
            labels: Tensor::from_vec(labels, samples.len(), &device)?,
        })
    }
}

/// Rows of a table on a device.
#[derive(Debug, Clone)]
pub struct RowBatch {
    /// `[batch, column]`, float32 in the table's own units.
    pub features: Tensor,
    /// `[batch]`, float32: the numbers, or the labels of the classes.
    pub targets: Tensor,
}

/// Stacks rows of one table on a device.
pub fn stack_rows(device: &Device) -> impl Fn(Vec<Row>) -> Result<RowBatch> + use<> {
    let device = device.clone();
    move |rows| {
        let (count, targets) = (rows.len(), rows.iter().map(|row| row.target).collect());
        let features: Vec<f32> = rows.into_iter().flat_map(|row| row.features).collect();
        let shape = (count, features.len() / count.max(1));
        Ok(RowBatch {
            features: Tensor::from_vec(features, shape, &device)?,
            targets: Tensor::from_vec::<_, f32>(targets, count, &device)?,
        })
    }
}

/// The common format of samples; fails where they differ, and where there are none.
pub(crate) fn one_format(samples: &[Sample]) -> Result<PictureFormat> {
    let format =
        |picture: &Picture| PictureFormat { channels: picture.channels, height: picture.height, width: picture.width };
    let first = format(&samples.first().ok_or_else(|| Error::Data("a batch without pictures".into()))?.picture);
    match samples.iter().map(|sample| format(&sample.picture)).find(|other| *other != first) {
        None => Ok(first),
        Some(other) => {
            let text = |f: PictureFormat| format!("{}x{}x{}", f.channels, f.height, f.width);
            Err(Error::Data(format!(
                "pictures of {} and {} do not fit into one batch; resize and crop them to one size",
                text(first),
                text(other)
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(width: usize, first: u8) -> Sample {
        let pixels = (0..width as u8 * 3).map(|byte| byte + first).collect();
        Sample { picture: Picture { width, height: 1, channels: 3, pixels }, label: u32::from(first) }
    }

    #[test]
    fn planes_of_a_batch() {
        let batch = stack(&Device::Cpu, None)(vec![sample(2, 0), sample(2, 100)]).unwrap();
        assert_eq!(batch.images.dims(), [2, 3, 1, 2]);
        let values = (batch.images * 255.0).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let bytes: Vec<u8> = values.iter().map(|value| value.round() as u8).collect();
        assert_eq!(bytes, [0, 3, 1, 4, 2, 5, 100, 103, 101, 104, 102, 105]);
        assert_eq!(batch.labels.to_vec1::<u32>().unwrap(), [0, 100]);
    }

    #[test]
    fn normalised() {
        let batch = stack(&Device::Cpu, Some(Normalise::symmetric(3)))(vec![sample(1, 0)]).unwrap();
        assert_eq!(batch.images.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0], -1.0);
        let error = stack(&Device::Cpu, Some(Normalise::symmetric(1)))(vec![sample(1, 0)]).unwrap_err();
        assert!(error.to_string().contains("3 channels"), "{error}");
    }

    #[test]
    fn sizes_must_agree() {
        let error = stack(&Device::Cpu, None)(vec![sample(2, 0), sample(3, 0)]).unwrap_err().to_string();
        assert!(error.contains("3x1x2 and 3x1x3"), "{error}");
        assert!(stack(&Device::Cpu, None)(vec![]).is_err());
    }
}
