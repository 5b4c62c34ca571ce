//! What a run tells while it goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::trainer::Phase;

/// Something that happened in a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something that the user should know.
    Warning(&'a str),
    /// The data was read and the networks are built; a line for people.
    Ready(&'a str),
    /// The first step is about to be done.
    Started {
        /// The run's folder.
        folder: &'a Path,
        /// The steps that were done before.
        step: u64,
        /// Steps in total.
        steps: u64,
        /// The phases of a run whose steps differ in cost.
        phases: &'a [Phase],
    },
    /// A step was done.
    Step {
        /// Its number, from 1.
        step: u64,
        /// The stage of a training that changes on its way, by name.
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
        /// The same as a line for people.
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

/// What a run's events are told to.
pub type Callback = Box<dyn FnMut(&Event<'_>) + Send>;

/// The connections of a run to the program around it.
#[derive(Default)]
pub struct Hooks {
    /// Is told every event.
    pub callback: Option<Callback>,
    /// Set from outside, it ends the run after the step in hand, with a checkpoint.
    pub interrupt: Arc<AtomicBool>,
}

impl Hooks {
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        if let Some(callback) = &mut self.callback {
            callback(event);
        }
    }
}
