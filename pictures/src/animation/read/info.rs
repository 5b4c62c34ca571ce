//! The results of reading an animation, common to all formats.

use std::time::Duration;

use image::RgbaImage;

use crate::error::Result;
use crate::exif::Exif;

/// The properties of an animation as a whole.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AnimationInfo {
    /// How often the animation plays; 0: for ever.
    pub plays: u32,
    /// The ICC profile of the pixels.
    pub icc_profile: Option<Vec<u8>>,
    /// The EXIF fields that are kept.
    pub exif: Option<Exif>,
}

/// Receives each frame, upright and as large as the canvas, and its delay. An error ends the reading.
pub type FrameSink<'a> = dyn FnMut(RgbaImage, Duration) -> Result<()> + 'a;
