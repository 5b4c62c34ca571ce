//! How well a network for tables does.

use candle_core::{Device, Tensor};

use crate::data::Table;
use crate::data::table::Targets;
use crate::networks::mlp::Mlp;
use crate::recipes::judgement::{Judgement, Tally, in_set};
use crate::{Error, Result};

/// Rows that are judged at once.
const BATCH: usize = 1024;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged {
    /// Of a classification.
    Classes(Judgement),
    /// Of a regression.
    Numbers(Errors),
}

/// How far predictions are from the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// The rows.
    pub count: usize,
    /// The root of the mean squared error, in the target's unit.
    pub rmse: f64,
    /// The mean absolute error, likewise.
    pub mae: f64,
    /// The coefficient of determination: 1 less the squared errors over those of the mean of these rows. Nothing where they
    /// are all alike.
    pub r2: Option<f64>,
}

/// Has a network answer every row of a table, at least one, whose columns and targets are those that it was made for.
pub fn judge(network: &Mlp, table: &Table, device: &Device) -> Result<Judged> {
    let (rows, columns) = (table.rows(), network.sizes().columns);
    if table.columns.len() != columns {
        let found = table.columns.len();
        return Err(Error::Data(format!("{}: {found} columns; the network takes {columns}", table.name)));
    }
    let answer = |first: usize| -> Result<(usize, usize, Tensor)> {
        let count = BATCH.min(rows - first);
        let features = table.features[first * columns..][..count * columns].to_vec();
        Ok((first, count, network.predict(&Tensor::from_vec(features, (count, columns), device)?)?.detach()))
    };
    let answers = (0..rows).step_by(BATCH).map(answer);
    match &table.targets {
        Targets::Classes { labels, .. } => {
            let mut tally = Tally::new(network.sizes().outputs());
            for answer in answers {
                let (first, count, logits) = answer?;
                tally.add(&logits, &labels[first..][..count]).map_err(|error| in_set(&table.name, error))?;
            }
            Ok(Judged::Classes(tally.judgement()))
        }
        Targets::Numbers(truth) => {
            let mut predictions = Vec::with_capacity(rows);
            for answer in answers {
                predictions.extend(answer?.2.flatten_all()?.to_vec1::<f32>()?);
            }
            if let Some(row) = predictions.iter().position(|prediction| !prediction.is_finite()) {
                let what =
                    "the network's prediction is not a finite number; the row is far beyond what it was trained on";
                return Err(Error::Data(format!("{}: row {}: {what}", table.name, row + 1)));
            }
            Ok(Judged::Numbers(Errors::of(&predictions, truth)))
        }
    }
}

impl Errors {
    fn of(predictions: &[f32], truth: &[f32]) -> Self {
        let count = truth.len() as f64;
        let mean = truth.iter().copied().map(f64::from).sum::<f64>() / count;
        let errors = || predictions.iter().zip(truth).map(|(a, b)| f64::from(*a) - f64::from(*b));
        let squared: f64 = errors().map(|error| error * error).sum();
        let spread: f64 = truth.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum();
        Self {
            count: truth.len(),
            rmse: (squared / count).sqrt(),
            mae: errors().map(f64::abs).sum::<f64>() / count,
            r2: (spread > 0.0).then(|| 1.0 - squared / spread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_the_formulas() {
        let errors = Errors::of(&[1.0, 2.0, 6.0], &[1.0, 4.0, 7.0]);
        let expected = Errors { count: 3, rmse: (5f64 / 3.0).sqrt(), mae: 1.0, r2: Some(1.0 - 5.0 / 18.0) };
        assert_eq!(errors, expected);
        assert_eq!(Errors::of(&[1.0, 2.0], &[3.0, 3.0]).r2, None);
    }
}
