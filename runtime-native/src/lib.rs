//! Runs models on CPUs and GPUs: [`NativeEngine`] is an [`Engine`](easel_runtime::Engine), and the programs `sample`,
//! `stylize` and `classify` use it.
//!
//! It is Easel's own engine on a CPU, and ONNX Runtime ([`OrtEngine`]) on a GPU and for models that ours cannot run
//! ([`EngineChoice`]). ONNX Runtime is loaded when it is first needed, from a shared library that [`library`] finds. A model
//! file is opened with [`Model::open`]; the bytes of a model without a card go to [`NativeEngine::load`].

// They panic where nobody reads; `easel_console` does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod classify;
pub mod cli;
pub mod device;
pub mod engine;
pub mod error;
mod left_out;
pub mod library;
mod memory;
pub mod model;
pub mod output;
mod places;
pub mod sample;
pub mod stylize;
#[cfg(test)]
mod test_support;

pub use device::OnDevice;
pub use engine::{Dimension, EngineChoice, EngineOptions, NativeEngine, OrtEngine, ValueInfo};
pub use error::{Error, Result};
pub use library::onnxruntime_version;
pub use model::{AnyModelFile, Model, ModelFile, find_model};
