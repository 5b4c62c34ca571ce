//! What a run does when.

use easel_runtime::card::Provenance;

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
    /// The steps of an epoch, after each of which and at the end the trainer evaluates; 0: it never does.
    pub epoch: u64,
    /// The number of checkpoints that are kept; the best one is kept too.
    pub keep: usize,
    /// Where the weights come from; run and steps are filled in.
    pub provenance: Provenance,
    /// The model's title for people, where it has one.
    pub title: Option<String>,
    /// The names of the data's classes by label.
    pub classes: Vec<String>,
}

impl Plan {
    pub(super) fn epoch_of(&self, step: u64) -> Option<f64> {
        (self.epoch > 0).then(|| step as f64 / self.epoch as f64)
    }

    /// How far a step is, for people.
    pub(super) fn describe(&self, step: u64) -> String {
        let epochs = |step: u64| {
            let epochs = step as f64 / self.epoch as f64;
            if step.is_multiple_of(self.epoch) { format!("{epochs:.0}") } else { format!("{epochs:.1}") }
        };
        format!("epoch {} of {}", epochs(step), epochs(self.steps))
    }
}
