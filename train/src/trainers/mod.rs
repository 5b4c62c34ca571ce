//! What trains each network, one a file.

pub mod gan;
pub mod judgement;
pub mod lenet;
pub mod style;
