//! A classifier's answers on labelled pictures.

use std::path::Path;

use anyhow::Result;
use easel_console::tell;
use easel_runtime::PolarityMatcher;
use easel_train::data::{PictureFormat, Source};
use easel_train::metrics::Measurement;
use easel_train::metrics::classification::{self, Classification};
use easel_train::metrics::classifier_input;
use easel_train::networks::lenet::Lenet;
use easel_train::recipes::lenet::load_test;
use serde_json::json;

use super::report;

/// Evaluates a classifier, which is on the device, and gives the text or JSON to print. Each picture gets the polarity of
/// the training pictures.
pub fn eval(
    path: &Path,
    network: &Lenet,
    classes: &[String],
    source: &Source,
    mut polarity: PolarityMatcher,
    device: &candle_core::Device,
    as_json: bool,
) -> Result<String> {
    let mut pictures = load_test(source, classifier_input::format(network), classes)?;
    report::tell_about(&pictures);
    let PictureFormat { height, width, .. } = pictures.format;
    for pixels in pictures.pixels.chunks_exact_mut(pictures.format.len()) {
        polarity.apply(pixels, [height, width]);
    }
    polarity.notes().iter().for_each(|note| tell!("note: {note}"));
    let evaluation = classification::evaluate(network, &pictures, device)?;
    tell!("{} on {} pictures from {}", path.display(), pictures.len(), pictures.name);
    let inverted = polarity.inverted();
    let about = if inverted > 0 { format!("classification, {inverted} inverted") } else { "classification".into() };
    Ok(text(&about, &pictures.name, &evaluation, classes, as_json))
}

/// The text or JSON of a classification of data with a name.
pub fn text(
    about: &str,
    data: &str,
    Classification { loss, confusion }: &Classification,
    classes: &[String],
    as_json: bool,
) -> String {
    let (correct, count) = (confusion.correct(), confusion.count());
    if as_json {
        let metrics = [("accuracy", confusion.accuracy()), ("loss", *loss)];
        let metrics = metrics.map(|(name, value)| Measurement::new(name, value, None));
        let mut object = report::evaluation_json(about, data, count as usize, &metrics);
        object["classes"] = json!(classes);
        object["confusion"] = json!(confusion.rows());
        return format!("{object}\n");
    }
    let accuracy = report::percent(correct, count);
    let tables = report::classes(confusion, None, classes);
    format!("accuracy {accuracy} ({correct} of {count}), loss {loss:.4}\n\n{tables}")
}
