//! `sample`: pictures from a generator, and walks from one to the next.

mod animation;
mod args;
mod latents;
mod plan;
mod run;
mod seeds;

pub use args::{Args, Grid};
pub use plan::{Plan, Subject, Target};
pub use run::run;
pub use seeds::Seeds;
