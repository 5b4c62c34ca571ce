//! A frame of an animation.

use easel_runtime::Picture;
use easel_runtime::transparency::merge_alpha;

/// A frame of an animation.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The pixels.
    pub picture: &'a Picture,
    /// The opacity of each pixel, 0 to 255. `None`: all are opaque.
    pub alpha: Option<&'a [u8]>,
}

impl<'a> Frame<'a> {
    /// A frame without transparency.
    pub fn opaque(picture: &'a Picture) -> Self {
        Self { picture, alpha: None }
    }

    /// Four bytes a pixel.
    pub fn rgba(&self) -> Vec<u8> {
        merge_alpha(self.picture, self.alpha.unwrap_or_default())
    }
}
