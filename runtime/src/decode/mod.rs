//! Reading picture files. Feature `files`.

mod colour;
mod exif;
mod header;
mod jpeg;
mod tiff;

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

pub use colour::{is_rgb, rgb_to_srgb};
pub use exif::Exif;
pub use header::{Header, header};

/// The widest and the highest picture that is read.
pub const MOST_PIXELS_A_SIDE: u32 = 1 << 14;

/// The most memory that decoding one picture may take, in bytes.
pub const MOST_DECODED_BYTES: u64 = 1 << 30;

/// What is said of a file that cannot be decoded.
pub const DAMAGED: &str = "the file is damaged or truncated; get another copy";
/// What is said of a file that stops early.
pub const TRUNCATED: &str = "the file is truncated; get another copy";
const ENDLESS: &str = "the file stops before its end marker: it is truncated; get another copy";

/// A picture as it was read.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels, at least one, the right way up. Those of a CMYK file, and of a grey one with a profile, are sRGB.
    pub picture: DynamicImage,
    /// The file's format.
    pub format: ImageFormat,
    /// The ICC profile that says what colours the pixels mean, where the file has one for RGB.
    pub icc_profile: Option<Vec<u8>>,
    /// What else the file says about the picture.
    pub exif: Option<Exif>,
}

/// Reads a picture file; see [`decode_bytes`].
pub fn decode(path: &Path) -> Result<Decoded, String> {
    if !path.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("not a file".into());
    }
    decode_bytes(&fs::read(path).map_err(|error| error.to_string())?)
}

/// The format of a picture file's bytes, told by content.
pub fn format_of(bytes: &[u8]) -> Result<ImageFormat, String> {
    let format = image::guess_format(bytes).ok().filter(ImageFormat::reading_enabled);
    format.ok_or_else(|| "not a picture of a known kind (png, jpg, webp, bmp, gif, tiff)".into())
}

/// Reads a picture file's bytes, told by content, the right way up: the orientation that a camera stored is applied. Of
/// an animation it is the first picture.
///
/// Fails on more than [`MOST_PIXELS_A_SIDE`] before anything is decoded, and on files that stop early. The error says
/// what is wrong without the path.
pub fn decode_bytes(bytes: &[u8]) -> Result<Decoded, String> {
    let (mut decoder, format) = opened(bytes)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (profile, exif) = match format {
        ImageFormat::Tiff => (tiff::icc_profile(bytes), Exif::from_bytes(bytes)),
        _ => {
            let exif = decoder.exif_metadata().ok().flatten();
            (decoder.icc_profile().ok().flatten(), exif.and_then(|exif| Exif::from_bytes(&exif)))
        }
    };
    let inks = match format {
        ImageFormat::Jpeg => jpeg::cmyk(bytes)?,
        ImageFormat::Tiff => tiff::cmyk(bytes)?,
        _ => None,
    };
    let mut picture = match inks {
        Some(inks) => RgbImage::from_raw(width, height, colour::cmyk_to_srgb(&inks, profile.as_deref()))
            .map(DynamicImage::from)
            .ok_or(DAMAGED)?,
        None => DynamicImage::from_decoder(decoder).map_err(|error| in_words(&error))?,
    };
    // The decoder fills up what is missing with grey and says nothing.
    if format == ImageFormat::Jpeg && !jpeg::ends(bytes) {
        return Err(ENDLESS.into());
    }
    if let Some(profile) = profile.as_ref().filter(|_| !picture.color().has_color()) {
        picture = colour::grey_to_srgb(picture, profile);
    }
    picture.apply_orientation(orientation);
    Ok(Decoded { picture, format, icc_profile: profile.filter(|profile| is_rgb(profile)), exif })
}

/// A picture file whose header was read and found within the limits.
fn opened(bytes: &[u8]) -> Result<(impl ImageDecoder, ImageFormat), String> {
    let format = format_of(bytes)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_DECODED_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| in_words(&error))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes())?;
    Ok((decoder, format))
}

/// Fails on a picture without pixels, and on one that is larger than any that is read.
pub fn check_size(width: u32, height: u32, bytes: u64) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err("a picture without pixels".into());
    }
    if width.max(height) > MOST_PIXELS_A_SIDE || bytes > MOST_DECODED_BYTES {
        return Err(format!(
            "a picture of {width}x{height}; at most {MOST_PIXELS_A_SIDE} pixels a side and {} MiB are read; make it smaller first",
            MOST_DECODED_BYTES >> 20
        ));
    }
    Ok(())
}

/// An error of a decoder's in one line.
pub fn in_words(error: &ImageError) -> String {
    match error {
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => TRUNCATED.into(),
        // Whose words name the decoder's own types.
        ImageError::Decoding(_) => DAMAGED.into(),
        other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn photo() -> RgbImage {
        RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, ((x * y) % 251) as u8]))
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        photo().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn content_tells_the_format() {
        let folder = tempfile::tempdir().unwrap();
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
            let path = folder.path().join("picture.txt");
            fs::write(&path, encoded(format)).unwrap();
            let found = decode(&path).unwrap();
            assert_eq!((found.format, found.picture.width(), found.picture.height()), (format, 64, 48));
        }
        let path = folder.path().join("text.jpg");
        fs::write(&path, "not a picture").unwrap();
        assert!(decode(&path).unwrap_err().contains("not a picture of a known kind"));
        assert!(decode(folder.path()).unwrap_err().contains("not a file"));
    }

    /// Every cut of every format: no panic, and no picture where a part of the pixels is missing.
    #[test]
    fn truncated_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut");
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
            let bytes = encoded(format);
            for part in 0..20 {
                let length = bytes.len() * part / 20;
                fs::write(&path, &bytes[..length]).unwrap();
                let error = decode(&path).expect_err(&format!("{format:?} cut at {length} of {}", bytes.len()));
                assert!(!error.contains('\n'), "{error}");
                let words = ["truncated; get another copy", "not a picture of a known kind"];
                assert!(words.iter().any(|words| error.contains(words)), "{format:?} cut at {length}: {error}");
            }
        }
        let whole = encoded(ImageFormat::Jpeg);
        fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        assert_eq!(decode(&path).unwrap_err(), ENDLESS);
        let mut bytes = encoded(ImageFormat::Png);
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(decode(&path).unwrap_err(), DAMAGED);
    }

    #[test]
    fn a_huge_header_is_refused_before_decoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        let big_endian = |bytes: &mut [u8], value: u32| bytes.copy_from_slice(&value.to_be_bytes());
        let mut png = encoded(ImageFormat::Png);
        big_endian(&mut png[16..20], 60_000);
        big_endian(&mut png[20..24], 60_000);
        let checksum = crc32(&png[12..29]);
        big_endian(&mut png[29..33], checksum);
        let mut jpeg = encoded(ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
        let mut bmp = encoded(ImageFormat::Bmp);
        bmp[18..22].copy_from_slice(&60_000u32.to_le_bytes());
        bmp[22..26].copy_from_slice(&60_000u32.to_le_bytes());
        for bytes in [png, jpeg, bmp] {
            fs::write(&path, bytes).unwrap();
            let error = decode(&path).unwrap_err();
            assert!(error.starts_with("a picture of 60000x60000; at most 16384 pixels a side"), "{error}");
        }
    }

    /// The checksum of a PNG chunk.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| sum >> 1 ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
        })
    }
}
