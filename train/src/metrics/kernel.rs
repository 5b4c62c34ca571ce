//! The kernel distance between the features of two sets (Bińkowski et al. 2018, arXiv 1801.01401, section 4): the squared
//! maximum mean discrepancy with the kernel `(x.y / width + 1)^3`, unbiased, in float64.
//!
//! Unlike the [Fréchet distance](super::frechet) it does not depend on the sets' size, needs no full covariance, and comes
//! with a standard deviation: it is the mean over random subsets. Sets of one distribution are 0 apart on average, so
//! it may be slightly negative.

use easel_runtime::Random;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::features::Features;
use crate::Result;
use crate::run::streams;

/// The number of subsets.
const SUBSETS: usize = 20;

/// The most pictures in a subset.
const MOST: usize = 500;

/// The squared distance over random subsets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
}

/// The squared distance. The same features give the same numbers. Fails where the numbers of features differ.
pub fn distance(a: &Features, b: &Features) -> Result<Distance> {
    a.check_comparable(b)?;
    // Subsets of the full size would all be the same.
    let size = (a.count().min(b.count()) / 2).clamp(2, MOST);
    let subset = |number: u64| {
        let mut random = Random::new(number, streams::METRICS);
        discrepancy(&subset_rows(a, size, &mut random), &subset_rows(b, size, &mut random))
    };
    let found: Vec<f64> = (0..SUBSETS as u64).into_par_iter().map(subset).collect();
    let mean = found.iter().sum::<f64>() / SUBSETS as f64;
    let std = (found.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (SUBSETS - 1) as f64).sqrt();
    Ok(Distance { mean, std })
}

fn subset_rows(features: &Features, size: usize, random: &mut Random) -> DMatrix<f64> {
    let mut order: Vec<usize> = (0..features.count()).collect();
    random.shuffle(&mut order);
    let rows = order[..size].iter().flat_map(|&row| features.row(row).iter().map(|&value| f64::from(value)));
    DMatrix::from_row_iterator(size, features.width(), rows)
}

fn discrepancy(x: &DMatrix<f64>, y: &DMatrix<f64>) -> f64 {
    let kernel = |a: &DMatrix<f64>, b: &DMatrix<f64>| {
        (a * b.transpose()).map(|product| (product / a.ncols() as f64 + 1.0).powi(3))
    };
    let count = x.nrows() as f64;
    let within = |all: DMatrix<f64>| (all.sum() - all.trace()) / (count * (count - 1.0));
    within(kernel(x, x)) + within(kernel(y, y)) - 2.0 * kernel(x, y).sum() / (count * count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn known_by_hand() {
        // Two pairs of points on a line, x = 0, 1 and y = 2, 3: k(0, 1) = 1, k(2, 3) = 343, and between the pairs
        // 1, 1, 27, 64.
        let points = |values: [f64; 2]| DMatrix::from_row_slice(2, 1, &values);
        let found = discrepancy(&points([0.0, 1.0]), &points([2.0, 3.0]));
        assert!((found - (1.0 + 343.0 - 2.0 * (1.0 + 1.0 + 27.0 + 64.0) / 4.0)).abs() < 1e-9, "{found}");
    }

    #[test]
    fn the_same_distribution_is_near_and_another_is_far() {
        let sample = |seed, shift: f32| {
            let values = Random::new(seed, 0).normals(400 * 8).iter().map(|value| value + shift).collect();
            Features::new(values, 8).unwrap()
        };
        let near = distance(&sample(1, 0.0), &sample(2, 0.0)).unwrap();
        assert!(near.mean.abs() < 2.0 * near.std && near.std > 0.0, "{near:?}");
        let far = distance(&sample(1, 0.0), &sample(2, 1.0)).unwrap();
        assert!(far.mean > 5.0 * far.std && far.mean > 20.0 * near.mean.abs(), "{far:?}");
        assert_eq!(far, distance(&sample(1, 0.0), &sample(2, 1.0)).unwrap());
        let other = Features::new(vec![0.0; 8], 4).unwrap();
        assert!(matches!(distance(&sample(1, 0.0), &other), Err(Error::Data(_))));
    }
}
