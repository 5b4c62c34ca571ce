//! `stylize`: pictures in a style.

mod args;
mod doctor;
mod guard;
mod jobs;
mod memory;
mod model;
mod photo;
mod run;

pub use args::{Args, Existing, Plan, TileSize};
pub use doctor::doctor;
pub use model::{Fit, Stylizer};
pub use run::run;
