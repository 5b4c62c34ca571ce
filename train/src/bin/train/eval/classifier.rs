//! A classifier's answers on labelled pictures.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use easel_train::data::{PictureFormat, Source};
use easel_train::networks::lenet::{self, Lenet, Sizes};
use easel_train::run::Checkpoint;
use easel_train::trainers::judgement::{Judgement, judge};
use easel_train::trainers::lenet::load_test;

/// With more classes the confusion table would be too wide to read, and the most frequent mistakes are listed instead.
const WIDEST_TABLE: usize = 16;
const MOST_MISTAKES: usize = 20;

/// Judges a checkpoint's network, which is on the device, and gives what is to be printed.
pub fn eval(
    path: &Path,
    checkpoint: &Checkpoint,
    network: &Lenet,
    source: &Source,
    device: &candle_core::Device,
    as_json: bool,
) -> Result<String> {
    let (Sizes { channels, .. }, classes) = (network.sizes(), &checkpoint.record.classes);
    let format = PictureFormat { channels, height: lenet::SIDE, width: lenet::SIDE };
    let pictures = load_test(source, format, classes)?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let judgement = judge(network, &pictures, device)?;
    eprintln!("{} on {} pictures from {}", path.display(), pictures.len(), pictures.name);
    Ok(if as_json { json(&judgement, classes) } else { text(&judgement, classes) })
}

fn text(judgement: &Judgement, classes: &[String]) -> String {
    let mut text = String::new();
    let percent = |right: u64, of: u64| format!("{:.2} %", 100.0 * right as f64 / of as f64);
    let (right, count) = (judgement.right(), judgement.count());
    let mut line = |line: String| writeln!(text, "{}", line.trim_end()).expect("strings take all");
    line(format!("accuracy {} ({right} of {count}), loss {:.4}\n", percent(right, count), judgement.loss));

    let wide = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 24);
    line(format!("{:<wide$}  {:>7}  {:>7}  accuracy", "class", "right", "of"));
    for (class, row) in judgement.confusion.iter().enumerate() {
        let of: u64 = row.iter().sum();
        let accuracy = if of == 0 { "-".into() } else { percent(row[class], of) };
        line(format!("{:<wide$}  {:>7}  {of:>7}  {accuracy:>8}", classes[class], row[class]));
    }
    if classes.len() <= WIDEST_TABLE {
        line("\nconfusion: a row is a class, a column what was answered".into());
        let cell = count.to_string().len().clamp(4, 8);
        let columns: String = classes.iter().map(|name| format!(" {:>cell$.cell$}", name)).collect();
        line(format!("{:<wide$} {columns}", ""));
        for (name, row) in classes.iter().zip(&judgement.confusion) {
            let cells: String = row.iter().map(|count| format!(" {count:>cell$}")).collect();
            line(format!("{name:<wide$} {cells}"));
        }
    } else {
        line("\nthe most frequent mistakes: class, answer, how often".into());
        for (class, answer, count) in judgement.mistakes().into_iter().take(MOST_MISTAKES) {
            line(format!("{:<wide$}  {:<wide$}  {count:>7}", classes[class], classes[answer]));
        }
    }
    text
}

fn json(judgement: &Judgement, classes: &[String]) -> String {
    let object = serde_json::json!({
        "accuracy": judgement.accuracy(),
        "right": judgement.right(),
        "count": judgement.count(),
        "loss": judgement.loss,
        "classes": classes,
        "confusion": judgement.confusion,
    });
    format!("{object}\n")
}
