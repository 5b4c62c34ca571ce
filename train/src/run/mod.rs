//! A training run: its folder, records, checkpoints and the training loop. It does not depend on recipes.
//!
//! ```text
//! runs/00003-gan-mnist/
//!   config.toml              the resolved settings
//!   card.md                  a readable summary of the run and its progress
//!   stats.jsonl              losses, evaluations and speed, one JSON object a line
//!   events.out.tfevents.*    the same and the sample grids for TensorBoard
//!   samples/000500.png       pictures from fixed noise
//!   checkpoints/000500/      weights.safetensors, state.safetensors; the last few and the best
//!   best.json                the best checkpoint and its metric, if the trainer evaluates
//! ```

mod card;
pub mod checkpoint;
pub mod counts;
pub mod device;
pub mod estimate;
pub mod event;
pub mod folder;
pub mod plan;
mod records;
pub mod session;
pub mod stats;
pub mod streams;
pub mod tensorboard;
pub mod trainer;

pub use checkpoint::Checkpoint;
pub use counts::{Better, Metric};
pub use event::{Callback, Event, Hooks};
pub use folder::RunFolder;
pub use plan::{DataFacts, Epochs, Plan, Span};
pub use session::Outcome;
pub use trainer::{Phase, Snapshot, Trainer};
