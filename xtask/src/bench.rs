//! `cargo xtask bench`: the cost of training steps and of models, compared with other programs'.
//!
//! Each program under comparison is a [`Side`](side::Side). The sides take turns, so none is timed while another computes.

mod case;
mod contest;
mod infer;
mod job;
mod machine;
mod report;
mod side;
mod train;
mod web;

pub use infer::{Options as InferOptions, infer};
pub use train::{Options as TrainOptions, train};
pub use web::{Options as WebOptions, web};
