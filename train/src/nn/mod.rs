//! Layers: parameters under PyTorch's names, and the operation that uses them.
//!
//! Layers that differ between training and evaluation (batch norm, dropout) act according to a [`Pass`].

mod activation;
mod batch_norm2d;
mod conv2d;
mod conv_transpose2d;
mod dropout;
mod embedding;
mod instance_norm2d;
mod layer;
mod linear;
mod param_dict;
mod param_list;
mod pass;
mod sequential;

pub use activation::Activation;
pub use batch_norm2d::{BatchNorm2d, BatchNorm2dOptions, BatchStatistics};
pub use conv_transpose2d::{ConvTranspose2d, ConvTranspose2dOptions};
pub use conv2d::{Conv2d, Conv2dOptions};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use instance_norm2d::InstanceNorm2d;
pub use layer::Layer;
pub use linear::{Linear, LinearOptions};
pub use param_dict::ParamDict;
pub use param_list::ParamList;
pub use pass::{Eval, Pass, Taps, Train};
pub use sequential::Sequential;
