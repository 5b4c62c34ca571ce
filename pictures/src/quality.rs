//! Compression settings.

use image::codecs::png::CompressionType;

/// The trade-offs of encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// JPEG quality, 1 to 100.
    pub jpeg: u8,
    /// PNG compression.
    pub png: Compression,
}

/// PNG compression level. All are lossless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Compression {
    /// Fast.
    Fast,
    /// A little smaller, several times slower.
    Balanced,
    /// Smallest, slow.
    Best,
}

impl From<Compression> for CompressionType {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Fast => Self::Fast,
            Compression::Balanced => Self::Default,
            Compression::Best => Self::Best,
        }
    }
}

impl From<Compression> for png::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Fast => Self::Fast,
            Compression::Balanced => Self::Balanced,
            Compression::Best => Self::High,
        }
    }
}
