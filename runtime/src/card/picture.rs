//! The pictures that a model takes or returns.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The format of the pictures that a model takes or returns: float32 in `[0, 1]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureFormat {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Their size.
    pub size: PictureSize,
}

impl PictureFormat {
    pub(super) fn check(&self) -> Result<()> {
        if !matches!(self.channels, 1 | 3) {
            return Err(Error::BadCard(format!("{} picture channels; only 1 and 3 are supported", self.channels)));
        }
        match self.size {
            PictureSize::Fixed { height, width }
                if !((1..=1 << 14).contains(&height) && (1..=1 << 14).contains(&width)) =>
            {
                Err(Error::BadCard(format!("a picture of {width}x{height}")))
            }
            _ => Ok(()),
        }
    }
}

/// A model's picture size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureSize {
    /// A fixed size.
    Fixed {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Any size. The model pads pictures to the next multiple of `multiple` that is at least `at_least`.
    Any {
        /// The multiple.
        multiple: usize,
        /// The smallest padded size.
        at_least: usize,
    },
}
