//! Pictures as a classifier takes them.

use candle_core::{Device, Tensor};

use crate::Result;
use crate::data::{PictureFormat, Pictures};
use crate::networks::lenet::{self, Lenet};

/// Pictures in a batch.
const BATCH: usize = 250;

/// The format of a classifier's input.
pub fn format(classifier: &Lenet) -> PictureFormat {
    PictureFormat { channels: classifier.sizes().channels, height: lenet::SIDE, width: lenet::SIDE }
}

/// All pictures in their order as batches for a classifier on the device: images `[batch, channels, 32, 32]` in [0, 1],
/// and labels.
pub fn batches<'a>(
    pictures: &'a Pictures,
    classifier: &Lenet,
    device: &'a Device,
) -> impl Iterator<Item = Result<(Tensor, &'a [u32])>> + use<'a> {
    let format = format(classifier);
    (0..pictures.len()).step_by(BATCH).map(move |first| {
        let labels = &pictures.labels[first..pictures.len().min(first + BATCH)];
        let indices: Vec<u32> = (first as u32..).take(labels.len()).collect();
        let shape = (labels.len(), format.channels, format.height, format.width);
        Ok((Tensor::from_vec(pictures.batch_as(&indices, format), shape, device)?, labels))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::data::synthetic::digits;
    use crate::networks::lenet::Sizes;
    use candle_core::DType;
    use easel_runtime::Random;

    #[test]
    fn every_picture_is_in_one_batch() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let classifier = Lenet::new(params.root(), Sizes::default()).unwrap();
        let pictures = digits(BATCH + 3, 1, format(&classifier));
        let batches: Vec<_> = batches(&pictures, &classifier, &Device::Cpu).map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|(images, _)| images.dims()[0]).collect::<Vec<_>>(), [BATCH, 3]);
        assert_eq!(batches.iter().flat_map(|(_, labels)| labels.to_vec()).collect::<Vec<_>>(), pictures.labels);
        let last = batches[1].0.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(last, pictures.batch(&[BATCH as u32, BATCH as u32 + 1, BATCH as u32 + 2]));
    }
}
