//! The largest pictures that are read.

/// The largest width and height, in pixels.
pub const MAX_SIDE: u32 = 1 << 14;

/// The most memory that the pixels of a file may take, in bytes.
pub const MAX_DECODED_BYTES: u64 = 1 << 30;
