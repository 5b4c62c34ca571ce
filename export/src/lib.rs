//! From weights to one self-describing ONNX file.
//!
//! A network that is generic over [`easel_train::Value`] is run once on a [`Symbol`], which records an ONNX graph
//! instead of computing. The graph, the weights and a card become a file, which is kept only if ONNX Runtime computes
//! with it what candle computes with the network.

#![forbid(unsafe_code)]

pub mod error;
pub mod export;
pub mod fold;
pub mod graph;
pub mod growth;
pub mod inspect;
pub mod models;
pub mod quantise;
mod sample;
pub mod source;
pub mod storage;
mod symbol;
pub mod verify;

pub use error::{Error, Result};
pub use graph::{Dim, Graph, NormForm};
pub use storage::Storage;
pub use symbol::Symbol;
