//! The statistics of a stylizer's norms: taken from one run, given to others.
//!
//! `[2, channels]`: row 0 the means and row 1 the biased variances of all norms' channels, in the order of the norms.

use crate::picture::Picture;
use crate::{Error, Result, Tensor, resize};

/// The optional input that says whether [`STATISTICS`] are used, bool.
pub const USE_STATISTICS: &str = "use_statistics";
/// The optional input with the statistics, float32 `[2, channels]`.
pub const STATISTICS: &str = "statistics";
/// The inner values `statistics.mean.k` hold what norm k used as means, `[batch, channel, 1, 1]`. They are no outputs of
/// the file; [`crate::onnx::statistics_outputs`] makes them some.
pub const MEAN_PREFIX: &str = "statistics.mean.";
/// The same for the biased variances.
pub const VARIANCE_PREFIX: &str = "statistics.variance.";

/// The names of the inner values of norm 0, 1, ... in the statistics' order: all means, then all variances.
///
/// Empty where `present` does not know norm 0. Counting stops at the first norm that is missing.
pub fn names(present: impl Fn(&str) -> bool) -> Vec<String> {
    let both = |norm: usize| [format!("{MEAN_PREFIX}{norm}"), format!("{VARIANCE_PREFIX}{norm}")];
    let (means, variances): (Vec<_>, Vec<_>) =
        (0..).map(both).take_while(|names| names.iter().all(|name| present(name))).map(|[m, v]| (m, v)).unzip();
    [means, variances].concat()
}

/// Puts the inner values of a run on one picture together.
pub fn gather(outputs: &[(String, Tensor)]) -> Result<Tensor> {
    let find = |wanted: &str| outputs.iter().find(|(name, _)| name == wanted).map(|(_, tensor)| tensor);
    let names = names(|name| find(name).is_some());
    let mut values = Vec::new();
    for tensor in names.iter().filter_map(|name| find(name)) {
        if tensor.nchw()? != [1, tensor.shape()[1], 1, 1] {
            return Err(Error::Shape(format!("statistics of shape {:?}; they are of one picture", tensor.shape())));
        }
        values.extend_from_slice(tensor.as_f32()?);
    }
    if values.is_empty() {
        return Err(Error::Engine("the model does not tell its statistics".into()));
    }
    Tensor::new([2, values.len() / 2], values)
}

/// A thumbnail has at most one pixel for so many of the picture, and so adds at most a quarter to the work. Statistics of
/// the half size leave a result that is off by some 3 levels of 255 from that of the whole picture, without edges.
const PIXELS_FOR_ONE: usize = 4;

/// The smallest picture that statistics are taken from where there is memory for it.
const SMALLEST_THUMBNAIL: usize = 512 * 512;

/// How many pixels the thumbnail of a picture has at most, where `most` can be computed at once.
pub fn thumbnail_pixels(width: usize, height: usize, most: usize) -> usize {
    (width * height / PIXELS_FOR_ONE).max(SMALLEST_THUMBNAIL).min(most)
}

/// A picture of the same proportions with at most `most_pixels`, to take statistics from; the picture itself where it
/// is no larger.
pub fn thumbnail(picture: &Picture, most_pixels: usize) -> Picture {
    let pixels = picture.width * picture.height;
    if pixels <= most_pixels {
        return picture.clone();
    }
    let scale = libm::sqrt(most_pixels as f64 / pixels as f64);
    let side = |size: usize| ((size as f64 * scale) as usize).max(1);
    let (width, height) = (side(picture.width), side(picture.height));
    // A side that cannot become shorter than a pixel leaves the other to be cut.
    resize::shrink(picture, width.min(most_pixels / height).max(1), height.min(most_pixels / width).max(1))
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
