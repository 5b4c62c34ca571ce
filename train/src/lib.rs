//! Networks, gradients, losses, optimisers, data loading and training: everything up to a checkpoint to export.
//!
//! A network is written once, generic over the [`Value`] that flows through it. Given a [`candle_core::Tensor`] it
//! computes and trains; given the exporter's symbol it records an ONNX graph.
//!
//! Training is one call of [`train`] with a [`Recipe`](recipes::Recipe); see [`recipes`] for the available ones.
//!
//! Features: `cli` for the program `train`; `cuda` and `cudnn` for NVIDIA GPUs.

pub mod data;
pub mod error;
pub mod losses;
pub mod metrics;
pub mod networks;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod param;
pub mod recipes;
pub mod run;
pub mod settings;
pub mod summary;
pub mod tensors;
pub mod threads;
pub mod training;
pub mod value;
pub mod weights;

pub use error::{Error, Result};
pub use networks::weights::Weights;
pub use param::{Param, Params};
pub use training::{Run, TrainOptions, train};
pub use value::Value;
pub use weights::WeightsFile;
