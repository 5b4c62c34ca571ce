//! Models on this machine: [`Engine`](easel_runtime::Engine) over ONNX Runtime, and the programs that use it.
//!
//! ONNX Runtime is loaded when the first model is, from a shared library that [`library`] finds. A model file is opened
//! with [`Model::open`]; bytes without a card (another's model, an export that is still being verified) go straight
//! to [`OrtEngine::load`].

pub mod classify;
pub mod cli;
pub mod device;
pub mod engine;
pub mod error;
pub mod library;
mod memory;
pub mod model;
pub mod output;
mod places;
pub mod sample;
pub mod stylize;

pub use device::OnDevice;
pub use engine::{Dimension, Options, OrtEngine, ValueInfo};
pub use error::{Error, Result};
pub use library::onnxruntime_version;
pub use model::{AnyModelFile, Model, ModelFile, find_model};
