//! The difference between pictures in decibels.

use easel_runtime::Tensor;

use crate::error::Result;

/// The largest PSNR, that of equal pictures, for which the formula has no finite value.
const MAX: f64 = 100.0;

/// The peak signal-to-noise ratio in decibels of a mean squared difference between pictures in `[0, 1]`: `-10 log10`, at
/// most 100.
///
/// ```
/// assert_eq!(easel_export::quantise::psnr(0.001), 30.0);
/// ```
pub fn psnr(mean_squared_error: f64) -> f64 {
    (-10.0 * mean_squared_error.log10()).min(MAX)
}

/// The difference between two sets of pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureDifference {
    /// The PSNR over all pictures, in decibels.
    pub psnr: f64,
    /// The lowest PSNR of a picture.
    pub worst_psnr: f64,
    /// The largest absolute difference of an element.
    pub max: f64,
}

impl PictureDifference {
    /// Compares pairs of pictures, each pair of one shape; at least one.
    pub fn between<'a>(pairs: impl IntoIterator<Item = (&'a Tensor, &'a Tensor)>) -> Result<Self> {
        let (mut squares, mut count, mut worst_psnr, mut max) = (0.0, 0, f64::INFINITY, 0f64);
        for (one, other) in pairs {
            let (one, other) = (one.as_f32()?, other.as_f32()?);
            let differences = one.iter().zip(other).map(|(a, b)| f64::from(a - b));
            let sum: f64 = differences.clone().map(|difference| difference * difference).sum();
            max = differences.map(f64::abs).fold(max, f64::max);
            worst_psnr = worst_psnr.min(psnr(sum / one.len() as f64));
            squares += sum;
            count += one.len();
        }
        Ok(Self { psnr: psnr(squares / count as f64), worst_psnr, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_differences() {
        let picture = |value: f32, count: usize| Tensor::new([1, 1, 1, count], vec![value; count]).unwrap();
        let (black, grey, dark) = (picture(0.0, 4), picture(0.1, 4), picture(0.01, 4));
        let found = PictureDifference::between([(&black, &grey)]).unwrap();
        assert!((found.psnr - 20.0).abs() < 1e-5 && (found.max - 0.1).abs() < 1e-8, "{found:?}");
        let found = PictureDifference::between([(&black, &dark), (&black, &grey), (&grey, &grey)]).unwrap();
        assert!((found.worst_psnr - 20.0).abs() < 1e-5 && (found.psnr - 24.73).abs() < 0.01, "{found:?}");
        assert_eq!(PictureDifference::between([(&grey, &grey)]).unwrap().psnr, 100.0);
    }
}
