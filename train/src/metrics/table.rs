//! The evaluation of a network for tables.

use candle_core::{Device, Tensor};

use super::classification::Classification;
use super::regression::Regression;
use crate::data::Table;
use crate::data::table::Targets;
use crate::networks::mlp::Mlp;
use crate::{Error, Result};

/// Rows in a batch.
const BATCH: usize = 1024;

/// The evaluation of a network for tables, by what it predicts.
#[derive(Debug, Clone, PartialEq)]
pub enum TableEvaluation {
    /// Classes.
    Classification(Classification),
    /// Numbers.
    Regression(Regression),
}

/// Evaluates a network, which is on the device, on every row of a table, at least one. The table's targets are of the
/// network's kind. Fails where the number of columns differs, on a label that is not one of the network's classes, and
/// where a prediction is NaN or infinity.
pub fn evaluate_table(network: &Mlp, table: &Table, device: &Device) -> Result<TableEvaluation> {
    let (name, rows, columns) = (&table.name, table.rows(), network.sizes().columns);
    if table.columns.len() != columns {
        let found = table.columns.len();
        return Err(Error::Data(format!("{name}: {found} columns; the network takes {columns}")));
    }
    let outputs = (0..rows).step_by(BATCH).map(|first| -> Result<Tensor> {
        let count = BATCH.min(rows - first);
        let features = table.features[first * columns..][..count * columns].to_vec();
        Ok(network.predict(&Tensor::from_vec(features, (count, columns), device)?)?.detach())
    });
    match &table.targets {
        Targets::Classes { labels, .. } => {
            let batches = outputs.zip(labels.chunks(BATCH)).map(|(logits, labels)| Ok((logits?, labels)));
            let found = Classification::of(name, network.sizes().outputs(), batches)?;
            Ok(TableEvaluation::Classification(found))
        }
        Targets::Numbers(targets) => {
            let mut predictions = Vec::with_capacity(rows);
            for output in outputs {
                predictions.extend(output?.flatten_all()?.to_vec1::<f32>()?);
            }
            if let Some(row) = predictions.iter().position(|prediction| !prediction.is_finite()) {
                return Err(Error::Data(format!(
                    "{name}: row {}: the prediction is {}, since the row is far outside the training data's range; \
                     remove the row",
                    row + 1,
                    predictions[row]
                )));
            }
            Ok(TableEvaluation::Regression(Regression::of(&predictions, targets)))
        }
    }
}
