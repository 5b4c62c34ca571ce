//! What becomes of a picture.

use std::time::Duration;

use super::worker::TilingSummary;

/// A picture whose result was written.
#[derive(Debug)]
pub(super) struct Success {
    pub width: usize,
    pub height: usize,
    /// The frames of an animation, or 1.
    pub frames: usize,
    pub tiling: TilingSummary,
    /// How long the models took.
    pub took: Duration,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error about the picture, whose path is not in the message.
    Input(String),
    /// An error about the result, whose path is in the message.
    Output(String),
    /// The same, and no other result can be written either.
    Full(String),
}

/// What became of a picture.
pub(super) type Outcome = Result<Success, Failure>;

/// What happens while pictures are worked on.
pub(super) enum Event {
    /// Of one picture, this many tiles are done, and of how many.
    Tiles(usize, usize),
    /// The job of this number ended.
    End(usize, Outcome),
    /// Ctrl-C was pressed. Nothing is written any more.
    Interrupted,
}
