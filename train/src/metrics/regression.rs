//! Predicted numbers against the true ones.

/// The errors of predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// The number of predictions.
    pub count: usize,
    /// The root mean squared error, in the target's unit.
    pub rmse: f64,
    /// The mean absolute error, in the target's unit.
    pub mae: f64,
    /// The coefficient of determination: 1 minus the squared errors over those of the targets' mean. `None` where all
    /// targets are equal.
    pub r2: Option<f64>,
}

impl Regression {
    /// Of as many predictions as targets, at least one.
    pub fn of(predictions: &[f32], targets: &[f32]) -> Self {
        let count = targets.len() as f64;
        let mean = targets.iter().copied().map(f64::from).sum::<f64>() / count;
        let errors = || predictions.iter().zip(targets).map(|(a, b)| f64::from(*a) - f64::from(*b));
        let squared: f64 = errors().map(|error| error * error).sum();
        let of_mean: f64 = targets.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum();
        Self {
            count: targets.len(),
            rmse: (squared / count).sqrt(),
            mae: errors().map(f64::abs).sum::<f64>() / count,
            r2: (of_mean > 0.0).then(|| 1.0 - squared / of_mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_by_hand() {
        let found = Regression::of(&[1.0, 2.0, 6.0], &[1.0, 4.0, 7.0]);
        assert_eq!(found, Regression { count: 3, rmse: (5f64 / 3.0).sqrt(), mae: 1.0, r2: Some(1.0 - 5.0 / 18.0) });
        assert_eq!(Regression::of(&[1.0, 2.0], &[3.0, 3.0]).r2, None);
    }
}
