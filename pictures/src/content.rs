//! What a file holds, told by its first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use image::ImageFormat;

use crate::error::{DecodeError, Result};
use crate::format::{FileFormat, OtherFormat, is_picture_extension};

/// How many bytes at the beginning of a file are looked at.
const START: u64 = 4096;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A picture in a format that is read.
    Picture(FileFormat),
    /// A picture or video in a known format that is not read.
    Other(OtherFormat),
    /// Something else.
    Unknown,
}

/// What a file holds, by its content. Of TIFF files that cameras write, the extension says that they are raw.
pub fn identify(path: &Path) -> io::Result<Content> {
    let mut start = Vec::new();
    File::open(path)?.take(START).read_to_end(&mut start)?;
    let content = Content::of(&start);
    let raw = path.extension().and_then(|extension| raw_extension(extension.to_str()?));
    Ok(match (content, raw) {
        (Content::Picture(FileFormat::Written(ImageFormat::Tiff)), Some(kind)) => {
            Content::Other(OtherFormat::CameraRaw(kind))
        }
        _ => content,
    })
}

/// Whether a name's extension is one of a format that is read, in upper or lower case.
pub fn is_picture_name(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(is_picture_extension)
}

/// Detects the format of a file's bytes by content, of which the first 4 KiB are enough. Fails if it is not among those
/// that are read.
pub fn detect_format(bytes: &[u8]) -> Result<FileFormat> {
    match Content::of(bytes) {
        Content::Picture(format) => Ok(format),
        Content::Other(format) => Err(DecodeError::OtherFormat(format)),
        Content::Unknown => Err(DecodeError::UnknownFormat),
    }
}

impl Content {
    /// What bytes hold, of which the first 4 KiB are enough.
    pub fn of(bytes: &[u8]) -> Self {
        let written = |format| Self::Picture(FileFormat::Written(format));
        let raw = |kind| Self::Other(OtherFormat::CameraRaw(kind));
        let other = |name| Self::Other(OtherFormat::Picture(name));
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => written(ImageFormat::Png),
            [0xff, 0xd8, 0xff, ..] => written(ImageFormat::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => written(ImageFormat::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => written(ImageFormat::WebP),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Self::Other(OtherFormat::Video),
            // The size of the second header: text may begin with the same two letters.
            [b'B', b'M', rest @ ..]
                if matches!(rest.get(12..16), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) =>
            {
                written(ImageFormat::Bmp)
            }
            [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..] => raw("Canon CR2"),
            [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => {
                raw_tiff(bytes).map_or_else(|| written(ImageFormat::Tiff), raw)
            }
            [b'I', b'I', b'+', 0, ..] | [b'M', b'M', 0, b'+', ..] => written(ImageFormat::Tiff),
            [0xff, 0x0a, ..] => Self::Picture(FileFormat::JpegXl),
            [0, 0, 0, 12, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => Self::Picture(FileFormat::JpegXl),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Self::of_brands(bytes),
            [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => other("JPEG 2000"),
            [b'I', b'I', 0xbc, ..] => other("JPEG XR"),
            [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', b'C', b'C', b'D', ..] => raw("Fujifilm RAF"),
            [b'I', b'I', b'R', b'O' | b'S', ..] | [b'M', b'M', b'O', b'R', ..] => raw("Olympus ORF"),
            [b'I', b'I', b'U', 0, ..] => raw("Panasonic RW2"),
            [b'F', b'O', b'V', b'b', ..] => raw("Sigma X3F"),
            [0, b'M', b'R', b'M', ..] => raw("Minolta MRW"),
            [b'8', b'B', b'P', b'S', 0, 1 | 2, ..] => other("PSD"),
            [b'g', b'i', b'm', b'p', b' ', b'x', b'c', b'f', b' ', ..] => other("XCF"),
            [0, 0, 1 | 2, 0, count, 0, ..] if *count > 0 => other("ICO"),
            [b'D', b'D', b'S', b' ', ..] => other("DDS"),
            [0x76, 0x2f, 1, 1, ..] => other("OpenEXR"),
            [b'#', b'?', b'R', b'A' | b'G', ..] => other("Radiance HDR"),
            [b'q', b'o', b'i', b'f', ..] => other("QOI"),
            [b'f', b'a', b'r', b'b', b'f', b'e', b'l', b'd', ..] => other("farbfeld"),
            [b'i', b'c', b'n', b's', ..] => other("ICNS"),
            [b'%', b'P', b'D', b'F', b'-', ..] => other("PDF"),
            [b'P', b'1'..=b'7', b'\n' | b' ' | b'\r' | b'\t', b'#' | b'0'..=b'9' | b'W', ..] => other("PNM"),
            [0x1a, 0x45, 0xdf, 0xa3, ..] | [0, 0, 1, 0xba, ..] | [b'O', b'g', b'g', b'S', ..] => {
                Self::Other(OtherFormat::Video)
            }
            [b'F', b'L', b'V', 1, ..] => Self::Other(OtherFormat::Video),
            [_, _, _, _, b'm', b'o', b'o' | b'd', b'v' | b'a', ..] => Self::Other(OtherFormat::Video),
            _ if is_svg(bytes) => other("SVG"),
            _ => Self::Unknown,
        }
    }

    /// What a file of the ISO base media format holds (ISO/IEC 14496-12, 4.3): its major brand, its minor version, and
    /// the brands that it is compatible with.
    fn of_brands(bytes: &[u8]) -> Self {
        let other = |name| Self::Other(OtherFormat::Picture(name));
        let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let brands: Vec<&[u8]> = bytes[8..length.clamp(8, bytes.len())].chunks_exact(4).collect();
        let any = |names: &[&[u8; 4]]| brands.iter().any(|brand| names.iter().any(|name| brand == name));
        if any(&[b"crx "]) {
            Self::Other(OtherFormat::CameraRaw("Canon CR3"))
        } else if any(&[b"avif", b"avis"]) {
            Self::Picture(FileFormat::Avif)
        } else if any(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"]) {
            other("HEIC")
        } else if any(&[b"mif1", b"msf1", b"mif2"]) {
            Self::Other(OtherFormat::Picture("HEIF with neither HEVC nor AV1"))
        } else {
            Self::Other(OtherFormat::Video)
        }
    }
}

/// The kind of a TIFF file that holds a camera's raw data, by its first directory: DNG says so; others have a small
/// picture there and the rest in further directories, or the sensor's own colours.
fn raw_tiff(bytes: &[u8]) -> Option<&'static str> {
    const ENTRY: usize = 12;
    let little = bytes[0] == b'I';
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = u32_at(4)? as usize;
    let entries = (0..usize::from(u16_at(directory)?)).map(|index| directory + 2 + ENTRY * index);
    let (mut small, mut more, mut sensor) = (false, false, false);
    for at in entries {
        let Some(tag) = u16_at(at) else { break };
        match tag {
            // DNGVersion.
            0xc612 => return Some("DNG"),
            // NewSubfileType: a reduced picture.
            254 => small = u32_at(at + 8)? & 1 == 1,
            // PhotometricInterpretation: a colour filter array, or linear raw.
            262 => sensor = matches!(u16_at(at + 8)?, 32_803 | 34_892),
            // SubIFDs.
            330 => more = true,
            _ => {}
        }
    }
    (sensor || small && more).then_some("TIFF with sensor data")
}

/// The kind of raw file that an extension names, among those that begin like a TIFF file.
fn raw_extension(extension: &str) -> Option<&'static str> {
    const KINDS: [(&str, &str); 16] = [
        ("3fr", "Hasselblad 3FR"),
        ("arw", "Sony ARW"),
        ("cr2", "Canon CR2"),
        ("dcr", "Kodak DCR"),
        ("dng", "DNG"),
        ("erf", "Epson ERF"),
        ("fff", "Hasselblad FFF"),
        ("iiq", "Phase One IIQ"),
        ("kdc", "Kodak KDC"),
        ("mef", "Mamiya MEF"),
        ("mos", "Leaf MOS"),
        ("nef", "Nikon NEF"),
        ("nrw", "Nikon NRW"),
        ("pef", "Pentax PEF"),
        ("sr2", "Sony SR2"),
        ("srw", "Samsung SRW"),
    ];
    KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, kind)| *kind)
}

fn is_svg(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    text.starts_with(b"<svg") || text.starts_with(b"<?xml") && text.windows(4).any(|part| part == b"<svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brands(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
        let length = 16 + 4 * compatible.len() as u32;
        let compatible: Vec<u8> = compatible.iter().copied().flatten().copied().collect();
        [&length.to_be_bytes()[..], b"ftyp", major, &[0; 4], &compatible, b"\0\0\0\x08free"].concat()
    }

    /// A TIFF file's first directory with these tags, each of type LONG.
    fn tiff(entries: &[(u16, u32)]) -> Vec<u8> {
        let mut bytes = b"MM\0*\0\0\0\x08".to_vec();
        bytes.extend((entries.len() as u16).to_be_bytes());
        for (tag, value) in entries {
            bytes.extend([&tag.to_be_bytes()[..], &[0, 4, 0, 0, 0, 1], &value.to_be_bytes()].concat());
        }
        bytes
    }

    #[test]
    fn heif_is_told_by_its_brands() {
        let heic = Content::Other(OtherFormat::Picture("HEIC"));
        assert_eq!(Content::of(&brands(b"heic", &[b"mif1"])), heic);
        assert_eq!(Content::of(&brands(b"mif1", &[b"mif1", b"heic"])), heic);
        assert_eq!(Content::of(&brands(b"mif1", &[b"miaf", b"avif"])), Content::Picture(FileFormat::Avif));
        assert!(matches!(Content::of(&brands(b"mif1", &[])), Content::Other(OtherFormat::Picture(_))));
        assert_eq!(Content::of(&brands(b"isom", &[b"avc1"])), Content::Other(OtherFormat::Video));
        assert!(matches!(Content::of(&brands(b"crx ", &[b"isom"])), Content::Other(OtherFormat::CameraRaw(_))));
        // Every length that a header may claim.
        for length in 0..40u32 {
            let mut bytes = brands(b"heic", &[]);
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            Content::of(&bytes);
        }
    }

    #[test]
    fn raw_files_are_not_tiff() {
        let is_raw = |bytes: &[u8]| matches!(Content::of(bytes), Content::Other(OtherFormat::CameraRaw(_)));
        assert!(!is_raw(&tiff(&[(254, 0), (256, 64), (262, 2 << 16)])));
        assert!(is_raw(&tiff(&[(254, 1), (330, 900)])));
        assert!(is_raw(&tiff(&[(262, 32_803 << 16)])));
        assert!(is_raw(&tiff(&[(256, 64), (0xc612, 0x0104_0000)])));
        // Of a pyramid, the largest picture comes first.
        assert!(!is_raw(&tiff(&[(254, 0), (330, 900)])));
        assert!(is_raw(b"II*\0\x10\0\0\0CR\x02\0"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("DSC_1.NEF");
        std::fs::write(&path, tiff(&[(254, 0)])).unwrap();
        assert_eq!(identify(&path).unwrap(), Content::Other(OtherFormat::CameraRaw("Nikon NEF")));
    }

    #[test]
    fn text_is_no_picture() {
        for text in
            ["", "BMW is a car, and this is a text", "P1 is a letter", "II", "MM", "<html>", "<?xml?><a/>", "P5"]
        {
            assert_eq!(Content::of(text.as_bytes()), Content::Unknown, "{text}");
        }
        assert_eq!(Content::of(b"\xef\xbb\xbf <?xml?>\n<svg>").clone(), Content::Other(OtherFormat::Picture("SVG")));
    }
}
