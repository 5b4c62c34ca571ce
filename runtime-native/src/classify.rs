//! `classify`: predicts the classes of pictures.

mod args;
mod run;

pub use args::Args;
pub use run::run;
