//! A classifier's answers on labelled pictures.

use std::path::Path;

use anyhow::Result;
use easel_train::data::Source;
use easel_train::metrics::features;
use easel_train::networks::lenet::Lenet;
use easel_train::recipes::judgement::{Judgement, judge};
use easel_train::recipes::lenet::load_test;

use super::report;

/// Judges a classifier, which is on the device, and gives what is to be printed.
pub fn eval(
    path: &Path,
    network: &Lenet,
    classes: &[String],
    source: &Source,
    device: &candle_core::Device,
    as_json: bool,
) -> Result<String> {
    let pictures = load_test(source, features::format(network), classes)?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let judgement = judge(network, &pictures, device)?;
    eprintln!("{} on {} pictures from {}", path.display(), pictures.len(), pictures.name);
    Ok(text(&judgement, classes, as_json))
}

/// What is to be printed of a judgement.
pub fn text(judgement: &Judgement, classes: &[String], as_json: bool) -> String {
    let (right, count) = (judgement.right(), judgement.count());
    if as_json {
        let object = serde_json::json!({
            "accuracy": judgement.accuracy(),
            "right": right,
            "count": count,
            "loss": judgement.loss,
            "classes": classes,
            "confusion": judgement.confusion,
        });
        return format!("{object}\n");
    }
    let accuracy = report::percent(right, count);
    let tables = report::classes(judgement, None, classes);
    format!("accuracy {accuracy} ({right} of {count}), loss {:.4}\n\n{tables}", judgement.loss)
}
