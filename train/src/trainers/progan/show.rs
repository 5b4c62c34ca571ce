//! Small pictures for people.

use candle_core::Tensor;
use easel_runtime::Picture;

use crate::{Error, Result};

/// A picture is enlarged until it is at least so high and wide.
const LEAST: usize = 64;

/// A batch in [0, 1] as pictures.
pub fn pictures(batch: &Tensor) -> Result<Vec<Picture>> {
    let values = batch.flatten_all()?.to_vec1::<f32>()?;
    easel_runtime::Tensor::new(batch.dims(), values)
        .and_then(|batch| Picture::from_batch(&batch))
        .map_err(|error| Error::Run(format!("no samples: {error}")))
}

/// Square pictures enlarged by a whole factor, each pixel a block.
pub fn enlarged(pictures: Vec<Picture>) -> Vec<Picture> {
    pictures.into_iter().map(|picture| blocks(&picture, LEAST.div_ceil(picture.width))).collect()
}

fn blocks(picture: &Picture, factor: usize) -> Picture {
    let Picture { width, height, channels, .. } = *picture;
    let (wide, high) = (width * factor, height * factor);
    let mut pixels = Vec::with_capacity(wide * high * channels);
    for y in 0..high {
        for x in 0..wide {
            let from = (y / factor * width + x / factor) * channels;
            pixels.extend_from_slice(&picture.pixels[from..from + channels]);
        }
    }
    Picture { width: wide, height: high, channels, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_blocks() {
        let picture = Picture { width: 2, height: 2, channels: 1, pixels: vec![1, 2, 3, 4] };
        assert_eq!(blocks(&picture, 2).pixels, [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
        let sizes = [4, 8, 48, 64, 128].map(|side| enlarged(vec![Picture::filled(side, side, 3, 7)])[0].width);
        assert_eq!(sizes, [64, 64, 96, 64, 128]);
    }
}
