//! A session's counters, which checkpoints store so that a resumed run has the same records as an uninterrupted one.

use serde::{Deserialize, Serialize};

/// The session's state between two parts of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Seconds of all parts so far.
    pub seconds: f64,
    /// The losses since the last record.
    pub logged: Means,
    /// The losses since the last evaluation.
    pub evaluated: Means,
    /// The best evaluation so far.
    pub best: Option<Best>,
}

/// Running means of a step's values. Sums are stored as bits, since decimal numbers in JSON may not be exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Means {
    sums: Vec<u64>,
    steps: u64,
}

impl Means {
    /// Adds the values of a step, the same ones in the same order every time.
    pub fn add(&mut self, values: &[(&'static str, f64)]) {
        self.sums.resize(values.len(), 0);
        for (sum, (_, value)) in self.sums.iter_mut().zip(values) {
            *sum = (f64::from_bits(*sum) + value).to_bits();
        }
        self.steps += 1;
    }

    /// The means since the last call; `values` gives the names.
    pub fn take<'a>(&mut self, values: &[(&'a str, f64)]) -> Vec<(&'a str, f64)> {
        let Self { sums, steps } = std::mem::take(self);
        values.iter().zip(sums).map(|((name, _), sum)| (*name, f64::from_bits(sum) / steps as f64)).collect()
    }
}

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// As for an accuracy.
    Higher,
    /// As for a loss.
    Lower,
}

/// The metric by which a checkpoint is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Which values are better.
    pub better: Better,
}

impl Metric {
    /// Whether the evaluation is better than the best one so far. NaN never is; of equal values the first stays.
    pub fn improves(&self, value: f64, best: Option<Best>) -> bool {
        match (best.map(|best| f64::from_bits(best.bits)), self.better) {
            (None, _) => !value.is_nan(),
            (Some(best), Better::Higher) => value > best,
            (Some(best), Better::Lower) => value < best,
        }
    }
}

/// The best evaluation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Best {
    /// Its step.
    pub step: u64,
    bits: u64,
}

impl Best {
    /// An evaluation.
    pub fn new(step: u64, value: f64) -> Self {
        Self { step, bits: value.to_bits() }
    }

    /// The metric's value.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_survive_json_bit_for_bit() {
        let values = [("a", 0.1), ("b", 1e-300)];
        let mut means = Means::default();
        means.add(&values);
        means.add(&[("a", 0.2), ("b", 3e-300)]);
        let mut again: Means = serde_json::from_str(&serde_json::to_string(&means).unwrap()).unwrap();
        assert_eq!(again, means);
        assert_eq!(again.take(&values), [("a", (0.1 + 0.2) / 2.0), ("b", 2e-300)]);
        assert_eq!(again, Means::default());
    }

    #[test]
    fn better_is_a_direction() {
        let metric = |better| Metric { name: "x", better };
        let best = Some(Best::new(3, 0.5));
        assert!(metric(Better::Higher).improves(0.6, best) && !metric(Better::Higher).improves(0.5, best));
        assert!(metric(Better::Lower).improves(0.4, best) && !metric(Better::Lower).improves(0.6, best));
        for better in [Better::Higher, Better::Lower] {
            assert!(metric(better).improves(f64::MIN, None));
            assert!(!metric(better).improves(f64::NAN, None) && !metric(better).improves(f64::NAN, best));
        }
    }
}
