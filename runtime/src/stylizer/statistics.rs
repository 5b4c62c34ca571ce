//! The statistics of a stylizer's instance norms: computed in one run, passed to others.
//!
//! They are `[2, channels]`: row 0 has the means and row 1 the biased variances of all norms' channels, in the order of
//! the norms.

use crate::picture::Picture;
use crate::{Error, Result, Tensor, resize};

/// The optional input that enables [`STATISTICS`], a bool.
pub const USE_STATISTICS: &str = "use_statistics";
/// The optional input with the statistics, float32 `[2, channels]`.
pub const STATISTICS: &str = "statistics";
/// The intermediate values `statistics.mean.k` are the means that norm k uses, `[batch, channel, 1, 1]`.
/// [`crate::onnx::statistics_outputs`] makes them outputs.
pub const MEAN_PREFIX: &str = "statistics.mean.";
/// The same for the biased variances.
pub const VARIANCE_PREFIX: &str = "statistics.variance.";

/// The names of the intermediate values in the order of the statistics: the means of norm 0, 1, ..., then the variances.
///
/// Ends at the first norm whose names are not `present`.
pub fn names(present: impl Fn(&str) -> bool) -> Vec<String> {
    let both = |norm: usize| [format!("{MEAN_PREFIX}{norm}"), format!("{VARIANCE_PREFIX}{norm}")];
    let (means, variances): (Vec<_>, Vec<_>) =
        (0..).map(both).take_while(|names| names.iter().all(|name| present(name))).map(|[m, v]| (m, v)).unzip();
    [means, variances].concat()
}

/// Gathers the statistics `[2, channels]` from the outputs of a run on one picture. Fails if there are none.
pub fn gather(outputs: &[(String, Tensor)]) -> Result<Tensor> {
    let find = |wanted: &str| outputs.iter().find(|(name, _)| name == wanted).map(|(_, tensor)| tensor);
    let names = names(|name| find(name).is_some());
    let mut values = Vec::new();
    for tensor in names.iter().filter_map(|name| find(name)) {
        if tensor.nchw()? != [1, tensor.shape()[1], 1, 1] {
            return Err(Error::Shape(format!("statistics of shape {:?}, not those of one picture", tensor.shape())));
        }
        values.extend_from_slice(tensor.as_f32()?);
    }
    if values.is_empty() {
        return Err(Error::Engine("the model does not output its statistics".into()));
    }
    Tensor::new([2, values.len() / 2], values)
}

/// The picture has at least this many pixels for one of the thumbnail, so the thumbnail adds at most a quarter to the
/// work. With statistics at half the size, the result differs by about 3 of 255 levels from that of the whole picture,
/// without seams.
const PIXELS_PER_THUMBNAIL_PIXEL: usize = 4;

/// Thumbnails are at least this large, memory permitting.
const SMALLEST_THUMBNAIL: usize = 512 * 512;

/// The largest number of pixels for the thumbnail of a picture, if `max_pixels` can be computed at once.
pub fn thumbnail_pixels(width: usize, height: usize, max_pixels: usize) -> usize {
    (width * height / PIXELS_PER_THUMBNAIL_PIXEL).max(SMALLEST_THUMBNAIL).min(max_pixels)
}

/// The picture, shrunk to at most `max_pixels` if it is larger, to compute statistics on.
pub fn thumbnail(picture: &Picture, max_pixels: usize) -> Picture {
    let pixels = picture.width * picture.height;
    if pixels <= max_pixels {
        return picture.clone();
    }
    let scale = libm::sqrt(max_pixels as f64 / pixels as f64);
    let side = |size: usize| ((size as f64 * scale) as usize).max(1);
    let (width, height) = (side(picture.width), side(picture.height));
    // If one side is at its minimum of a pixel, the other must be shorter.
    resize::shrink(picture, width.min(max_pixels / height).max(1), height.min(max_pixels / width).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, values: &[f32]) -> (String, Tensor) {
        (name.into(), Tensor::new([1, values.len(), 1, 1], values.to_vec()).unwrap())
    }

    #[test]
    fn means_come_before_variances() {
        let outputs = [
            column("statistics.variance.1", &[7.0]),
            column("statistics.mean.0", &[1.0, 2.0]),
            column("statistics.mean.1", &[3.0]),
            column("statistics.variance.0", &[5.0, 6.0]),
            column("statistics.mean.3", &[9.0]),
        ];
        let statistics = gather(&outputs).unwrap();
        assert_eq!(statistics.shape(), [2, 3]);
        assert_eq!(statistics.as_f32().unwrap(), [1.0, 2.0, 3.0, 5.0, 6.0, 7.0]);
        assert!(gather(&outputs[..1]).is_err());
    }

    #[test]
    fn thumbnails_keep_proportions_and_the_limit() {
        for (width, height) in [(4000, 3000), (16384, 1), (1, 9000), (500, 16000)] {
            let small = thumbnail(&Picture::filled(width, height, 3, 9), 4_000);
            assert!(small.width * small.height <= 4_000 && small.pixels.iter().all(|&pixel| pixel == 9));
            if width == 4000 {
                assert_eq!((small.width, small.height), (73, 54));
            }
        }
        let small = Picture::filled(30, 20, 3, 1);
        assert_eq!(thumbnail(&small, 600), small);
    }
}
