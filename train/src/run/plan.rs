//! What a run does when.

use easel_runtime::card::{Columns, Provenance};

/// What a run does when.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The number of steps in all.
    pub steps: u64,
    /// A sample grid every so many steps, and at the end; 0: at the end only.
    pub sample_every: u64,
    /// A checkpoint every so many steps, and at the end; 0: at the end only.
    pub checkpoint_every: u64,
    /// A line of mean losses every so many steps, with every evaluation and at the end; 0: not more often.
    pub log_every: u64,
    /// The run's epochs, after each of which and at the end the trainer evaluates.
    pub epochs: Epochs,
    /// Whether there is a checkpoint after each epoch too.
    pub checkpoint_epochs: bool,
    /// The number of checkpoints that are kept; the best one is kept too.
    pub keep: usize,
    /// Where the weights come from; run and steps are filled in.
    pub provenance: Provenance,
    /// What checkpoints and cards say of the data.
    pub data: DataFacts,
}

/// What a checkpoint and a model card say of the data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataFacts {
    /// The data's name.
    pub name: String,
    /// The names of the classes by label.
    pub classes: Vec<String>,
    /// The names of a table's columns.
    pub columns: Option<Columns>,
    /// The file name of a style picture.
    pub style: Option<String>,
    /// The model's title, where it is not the usual one of its kind.
    pub title: Option<String>,
}

impl Plan {
    /// How many epochs are done, where the run has epochs.
    pub(super) fn epoch_of(&self, step: u64) -> Option<f64> {
        self.epochs.any().then(|| self.epochs.done(step))
    }

    /// How far a step is, for people.
    pub(super) fn describe(&self, step: u64) -> String {
        let epochs = |step: u64| {
            let epochs = self.epochs.done(step);
            if epochs.fract() == 0.0 { format!("{epochs:.0}") } else { format!("{epochs:.1}") }
        };
        format!("epoch {} of {}", epochs(step), epochs(self.steps))
    }
}

/// Where a run's epochs end: they may differ in length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Epochs(Vec<Span>);

/// Consecutive steps in epochs of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The steps in all; those of the last span have no end.
    pub steps: u64,
    /// The steps of an epoch, at least 1. The last one is shorter where that does not divide the span.
    pub epoch: u64,
}

impl Epochs {
    /// No epochs: the trainer never evaluates.
    pub fn none() -> Self {
        Self::default()
    }

    /// Epochs of so many steps.
    pub fn every(steps: u64) -> Self {
        Self(vec![Span { steps, epoch: steps.max(1) }])
    }

    /// One span after the other.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        Self(spans.into_iter().collect())
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// How many epochs are done after a step.
    pub fn done(&self, step: u64) -> f64 {
        let (before, into, span) = self.at(step);
        let Some(Span { steps, epoch }) = span else { return before as f64 };
        let (whole, rest) = (into / epoch, into % epoch);
        let length = epoch.min(steps - whole * epoch);
        (before + whole) as f64 + rest as f64 / length as f64
    }

    /// Whether an epoch ends with this step.
    pub fn end_at(&self, step: u64) -> bool {
        let (_, into, span) = self.at(step);
        step > 0 && span.is_some_and(|span| into.is_multiple_of(span.epoch))
    }

    /// The epochs of all spans before, the steps into the span that goes on after the step, and that span.
    fn at(&self, step: u64) -> (u64, u64, Option<Span>) {
        let (mut epochs, mut into) = (0, step);
        for (number, span) in self.0.iter().enumerate() {
            if number + 1 == self.0.len() {
                return (epochs, into, Some(Span { steps: u64::MAX, ..*span }));
            }
            if into < span.steps {
                return (epochs, into, Some(*span));
            }
            into -= span.steps;
            epochs += span.steps.div_ceil(span.epoch);
        }
        (epochs, 0, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_of_one_length() {
        let epochs = Epochs::every(4);
        assert_eq!((1..=12).filter(|&step| epochs.end_at(step)).collect::<Vec<_>>(), [4, 8, 12]);
        assert_eq!((epochs.done(0), epochs.done(6), epochs.done(8)), (0.0, 1.5, 2.0));
        assert!(!Epochs::none().any() && !Epochs::none().end_at(4));
    }

    #[test]
    fn spans_follow_each_other() {
        let epochs =
            Epochs::of([Span { steps: 5, epoch: 2 }, Span { steps: 4, epoch: 4 }, Span { steps: 6, epoch: 3 }]);
        let ends: Vec<_> = (0..=18).filter(|&step| epochs.end_at(step)).collect();
        assert_eq!(ends, [2, 4, 5, 9, 12, 15, 18]);
        assert!(ends.iter().zip(1..).all(|(&step, count)| epochs.done(step) == f64::from(count)));
        assert_eq!((epochs.done(1), epochs.done(7)), (0.5, 3.5));
    }
}
