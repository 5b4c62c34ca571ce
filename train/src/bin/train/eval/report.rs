//! Reports as text and as JSON.

use std::fmt::Write;

use easel_console::tell;
use easel_runtime::card::{Evaluation, MetricValue};
use easel_runtime::text::escaped;
use easel_train::data::Pictures;
use easel_train::metrics::{ConfusionMatrix, Measurement};
use serde_json::{Value, json};

/// The most classes of a confusion matrix; with more it would be too wide to read.
const MOST_CLASSES: usize = 16;

/// The most mistakes that are listed instead.
const MOST_MISTAKES: usize = 20;

/// Tells which part of the data the pictures are, what was left out of them, and what looks wrong.
pub fn tell_about(pictures: &Pictures) {
    let line = |kind: &str, text: &String| tell!("{kind}: {}", escaped(&format!("{}: {text}", pictures.name)));
    pictures.about.notes.iter().for_each(|note| line("note", note));
    pictures.warnings().iter().for_each(|warning| line("warning", warning));
}

/// A row for each metric, with its meaning.
pub fn measurements(measurements: &[Measurement], meaning: impl Fn(&str) -> String) -> String {
    let cell = |value: Option<f64>| format!(" {:>9}", value.map_or("-".into(), figure));
    let mut text = format!("{:<9} {:>9} {:>9} {:>9}\n", "metric", "value", "baseline", "noise");
    for Measurement { name, value, baseline, noise_baseline, std } in measurements {
        let numbers = [Some(*value), *baseline, *noise_baseline].map(cell).concat();
        let std = std.map_or(String::new(), |std| format!(", \u{b1} {}", figure(std)));
        text += &format!("{name:<9}{numbers}  {}{std}\n", meaning(name));
    }
    text
}

/// What every evaluation has as JSON; `export-onnx --evaluation` reads it as [`easel_runtime::card::Evaluation`]. A value
/// that is NaN or infinity is left out.
pub fn evaluation_json(about: &str, data: &str, count: usize, measurements: &[Measurement]) -> Value {
    let entry = |&Measurement { ref name, value, baseline, noise_baseline, std }: &Measurement| {
        (name.clone(), MetricValue { value, baseline, noise_baseline, std })
    };
    let metrics = measurements.iter().filter(|measurement| measurement.value.is_finite()).map(entry).collect();
    let (about, data) = (about.to_string(), data.to_string());
    json!(Evaluation { about, data, count: count as u64, compared: None, metrics })
}

/// A number with four digits after the point, a large one with two.
pub fn figure(value: f64) -> String {
    format!("{value:.*}", if value < 2.0 { 4 } else { 2 })
}

pub fn percent(part: u64, of: u64) -> String {
    format!("{:.2} %", 100.0 * part as f64 / of as f64)
}

/// The accuracy on each class, with that on real pictures where it is known, and the confusion matrix.
pub fn classes(confusion: &ConfusionMatrix, real: Option<&ConfusionMatrix>, classes: &[String]) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{}", line.trim_end()).expect("strings take all");
    let wide = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 24);
    let baseline = if real.is_some() { "   baseline" } else { "" };
    line(format!("{:<wide$}  {:>7}  {:>7}  accuracy{baseline}", "class", "correct", "of"));
    let accuracy = |confusion: &ConfusionMatrix, class: usize| {
        let row = &confusion.rows()[class];
        let of: u64 = row.iter().sum();
        (row[class], of, if of == 0 { "-".into() } else { percent(row[class], of) })
    };
    for (class, name) in classes.iter().enumerate() {
        let (correct, of, share) = accuracy(confusion, class);
        let baseline = real.map_or(String::new(), |real| format!("  {:>9}", accuracy(real, class).2));
        line(format!("{name:<wide$}  {correct:>7}  {of:>7}  {share:>8}{baseline}"));
    }
    if classes.len() <= MOST_CLASSES {
        line("\nconfusion matrix: a row for each class, a column for each predicted class".into());
        let cell = confusion.count().to_string().len().clamp(4, 8);
        let columns: String = classes.iter().map(|name| format!(" {:>cell$.cell$}", name)).collect();
        line(format!("{:<wide$} {columns}", ""));
        for (name, row) in classes.iter().zip(confusion.rows()) {
            let cells: String = row.iter().map(|count| format!(" {count:>cell$}")).collect();
            line(format!("{name:<wide$} {cells}"));
        }
    } else {
        line("\nmost frequent mistakes: class, predicted class, count".into());
        for (class, predicted, count) in confusion.mistakes().into_iter().take(MOST_MISTAKES) {
            line(format!("{:<wide$}  {:<wide$}  {count:>7}", classes[class], classes[predicted]));
        }
    }
    text
}

/// The shares of generated and of real pictures that are predicted as each class.
pub fn shares([generated, real]: &[Vec<u64>; 2], classes: &[String]) -> String {
    let wide = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(9, 24);
    let share = |counts: &[u64], class: usize| percent(counts[class], counts.iter().sum());
    let mut text = format!("{:<wide$}  generated  reference\n", "predicted");
    for (class, name) in classes.iter().enumerate() {
        writeln!(text, "{name:<wide$}  {:>9}  {:>9}", share(generated, class), share(real, class))
            .expect("strings take all");
    }
    text
}
