//! What the native and the browser runtime share: the model card, seeded random numbers, tensors and pictures, and
//! inference with any [`Engine`].
//!
//! The crate does no input or output and depends on neither candle nor ONNX Runtime, so it builds for every target,
//! including wasm32, and computes the same bits on each.

#![forbid(unsafe_code)]

pub mod blend;
pub mod card;
pub mod classifier;
pub mod denoiser;
pub mod device;
pub mod engine;
pub mod error;
pub mod file_kind;
pub mod generator;
pub mod golden;
pub mod grid;
pub mod onnx;
pub mod picture;
pub mod polarity;
pub mod predictor;
pub mod random;
pub mod resize;
pub mod samplers;
pub mod schedule;
pub mod stylizer;
pub mod tensor;
pub mod text;
pub mod transparency;
pub mod walk;

pub use blend::Blend;
pub use card::ModelCard;
pub use device::Device;
pub use engine::Engine;
pub use error::{Error, Result};
pub use file_kind::FileKind;
pub use picture::Picture;
pub use polarity::PolarityMatcher;
pub use predictor::Predictor;
pub use random::Random;
pub use schedule::Schedule;
pub use tensor::Tensor;
