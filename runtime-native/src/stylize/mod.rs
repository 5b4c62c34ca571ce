//! `stylize`: pictures and videos in a style.
//!
//! Modules depend on each other in one direction: options, arguments, plan, jobs, tiles and models, pipeline, report, run.

mod args;
mod clock;
mod doctor;
mod identity;
pub(crate) mod inputs;
mod interrupt;
mod jobs;
mod models;
mod options;
mod outcome;
mod pipeline;
mod plan;
pub(crate) mod reading;
mod report;
mod run;
mod semaphore;
mod stylizer;
mod tiling;
mod video;
mod worker;
mod writer;

pub use args::Args;
pub use doctor::doctor;
pub use options::{ExistingResults, IoOptions, Shard, StatisticsSource, TileSize, TilingOptions};
pub use plan::{Destination, Style, StylizePlan};
pub use run::run;
pub use stylizer::Stylizer;
pub use tiling::{FixedSize, Footprint, ModelTraits, TileStatistics, Tiling, tiling};
