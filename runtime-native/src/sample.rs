//! `sample`: pictures from a generator, and walks from one to the next; pictures of classes from a denoiser.

mod animation_file;
mod args;
mod batches;
mod classes;
mod denoise;
mod draws;
mod generate;
mod latents;
mod layout;
mod names;
mod plan;
mod report;
mod run;
mod seeds;

pub use args::{Args, Grid};
pub use plan::{DenoiserOptions, Destination, SamplePlan, Selection, Target};
pub use run::run;
pub use seeds::Seeds;
