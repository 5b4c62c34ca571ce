//! Numbers for people and for programs.

use std::fmt::Write;

use easel_train::metrics::Measure;
use easel_train::recipes::judgement::Judgement;
use serde_json::{Map, Value, json};

/// With more classes the confusion table would be too wide to read, and the most frequent mistakes are listed instead.
const WIDEST_TABLE: usize = 16;
const MOST_MISTAKES: usize = 20;

/// A row for each number, with what it means.
pub fn measures(measures: &[Measure], meaning: impl Fn(&str) -> String) -> String {
    let bounded = measures.iter().any(|measure| measure.ceiling.is_some());
    let cell = |value: Option<f64>| format!(" {:>9}", value.map_or("-".into(), figure));
    let ceiling = |text: String| if bounded { text } else { String::new() };
    let mut text = format!("{:<9} {:>9} {:>9}{}\n", "metric", "value", "floor", ceiling(format!(" {:>9}", "ceiling")));
    for measure in measures {
        let numbers = cell(Some(measure.value)) + &cell(measure.floor) + &ceiling(cell(measure.ceiling));
        let spread = measure.spread.map_or(String::new(), |spread| format!(", \u{b1} {}", figure(spread)));
        let row = format!("{:<9}{numbers}  {}{spread}", measure.name, meaning(&measure.name));
        text += row.trim_end();
        text.push('\n');
    }
    text
}

/// The same for programs, by name.
pub fn measures_json(measures: &[Measure]) -> Value {
    let entry = |measure: &Measure| {
        let mut numbers = json!({ "value": measure.value, "floor": measure.floor });
        for (name, number) in [("ceiling", measure.ceiling), ("spread", measure.spread)] {
            if let Some(number) = number {
                numbers[name] = json!(number);
            }
        }
        (measure.name.clone(), numbers)
    };
    Value::Object(measures.iter().map(entry).collect::<Map<_, _>>())
}

/// A number in four digits after the point, a large one in two.
pub fn figure(value: f64) -> String {
    format!("{value:.*}", if value < 2.0 { 4 } else { 2 })
}

pub fn percent(right: u64, of: u64) -> String {
    format!("{:.2} %", 100.0 * right as f64 / of as f64)
}

/// The accuracy on each class, with that on real pictures where it is known, and what was taken for what.
pub fn classes(judgement: &Judgement, real: Option<&Judgement>, classes: &[String]) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{}", line.trim_end()).expect("strings take all");
    let wide = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 24);
    let beside = if real.is_some() { "  real ones" } else { "" };
    line(format!("{:<wide$}  {:>7}  {:>7}  accuracy{beside}", "class", "right", "of"));
    let accuracy = |judgement: &Judgement, class: usize| {
        let row = &judgement.confusion[class];
        let of: u64 = row.iter().sum();
        (row[class], of, if of == 0 { "-".into() } else { percent(row[class], of) })
    };
    for (class, name) in classes.iter().enumerate() {
        let (right, of, share) = accuracy(judgement, class);
        let beside = real.map_or(String::new(), |real| format!("  {:>9}", accuracy(real, class).2));
        line(format!("{name:<wide$}  {right:>7}  {of:>7}  {share:>8}{beside}"));
    }
    if classes.len() <= WIDEST_TABLE {
        line("\nconfusion: a row is a class, a column what was answered".into());
        let cell = judgement.count().to_string().len().clamp(4, 8);
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

/// How many of made pictures and of as many real ones are taken for each class.
pub fn shares([made, real]: &[Vec<u64>; 2], classes: &[String]) -> String {
    let wide = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(8, 24);
    let share = |counts: &[u64], class: usize| percent(counts[class], counts.iter().sum());
    let mut text = format!("{:<wide$}  {:>8}  real ones\n", "taken for", "made");
    for (class, name) in classes.iter().enumerate() {
        writeln!(text, "{name:<wide$}  {:>8}  {:>9}", share(made, class), share(real, class))
            .expect("strings take all");
    }
    text
}
