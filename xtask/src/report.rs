//! The results of steps, and the table at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use easel_console::{fail, print, tell};

/// How many tests or checks passed, failed and were skipped.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped: something they need is missing, or they are marked as ignored.
    pub skipped: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn shown(self) -> String {
        let mut parts = vec![format!("{} passed", self.passed), format!("{} failed", self.failed)];
        if self.skipped > 0 {
            parts.push(format!("{} skipped", self.skipped));
        }
        parts.join(", ")
    }
}

struct Row {
    name: &'static str,
    counts: Counts,
    error: Option<String>,
    time: Duration,
}

/// The steps run so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Runs a step under a heading. A step that returns an error has at least one failure.
    pub fn step(&mut self, name: &'static str, about: &str, work: impl FnOnce(&mut Counts) -> Result<()>) {
        tell!("\n=== {name}: {about}");
        let start = Instant::now();
        let mut counts = Counts::default();
        let outcome = work(&mut counts);
        if let Err(error) = &outcome {
            tell!("error: {error:#}");
        }
        self.close(name, counts, outcome.err(), start.elapsed());
    }

    fn close(&mut self, name: &'static str, mut counts: Counts, error: Option<Error>, time: Duration) {
        if error.is_some() && counts.failed == 0 {
            counts.failed = 1;
        }
        self.rows.push(Row { name, counts, error: error.map(|error| format!("{error:#}")), time });
    }

    /// Whether a step ran and failed.
    pub fn has_failed(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name && row.counts.failed > 0)
    }

    /// Prints the table and returns the program's status: 1 if anything failed.
    pub fn finish(&self) -> ExitCode {
        match print(format_args!("{}\n", self.table())) {
            Ok(()) => ExitCode::from(u8::from(self.total().failed > 0)),
            Err(error) => fail(error),
        }
    }

    /// The sum over all steps.
    fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.rows.iter().for_each(|row| total.add(row.counts));
        total
    }

    /// A line for each step, then the first line of each error. The last line is `N passed, N failed`.
    fn table(&self) -> String {
        let mut lines = vec![String::new()];
        let width = self.rows.iter().map(|row| row.counts.shown().len()).max().unwrap_or(0);
        for row in &self.rows {
            let status = if row.counts.failed > 0 { "FAILED" } else { "ok" };
            let (counts, seconds) = (row.counts.shown(), row.time.as_secs_f64());
            lines.push(format!("{:<10} {status:<6}  {counts:<width$}  {seconds:>7.1} s", row.name));
        }
        for row in &self.rows {
            if let Some(error) = &row.error {
                lines.push(format!("error: {}: {}", row.name, error.lines().next().unwrap_or_default()));
            }
        }
        let total = self.total();
        if total.skipped > 0 {
            lines.push(format!("{} skipped", total.skipped));
        }
        lines.push(format!("{} passed, {} failed", total.passed, total.failed));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn the_last_line_sums_up() {
        let mut report = Report::default();
        report.step("rust", "", |counts| {
            *counts = Counts { passed: 3, failed: 2, skipped: 1 };
            bail!("cargo test: exit status: 101\nmore")
        });
        report.step("fmt", "", |counts| {
            counts.passed += 1;
            Ok(())
        });
        report.step("web", "", |_| bail!("no npm"));
        let table = report.table();
        assert!(table.ends_with("\nerror: web: no npm\n1 skipped\n4 passed, 3 failed"), "{table}");
        assert!(!table.contains("more"), "{table}");
        assert!(report.has_failed("rust") && report.has_failed("web"));
        assert!(!report.has_failed("fmt") && !report.has_failed("never run"));
    }
}
