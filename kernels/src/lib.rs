#![doc = include_str!("../README.md")]

mod convolution;
mod copy;
mod direct;
mod elementwise;
mod epilogue;
mod few;
mod finish;
#[cfg(feature = "gradients")]
pub mod gradients;
mod nested;
mod norm;
mod panels;
mod parallel;
mod parts;
mod pictures;
pub mod plain;
mod pool;
mod region;
mod rows;
mod simd;
mod tile;
mod view;
mod winograd;

pub use convolution::{Convolution, Options};
pub use copy::copy;
pub use elementwise::{Binary, combine, map};
pub use epilogue::{Epilogue, Moments};
pub use norm::{moments, pixel_norm};
pub use pictures::{Order, Pictures, Target};
pub use pool::{Pool, PoolKind};
pub use simd::{LEVEL_VARIABLE, Level};
pub use view::{Activation, Affine, View, ZERO};
