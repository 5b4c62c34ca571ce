//! What trains each network, one a file.

pub mod ddpm;
pub mod gan;
pub mod judgement;
mod learner;
pub mod lenet;
pub mod mlp;
pub mod progan;
pub mod style;
