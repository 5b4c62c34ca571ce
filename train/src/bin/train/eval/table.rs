//! A network's answers on the rows of a table.

use std::path::Path;

use anyhow::Result;
use easel_runtime::card::{Columns, Task};
use easel_train::data::{Source, table};
use easel_train::networks::mlp::Mlp;
use easel_train::recipes::mlp::{Errors, Judged, judge, load};

use super::{classifier, report};

/// Judges a network, which is on the device, and gives what is to be printed.
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
        Task::Regression => table::TableTask::Regression,
        Task::Classification { .. } => table::TableTask::Classes,
    };
    let table = load(source, None, Some(task))?.like(columns, classes)?;
    let judged = judge(network, &table, device)?;
    eprintln!("{} on {} rows from {}", path.display(), table.rows(), table.name);
    Ok(match judged {
        Judged::Classes(judgement) => classifier::text(&judgement, classes, as_json),
        Judged::Numbers(Errors { count, rmse, mae, r2 }) if as_json => {
            let object = serde_json::json!({ "count": count, "rmse": rmse, "mae": mae, "r2": r2 });
            format!("{object}\n")
        }
        Judged::Numbers(Errors { count, rmse, mae, r2 }) => {
            let r2 = r2.map_or("-".into(), report::figure);
            format!(
                "R2 {r2}, root mean squared error {}, mean absolute error {} ({count} rows)\n",
                report::figure(rmse),
                report::figure(mae)
            )
        }
    })
}
