//! Networks, gradients, losses, optimisers, data and runs: everything up to a checkpoint that can be exported.
//!
//! A network is written once, generic over the [`Value`] that flows through it. Given a [`candle_core::Tensor`] it
//! computes and trains; given the exporter's symbol it records an ONNX graph.

pub mod data;
pub mod error;
pub mod kernels;
pub mod losses;
pub mod memory;
pub mod metrics;
pub mod networks;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod param;
pub mod run;
pub mod summary;
pub mod tensors;
pub mod threads;
pub mod trainers;
pub mod value;
pub mod weights;

pub use error::{Error, Result};
pub use networks::weights::Weights;
pub use param::{Param, Params};
pub use value::Value;
pub use weights::WeightsFile;
