#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod border;
mod constant;
mod error;
mod fold;
mod memory;
mod model;
mod network;
mod operator;
mod plan;
mod planner;
mod rewrite;
mod run;
mod session;
mod shape;
mod step;
mod weights;

pub use easel_kernels::Level;
pub use error::{Error, Result};
pub use model::Model;
pub use session::{Memory, Session, SessionOptions, StepTime};
