//! Picture files: decoding, encoding, animations, colour profiles, EXIF and resizing.
//!
//! [`decode`] detects the format by content, applies the EXIF orientation, and checks limits before decoding. A
//! [`PictureFile`] holds everything in a file and can be encoded again; [`encode_picture`] and [`save_picture`] write
//! plain pixels; [`animation`] writes GIF and WebP frame by frame; [`fit`] brings a picture to the size of a network.
//!
//! ```
//! use easel_pictures::{ImageFormat, decode, encode_picture};
//! use easel_runtime::Picture;
//!
//! let picture = Picture::filled(4, 3, 3, 200);
//! let bytes = encode_picture(&picture, ImageFormat::Png)?;
//! let decoded = decode(&bytes)?;
//! assert_eq!(decoded.format, ImageFormat::Png);
//! assert_eq!(decoded.picture.into_rgb8().into_raw(), picture.pixels);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod animation;
mod colour;
mod colour_space;
mod content;
mod decode;
mod density;
mod encode;
mod error;
mod exif;
mod fit;
mod format;
mod ifd;
mod limits;
mod picture_file;
mod quality;
mod resize;
mod tiff;

pub use image::{DynamicImage, ImageFormat};

pub use content::{Content, detect_format, identify, is_picture_name};
pub use decode::{DecodedPicture, Header, decode, decode_file, open};
pub use density::{Density, DensityUnit};
pub use encode::{encode_jpeg, encode_picture, save_picture};
pub use error::{DecodeError, Result};
pub use exif::Exif;
pub use fit::{fit, fit_picture, on_white};
pub use format::{FileFormat, OtherFormat, max_side, picture_format};
pub use limits::{MAX_DECODED_BYTES, MAX_SIDE};
pub use picture_file::PictureFile;
pub use quality::{Compression, Quality};
pub use resize::{fitted_size, resize};
