//! From weights to one self-describing ONNX file.
//!
//! A network that is generic over [`easel_train::Value`] runs once on a [`Symbol`], which records an ONNX graph instead
//! of computing. The graph, the weights and a card become a file, which is kept only if ONNX Runtime computes the same
//! with it as candle does with the network.
//!
//! ```
//! use candle_core::{DType, Device};
//! use easel_export::export::{ExportOptions, export};
//! use easel_export::{inspect, verify};
//! use easel_runtime::card::Provenance;
//! use easel_train::Params;
//! use easel_train::networks::gan::{Generator, Sizes};
//!
//! let params = Params::new(DType::F32, &Device::Cpu, easel_runtime::Random::new(1, 0));
//! let sizes = Sizes { z_dim: 3, hidden: 4, picture: [1, 2, 2] };
//! let network = Generator::new(params.root(), sizes)?;
//!
//! let options = ExportOptions { title: Some("Dots".into()), ..Default::default() };
//! let file = export(&network, sizes.architecture(), Provenance::default(), &options)?;
//! assert!(verify::verify_file(&file.bytes, None)?.max_difference < 1e-4);
//! assert!(inspect::describe_model(&file.bytes)?.starts_with("title        Dots"));
//! # Ok::<(), easel_export::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod error;
pub mod export;
pub mod exportable;
mod extent;
pub mod fold;
pub mod graph;
pub mod growth;
pub mod inspect;
pub mod models;
mod onnx;
mod proto;
pub mod quantise;
mod sample;
pub mod storage;
mod symbol;
pub mod verify;

pub use error::{Error, Result};
pub use exportable::{Exportable, NamedTensors};
pub use graph::{ConvForm, Graph, NormForm};
pub use proto::Dim;
pub use storage::Storage;
pub use symbol::Symbol;
