//! What trains each network, one a file.

pub mod gan;
