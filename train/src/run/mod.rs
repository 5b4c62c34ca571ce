//! A training run: its folder, configuration, records, checkpoints, progress and interruption.
//!
//! ```text
//! runs/00003-gan-mnist/
//!   config.toml              what was asked for, everything resolved
//!   card.md                  what the run is and how far it has come, for people
//!   stats.jsonl              losses, evaluations and speed, one JSON object a line
//!   events.out.tfevents.*    the same and the sample grids for TensorBoard
//!   samples/000500.png       pictures from fixed noise
//!   checkpoints/000500/      weights.safetensors, state.safetensors; the last few and the best
//!   best.json                which is the best, and by what, where the trainer evaluates
//! ```

mod card;
pub mod checkpoint;
pub mod config;
pub mod counts;
pub mod device;
pub mod estimate;
pub mod folder;
pub mod interrupt;
mod plan;
pub mod progress;
mod records;
pub mod session;
pub mod stats;
pub mod streams;
pub mod tensorboard;

pub use checkpoint::Checkpoint;
pub use folder::RunFolder;
