//! Procedural data: landscapes that resemble photos, and handwritten digits, to try everything without a data set.
//!
//! A picture depends on its seed and index alone, and the same pair gives the same scene at any size.
//!
//! ```
//! use easel_scenes::{Motif, digit, scene};
//!
//! let (landscape, label) = scene(0, 1, 48, 64);
//! assert_eq!((landscape.width, landscape.height, landscape.channels), (64, 48, 3));
//! assert_eq!(Motif::ALL[label as usize], Motif::Lake);
//!
//! let (seven, label) = digit(0, 17, 28, 28);
//! assert_eq!((seven.channels, label), (1, 7));
//! ```

#![forbid(unsafe_code)]

mod digits;
mod landscape;

pub use digits::digit;
pub use landscape::{Motif, scene};
