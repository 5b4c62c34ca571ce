//! A classifier's answers on labelled pictures.

use std::path::Path;

use anyhow::Result;
use easel_console::tell;
use easel_train::data::Source;
use easel_train::metrics::classification::{self, Classification};
use easel_train::metrics::classifier_input;
use easel_train::networks::lenet::Lenet;
use easel_train::recipes::lenet::load_test;

use super::report;

/// Evaluates a classifier, which is on the device, and gives the text or JSON to print.
pub fn eval(
    path: &Path,
    network: &Lenet,
    classes: &[String],
    source: &Source,
    device: &candle_core::Device,
    as_json: bool,
) -> Result<String> {
    let pictures = load_test(source, classifier_input::format(network), classes)?;
    report::warn(pictures.warning());
    let evaluation = classification::evaluate(network, &pictures, device)?;
    tell!("{} on {} pictures from {}", path.display(), pictures.len(), pictures.name);
    Ok(text(&evaluation, classes, as_json))
}

/// The text or JSON of a classification.
pub fn text(Classification { loss, confusion }: &Classification, classes: &[String], as_json: bool) -> String {
    let (correct, count) = (confusion.correct(), confusion.count());
    if as_json {
        let object = serde_json::json!({
            "accuracy": confusion.accuracy(),
            "right": correct,
            "count": count,
            "loss": loss,
            "classes": classes,
            "confusion": confusion.rows(),
        });
        return format!("{object}\n");
    }
    let accuracy = report::percent(correct, count);
    let tables = report::classes(confusion, None, classes);
    format!("accuracy {accuracy} ({correct} of {count}), loss {loss:.4}\n\n{tables}")
}
