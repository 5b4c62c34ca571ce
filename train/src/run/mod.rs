//! A training run: its folder, configuration, records, checkpoints, progress and interruption.
//!
//! ```text
//! runs/00003-gan-mnist/
//!   config.toml              what was asked for, everything resolved
//!   stats.jsonl              losses and speed, one JSON object a line
//!   events.out.tfevents.*    the same and the sample grids for TensorBoard
//!   samples/000500.png       pictures from fixed noise
//!   checkpoints/000500/      weights.safetensors, state.safetensors
//! ```

pub mod checkpoint;
pub mod config;
pub mod device;
pub mod folder;
pub mod interrupt;
pub mod progress;
pub mod session;
pub mod stats;
pub mod streams;
pub mod tensorboard;

pub use checkpoint::Checkpoint;
pub use folder::RunFolder;
