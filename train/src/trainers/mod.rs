//! What trains each network, one a file.

pub mod ddpm;
pub mod gan;
mod learner;
pub mod lenet;
pub mod mlp;
pub mod progan;
pub mod style;
