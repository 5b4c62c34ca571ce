//! `stylize`: pictures in a style.

mod args;
mod doctor;
mod film;
mod gate;
mod guard;
mod identity;
mod inputs;
mod jobs;
mod lane;
mod memory;
mod model;
mod pipeline;
mod plan;
mod reading;
mod report;
mod run;

pub use args::Args;
pub use doctor::doctor;
pub use memory::{Facts, Footprint, Settings, Statistics, Tiling, tiling};
pub use model::{Fit, Numbers, Stylizer};
pub use plan::{Existing, Plan, Shard, StatisticsOf, Style, Target, TileSize};
pub use run::run;
