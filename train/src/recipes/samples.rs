//! Sample pictures.

use candle_core::Tensor;
use easel_runtime::Picture;
use easel_runtime::resize::enlarge;

use crate::{Error, Result};

/// Pictures are enlarged to at least this height and width.
const LEAST: usize = 64;

/// A batch `[batch, channel, height, width]` in [0, 1] as pictures.
pub fn pictures(batch: &Tensor) -> Result<Vec<Picture>> {
    let values = batch.flatten_all()?.to_vec1::<f32>()?;
    easel_runtime::Tensor::new(batch.dims(), values)
        .and_then(|batch| Picture::from_batch(&batch))
        .map_err(|error| Error::Run(format!("no samples: {error}")))
}

/// A picture as values `[channel, height, width]` in [0, 1].
pub fn values(picture: &Picture) -> Result<Vec<f32>> {
    picture.to_tensor().into_f32().map_err(|error| Error::Data(error.to_string()))
}

/// Square pictures enlarged by a whole factor, each pixel a block.
pub fn enlarged(pictures: Vec<Picture>) -> Vec<Picture> {
    pictures.into_iter().map(|picture| enlarge(&picture, LEAST.div_ceil(picture.width))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_are_enlarged() {
        let sizes = [4, 8, 48, 64, 128].map(|side| enlarged(vec![Picture::filled(side, side, 3, 7)])[0].width);
        assert_eq!(sizes, [64, 64, 96, 64, 128]);
    }
}
