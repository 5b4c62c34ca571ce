//! `sample`: pictures from a generator, and walks from one to the next; pictures of a class from a denoiser.

mod args;
mod batches;
mod classes;
mod denoise;
mod drawing;
mod film;
mod generate;
mod latents;
mod names;
mod plan;
mod run;
mod seeds;
mod sheet;

pub use args::{Args, Grid};
pub use plan::{Denoising, Plan, Subject, Target};
pub use run::run;
pub use seeds::Seeds;
