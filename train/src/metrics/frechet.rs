//! The Fréchet distance between the features of two sets (Heusel et al. 2017, arXiv 1706.08500, equation 6), in float64.
//!
//! It is the distance between normal distributions with the sets' means m and covariances C:
//! `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`. It grows as the sets shrink, so only values from sets of the same size
//! and by the same classifier can be compared.
//!
//! For a set of n pictures let A be its centred features, `A = Q R` and `F = R / sqrt(n - 1)`, so `C = F^T F`. The trace of
//! the root is the sum of the singular values of `F1 F2^T`, since `C1 C2` and `(F1 F2^T) (F1 F2^T)^T` have the same
//! eigenvalues other than 0. So no matrix root is computed, and a covariance without full rank, of fewer pictures than
//! features, is no problem.

use nalgebra::{DMatrix, RowDVector};

use super::features::Features;
use crate::Result;

/// The squared distance. Fails where the numbers of features differ.
pub fn distance(a: &Features, b: &Features) -> Result<f64> {
    a.check_comparable(b)?;
    let (a, b) = (Normal::of(a), Normal::of(b));
    let root = (&a.factor * b.factor.transpose()).singular_values().sum();
    Ok(((a.mean - b.mean).norm_squared() + a.factor.norm_squared() + b.factor.norm_squared() - 2.0 * root).max(0.0))
}

/// A normal distribution of covariance `factor^T factor`.
struct Normal {
    mean: RowDVector<f64>,
    factor: DMatrix<f64>,
}

impl Normal {
    fn of(features: &Features) -> Self {
        let values = features.values().iter().map(|&value| f64::from(value));
        let mut rows = DMatrix::from_row_iterator(features.count(), features.width(), values);
        let mean = rows.row_mean();
        rows.row_iter_mut().for_each(|mut row| row -= &mean);
        let factor = rows.qr().r() / ((features.count() - 1) as f64).sqrt();
        Self { mean, factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use easel_runtime::Random;

    fn features(values: Vec<f32>, width: usize) -> Features {
        Features::new(values, width).unwrap()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found} {expected}");
    }

    #[test]
    fn agrees_with_numpy() {
        // m and C = np.cov(x.T); the root's trace is np.sqrt(np.linalg.eigvals(C1 @ C2)).real.sum().
        let at = |i: usize, a: usize, b: usize, m: usize| ((i * a + b) % m) as f32;
        let first: Vec<f32> = (0..20).map(|i| at(i * i, 7, 3, 11)).collect();
        let second: Vec<f32> = (0..28).map(|i| at(i * i * i, 5, 1, 13) - 4.0).collect();
        close(distance(&features(first, 4), &features(second, 4)).unwrap(), 115.18074679936713);
    }

    #[test]
    fn closed_forms() {
        let values = Random::new(1, 0).normals(300);
        let moved = |scale: f32, by: f32| features(values.iter().map(|x| scale * x + by).collect(), 6);
        let d = |a: &Features, b: &Features| distance(a, b).unwrap();
        let sample = moved(1.0, 0.0);
        assert!(d(&sample, &sample) < 1e-12);
        // Each of the six means moves by 2.
        close(d(&sample, &moved(1.0, 2.0)), 24.0);
        // tr C + 9 tr C - 2 * 3 tr C, and the mean from m to 3 m.
        let rows = DMatrix::from_row_iterator(50, 6, values.iter().map(|&x| f64::from(x)));
        let trace = rows.row_variance().sum() * 50.0 / 49.0;
        close(d(&sample, &moved(3.0, 0.0)), 4.0 * (trace + rows.row_mean().norm_squared()));
    }

    #[test]
    fn fewer_pictures_than_features_are_finite() {
        let mut random = Random::new(2, 0);
        let (few, many) = (features(random.normals(3 * 8), 8), features(random.normals(50 * 8), 8));
        assert!(distance(&few, &few).unwrap() < 1e-12);
        let far = distance(&few, &many).unwrap();
        assert!(far > 0.0 && (far - distance(&many, &few).unwrap()).abs() < 1e-9, "{far}");
        let same = features(vec![5.0; 16], 8);
        assert_eq!(distance(&same, &same).unwrap(), 0.0);
        assert!(matches!(distance(&few, &features(vec![0.0; 8], 4)), Err(Error::Data(_))));
    }
}
