//! `sample`: pictures from a generator.

mod args;
mod run;

pub use args::{Args, Plan};
pub use run::run;
