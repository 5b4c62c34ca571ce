//! Counting results in the output of test runners.

use crate::report::Counts;

/// A test that lacks something it needs prints a line with this prefix and returns, so its runner counts it as passed.
const SKIPPED: &str = "skipped:";

/// A reader of `cargo test -- --show-output`, line by line.
#[derive(Default)]
pub struct CargoTest {
    /// The results so far.
    pub counts: Counts,
    in_passed: bool,
    /// Tests that were skipped since the last result.
    skipped: usize,
    /// Whether the current test is among them.
    counted: bool,
}

impl CargoTest {
    /// Reads a line and returns whether to show it. Of a passed test's output only the reason for skipping is shown.
    pub fn line(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.in_passed = true,
            "failures:" => self.in_passed = false,
            _ => {}
        }
        if line.starts_with("---- ") {
            self.counted = false;
        }
        if line.starts_with(SKIPPED) {
            self.skipped += usize::from(!self.counted);
            self.counted = true;
            return true;
        }
        let Some(result) = line.strip_prefix("test result: ") else { return !self.in_passed };
        self.in_passed = false;
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next().and_then(|word| word.parse::<usize>().ok()), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.counts.passed += number,
                "failed" => self.counts.failed += number,
                "ignored" => self.counts.skipped += number,
                _ => {}
            }
        }
        self.counts.passed -= self.skipped.min(self.counts.passed);
        self.counts.skipped += std::mem::take(&mut self.skipped);
        true
    }
}

/// Adds a line of `node --test` to the counts if it is one of the totals. The reporter may be `spec` or `tap`.
pub fn node_test(counts: &mut Counts, line: &str) {
    let Some(total) = line.strip_prefix("ℹ ").or(line.strip_prefix("# ")) else { return };
    let Some((what, number)) = total.split_once(' ') else { return };
    let Ok(number) = number.parse::<usize>() else { return };
    match what {
        "pass" => counts.passed += number,
        "fail" | "cancelled" => counts.failed += number,
        "skipped" | "todo" => counts.skipped += number,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tests_are_counted() {
        let output = "\
running 4 tests
test a ... ok
test b ... FAILED

successes:

---- a stdout ----
training
skipped: no EASEL_DATA
skipped: no pictures either

---- c stdout ----
skipped: no EASEL_DATA

successes:
    a
    c

failures:

---- b stdout ----
assertion failed

test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.00s
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        let mut reader = CargoTest::default();
        let shown: Vec<_> = output.lines().filter(|line| reader.line(line)).collect();
        assert_eq!(reader.counts, Counts { passed: 6, failed: 1, skipped: 4 });
        assert!(shown.contains(&"skipped: no EASEL_DATA") && shown.contains(&"assertion failed"));
        assert!(!shown.contains(&"training"));
    }

    #[test]
    fn node_tests_are_counted() {
        let mut counts = Counts::default();
        let output = "✔ draws (3 ms)\nℹ tests 4\nℹ suites 0\nℹ pass 2\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0";
        output.lines().for_each(|line| node_test(&mut counts, line));
        assert_eq!(counts, Counts { passed: 2, failed: 1, skipped: 1 });
        output.replace('ℹ', "#").lines().for_each(|line| node_test(&mut counts, line));
        assert_eq!(counts, Counts { passed: 4, failed: 2, skipped: 2 });
    }
}
