//! The table of results, and where it is saved.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use easel_console::tell;
use easel_files::write_atomically;

use super::case::Case;
use super::machine;
use super::side::Cost;
use crate::workspace::Workspace;

/// The median, minimum and maximum of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// Of at least one number.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] };
        Self { median, low: values[0], high: values[values.len() - 1] }
    }

    /// `0.51 (0.49 to 0.53)`.
    pub fn shown(self) -> String {
        format!("{:.2} ({:.2} to {:.2})", self.median, self.low, self.high)
    }
}

/// One case's times.
pub struct Row {
    about: &'static str,
    target: Option<f64>,
    /// CPU time of a step in seconds, ours and PyTorch's.
    cpu: [Spread; 2],
    /// The same in wall-clock time.
    wall: [Spread; 2],
    /// Ours divided by PyTorch's, over pairs of measurements: CPU time, wall-clock time.
    ratios: [Spread; 2],
}

impl Row {
    /// From pairs of measurements, ours and PyTorch's.
    pub fn new(case: &Case, times: &[[Cost; 2]]) -> Self {
        let spread = |of: &dyn Fn(&[Cost; 2]) -> f64| Spread::of(times.iter().map(of));
        Self {
            about: case.about,
            target: case.target,
            cpu: [0, 1].map(|side| spread(&|pair| pair[side].cpu)),
            wall: [0, 1].map(|side| spread(&|pair| pair[side].wall)),
            ratios: [spread(&|pair| pair[0].cpu / pair[1].cpu), spread(&|pair| pair[0].wall / pair[1].wall)],
        }
    }

    /// One line for the terminal.
    pub fn line(&self) -> String {
        format!("{}: CPU {}, wall {}", self.about, self.ratios[0].shown(), self.ratios[1].shown())
    }
}

/// The table in Markdown, below a line with the machine and the versions.
pub fn table(rows: &[Row], threads: u32, repeats: u32, torch: &str) -> String {
    let mut text = format!(
        "{}. {}, PyTorch {torch}. {threads} threads, {repeats} measurements of each side in turn.\n\n",
        machine::describe(),
        machine::rustc()
    );
    text += "| step | CPU, ours | CPU, PyTorch | CPU ratio | goal | wall, ours | wall, PyTorch | wall ratio |\n";
    text += "|---|---|---|---|---|---|---|---|\n";
    for Row { about, target, cpu, wall, ratios } in rows {
        let [cpu, wall] = [cpu, wall].map(|pair| pair.map(|spread| milliseconds(spread.median)));
        let target = target.map_or(String::new(), |target| format!("{target:.1}"));
        let [cpu_ratio, wall_ratio] = ratios.map(Spread::shown);
        writeln!(
            text,
            "| {about} | {} | {} | {cpu_ratio} | {target} | {} | {} | {wall_ratio} |",
            cpu[0], cpu[1], wall[0], wall[1]
        )
        .expect("writing to a string does not fail");
    }
    text
}

/// `17.5 ms`.
pub fn milliseconds(seconds: f64) -> String {
    format!("{:.*} ms", usize::from(seconds < 0.1), seconds * 1e3)
}

/// Replaces a bench's table in `docs/performance.md`. It is between two lines there; the text around them is written by
/// hand.
pub fn save(workspace: &Workspace, bench: &str, table: &str) -> Result<()> {
    let page = workspace.root.join("docs/performance.md");
    let shown = page.display();
    let text = fs::read_to_string(&page).with_context(|| shown.to_string())?;
    let new = replaced(&text, bench, table)
        .with_context(|| format!("{shown}: the lines `{}` are missing", marks(bench).join("` and `")))?;
    write_atomically(&page, new.as_bytes()).with_context(|| shown.to_string())?;
    tell!("bench: saved in {shown}");
    Ok(())
}

fn marks(bench: &str) -> [String; 2] {
    ["begin", "end"].map(|place| format!("<!-- bench {bench}: {place} -->"))
}

fn replaced(text: &str, bench: &str, table: &str) -> Option<String> {
    let [begin, end] = marks(bench);
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0]).shown(), "2.50 (1.00 to 4.00)");
    }

    #[test]
    fn ratios_are_of_pairs() {
        let cost = |cpu| Cost { cpu, wall: cpu / 2.0, loss: 0.0, memory: 0.0 };
        let row = Row::new(&super::super::case::CASES[0], &[[cost(2.0), cost(1.0)], [cost(12.0), cost(4.0)]]);
        assert_eq!(row.ratios[0], Spread { median: 2.5, low: 2.0, high: 3.0 });
        assert!(table(&[row], 2, 2, "9.9").contains("2.50 (2.00 to 3.00)"));
    }

    #[test]
    fn a_table_replaces_its_predecessor() {
        let page = |table| format!("above\n<!-- bench web: begin -->\n{table}<!-- bench web: end -->\nbelow\n");
        assert_eq!(replaced(&page("old\n"), "web", "new\n").unwrap(), page("new\n"));
        assert_eq!(replaced(&page("old\n"), "train", "new"), None);
    }
}
