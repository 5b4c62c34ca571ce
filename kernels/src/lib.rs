#![doc = include_str!("../README.md")]

mod convolution;
mod direct;
mod epilogue;
mod few;
mod finish;
#[cfg(feature = "gradients")]
pub mod gradients;
mod nested;
mod panels;
mod parallel;
mod pictures;
pub mod plain;
mod region;
mod simd;
mod tile;
mod view;
mod winograd;

pub use convolution::{Convolution, Options};
pub use epilogue::{Epilogue, Moments};
pub use pictures::{Order, Pictures, Target};
pub use simd::{LEVEL_VARIABLE, Level};
pub use view::{Activation, Affine, View, ZERO};
