//! How files are compressed.

use image::codecs::png::CompressionType;

/// The trade-offs of encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// JPEG quality, 1 to 100.
    pub jpeg: u8,
    /// PNG compression.
    pub png: Compression,
}

/// How much time PNG compression takes. The pixels are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Compression {
    /// Quickly.
    Fast,
    /// A little smaller, in several times as long.
    Balanced,
    /// As small as possible, slowly.
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
