//! The distance of pictures in decibels.

use easel_runtime::Tensor;

use crate::Result;

/// More is not told: pictures that are the same would be infinitely near.
const MOST: f64 = 100.0;

/// The peak signal-to-noise ratio of pictures in `[0, 1]`: `-10 log10` of a mean square difference.
pub fn psnr(mean_square: f64) -> f64 {
    (-10.0 * mean_square.log10()).min(MOST)
}

/// How far one set of pictures is from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// [`psnr`] of the mean square over all pictures.
    pub psnr: f64,
    /// That of the picture that is farthest.
    pub worst: f64,
    /// The largest difference of any element.
    pub largest: f64,
}

impl Distance {
    /// Of pairs of pictures, each pair of one shape; at least one.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a Tensor, &'a Tensor)>) -> Result<Self> {
        let (mut squares, mut count, mut worst, mut largest) = (0.0, 0, f64::INFINITY, 0f64);
        for (one, other) in pairs {
            let (one, other) = (one.as_f32()?, other.as_f32()?);
            let differences = one.iter().zip(other).map(|(a, b)| f64::from(a - b));
            let sum: f64 = differences.clone().map(|difference| difference * difference).sum();
            largest = differences.map(f64::abs).fold(largest, f64::max);
            worst = worst.min(psnr(sum / one.len() as f64));
            squares += sum;
            count += one.len();
        }
        Ok(Self { psnr: psnr(squares / count as f64), worst, largest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances() {
        let picture = |value: f32, count: usize| Tensor::new([1, 1, 1, count], vec![value; count]).unwrap();
        let (black, grey, dark) = (picture(0.0, 4), picture(0.1, 4), picture(0.01, 4));
        let found = Distance::of([(&black, &grey)]).unwrap();
        assert!((found.psnr - 20.0).abs() < 1e-5 && (found.largest - 0.1).abs() < 1e-8, "{found:?}");
        let found = Distance::of([(&black, &dark), (&black, &grey), (&grey, &grey)]).unwrap();
        assert!((found.worst - 20.0).abs() < 1e-5 && (found.psnr - 24.73).abs() < 0.01, "{found:?}");
        assert_eq!(Distance::of([(&grey, &grey)]).unwrap().psnr, 100.0);
    }
}
