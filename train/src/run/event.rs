//! The events of a run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::trainer::Phase;

/// Something that happened in a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A warning to show to the user.
    Warning(&'a str),
    /// The data is loaded and the networks are built; a line of text.
    Ready(&'a str),
    /// Training starts.
    Started {
        /// The run's folder.
        folder: &'a Path,
        /// The number of steps done before.
        step: u64,
        /// Steps in total.
        steps: u64,
        /// The phases of a run whose steps differ in cost.
        phases: &'a [Phase],
    },
    /// A step has finished.
    Step {
        /// Its number, from 1.
        step: u64,
        /// The stage of a training whose stages differ, as named values.
        stage: &'a [(&'static str, f64)],
        /// Losses by name, smoothed over about fifty steps.
        losses: &'a [(&'a str, f64)],
    },
    /// The network was evaluated.
    Evaluated {
        /// The step.
        step: u64,
        /// The values by name.
        values: &'a [(String, f64)],
        /// The same as a line of text.
        line: &'a str,
    },
    /// A checkpoint was written.
    Saved {
        /// The step.
        step: u64,
        /// Its folder.
        path: &'a Path,
    },
}

/// A function that is called for every event of a run.
pub type Callback = Box<dyn FnMut(&Event<'_>) + Send>;

/// The callbacks of a run.
#[derive(Default)]
pub struct Hooks {
    /// Called for every event.
    pub callback: Option<Callback>,
    /// When set, it ends the run with a checkpoint after the current step.
    pub interrupt: Arc<AtomicBool>,
}

impl Hooks {
    pub(crate) fn emit(&mut self, event: &Event<'_>) {
        if let Some(callback) = &mut self.callback {
            callback(event);
        }
    }
}
