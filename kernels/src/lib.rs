#![doc = include_str!("../README.md")]

mod convolution;
mod epilogue;
mod pictures;
pub mod plain;
mod simd;
mod view;

pub use convolution::{Convolution, Options};
pub use epilogue::{Epilogue, Moments};
pub use pictures::{Order, Pictures, Target};
pub use simd::Level;
pub use view::{Activation, Affine, View, ZERO};
