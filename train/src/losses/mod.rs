//! Losses, one a file.

mod bce_with_logits;
pub mod gan;

pub use bce_with_logits::bce_with_logits;
