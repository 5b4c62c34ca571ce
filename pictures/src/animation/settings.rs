//! Settings of an animation as a whole.

use super::palette::Palette;
use crate::density::Density;

/// Settings of an animation as a whole.
#[derive(Default)]
pub struct AnimationSettings {
    /// How often the animation plays; 0: for ever.
    pub plays: u32,
    /// The ICC profile of the pixels. GIF cannot hold it.
    pub icc_profile: Option<Vec<u8>>,
    /// An EXIF block. GIF cannot hold it.
    pub exif: Option<Vec<u8>>,
    /// The density of a PNG.
    pub density: Option<Density>,
    /// The colours of a GIF. `None`: each frame has a palette of its own.
    pub palette: Option<Palette>,
}
