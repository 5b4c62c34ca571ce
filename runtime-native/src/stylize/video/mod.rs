//! Videos: ffmpeg decodes and encodes them, and the workers stylize the frames.

mod codec;
pub(super) mod container;
mod extras;
pub(super) mod ffmpeg;
mod flicker;
mod frames;
mod motion;
mod notes;
mod probe;
mod processes;
mod report;
mod run;
mod similarity;
mod smoothing;
mod steady;

pub(super) use run::run;
