//! What the tests that cross crates share: golden cases, and where real data lies.

pub mod data;
pub mod golden;
