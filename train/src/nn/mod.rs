//! Layers: parameters under PyTorch's names, and the one operation that they feed.

mod conv2d;
mod conv_transpose2d;
mod instance_norm2d;
mod linear;

pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use instance_norm2d::InstanceNorm2d;
pub use linear::Linear;
