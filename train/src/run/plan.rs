//! The plan of a run: what is due at which step.

use easel_runtime::card::{Columns, Provenance};
use easel_runtime::polarity::Border;

use crate::data::Fingerprint;

/// The plan of a run: what is due at which step.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The total number of steps.
    pub steps: u64,
    /// The steps between sample grids, which are also drawn at the end; 0: at the end only.
    pub sample_every: u64,
    /// The steps between checkpoints, which are also written at the end; 0: at the end only.
    pub checkpoint_every: u64,
    /// The steps between records of mean losses, which are also written with every evaluation and at the end; 0: only then.
    pub log_every: u64,
    /// The run's epochs, after each of which and at the end the trainer evaluates.
    pub epochs: Epochs,
    /// Whether a checkpoint is also written after each epoch.
    pub checkpoint_epochs: bool,
    /// The number of latest checkpoints to keep, besides the best one.
    pub keep: usize,
    /// The provenance of the weights; run and steps are filled in.
    pub provenance: Provenance,
    /// The description of the data in checkpoints and cards.
    pub data: DataFacts,
}

/// The description of the data in a checkpoint and a model card.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataFacts {
    /// The data's name.
    pub name: String,
    /// The names of the classes by label.
    pub classes: Vec<String>,
    /// Whether the only class is named after the data's folder.
    pub unclassified: bool,
    /// What the data is recognised by when a run is resumed, wherever it lies.
    pub fingerprint: Option<Fingerprint>,
    /// The names of a table's columns.
    pub columns: Option<Columns>,
    /// The borders of a classifier's training pictures.
    pub border: Option<Border>,
    /// The file name of a style picture.
    pub style: Option<String>,
    /// The model's title, if it is not the default of its kind.
    pub title: Option<String>,
}

impl Plan {
    /// The number of epochs done, if the run has epochs.
    pub(super) fn epoch_of(&self, step: u64) -> Option<f64> {
        self.epochs.any().then(|| self.epochs.done(step))
    }

    /// The progress at a step as text.
    pub(super) fn describe(&self, step: u64) -> String {
        let epochs = |step: u64| {
            let epochs = self.epochs.done(step);
            if epochs.fract() == 0.0 { format!("{epochs:.0}") } else { format!("{epochs:.1}") }
        };
        format!("epoch {} of {}", epochs(step), epochs(self.steps))
    }
}

/// The ends of a run's epochs, which may differ in length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Epochs(Vec<Span>);

/// Consecutive steps in epochs of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The total number of steps; the last span has no end.
    pub steps: u64,
    /// The steps of an epoch, at least 1. The last epoch is shorter if the span is not a multiple.
    pub epoch: u64,
}

impl Epochs {
    /// No epochs: the trainer never evaluates.
    pub fn none() -> Self {
        Self::default()
    }

    /// Epochs of this many steps.
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

    /// The number of epochs done after a step.
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

    /// The span of the step, the epochs of all spans before it, and the steps since its beginning.
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
