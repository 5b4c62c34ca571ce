//! A network's answers on the rows of a table.

use std::path::Path;

use anyhow::Result;
use easel_console::tell;
use easel_runtime::card::{Columns, TabularTask};
use easel_train::data::{Source, table};
use easel_train::metrics::{Measurement, Regression, TableEvaluation, evaluate_table};
use easel_train::networks::mlp::Mlp;
use easel_train::recipes::mlp::load;

use super::{classifier, report};

/// Evaluates a network, which is on the device, and gives the text or JSON to print.
pub fn eval(
    path: &Path,
    network: &Mlp,
    classes: &[String],
    columns: Option<&Columns>,
    source: &Source,
    device: &candle_core::Device,
    as_json: bool,
) -> Result<String> {
    let task = match network.sizes().task {
        TabularTask::Regression => table::TableTask::Regression,
        TabularTask::Classification { .. } => table::TableTask::Classes,
    };
    let table = load(source, None, Some(task))?.like(columns, classes)?;
    let evaluation = evaluate_table(network, &table, device)?;
    tell!("{} on {} rows from {}", path.display(), table.rows(), table.name);
    Ok(match evaluation {
        TableEvaluation::Classification(found) => {
            classifier::text("classification", &table.name, &found, classes, as_json)
        }
        TableEvaluation::Regression(Regression { count, rmse, mae, r2 }) if as_json => {
            let metrics = [("rmse", Some(rmse)), ("mae", Some(mae)), ("r2", r2)].into_iter();
            let metrics: Vec<_> =
                metrics.filter_map(|(name, value)| Some(Measurement::new(name, value?, None))).collect();
            format!("{}\n", report::evaluation_json("regression", &table.name, count, &metrics))
        }
        TableEvaluation::Regression(Regression { count, rmse, mae, r2 }) => {
            let [rmse, mae] = [rmse, mae].map(report::figure);
            format!("R2 {}, RMSE {rmse}, MAE {mae} ({count} rows)\n", r2.map_or("-".into(), report::figure))
        }
    })
}
