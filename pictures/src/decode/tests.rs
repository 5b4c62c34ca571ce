//! Tests of whole files.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb};
use moxcms::ColorProfile;

use super::jpeg::tests::four_components;
use super::*;

fn photo() -> RgbImage {
    RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, ((x * y) % 251) as u8]))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    photo().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn the_content_tells_the_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
        let path = folder.path().join("picture.txt");
        fs::write(&path, encoded(format)).unwrap();
        let found = decode_file(&path).unwrap();
        assert_eq!((found.format, found.picture.width(), found.picture.height()), (format, 64, 48));
    }
    let path = folder.path().join("text.jpg");
    fs::write(&path, "not a picture").unwrap();
    assert!(matches!(decode_file(&path), Err(DecodeError::UnknownFormat)));
    assert!(matches!(decode_file(folder.path()), Err(DecodeError::NotAFile)));
    assert!(matches!(decode_file(&folder.path().join("missing")), Err(DecodeError::Io(_))));
}

/// Every cut of every format: no panic, and no picture with a part of the pixels.
#[test]
fn truncated_files_are_refused() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
        let bytes = encoded(format);
        for part in 0..20 {
            let length = bytes.len() * part / 20;
            let error = decode(&bytes[..length]).expect_err(&format!("{format:?} cut at {length} of {}", bytes.len()));
            use DecodeError::{Damaged, NoEndMarker, Truncated, UnknownFormat};
            assert!(
                matches!(error, Damaged | NoEndMarker | Truncated | UnknownFormat),
                "{format:?} at {length}: {error}"
            );
        }
    }
    let whole = encoded(ImageFormat::Jpeg);
    assert!(matches!(decode(&whole[..whole.len() - 2]), Err(DecodeError::NoEndMarker)));
    let mut bytes = encoded(ImageFormat::Png);
    bytes[20] ^= 1;
    assert!(matches!(decode(&bytes), Err(DecodeError::Damaged)));
}

#[test]
fn a_huge_header_is_refused_before_decoding() {
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
        assert!(matches!(decode(&bytes), Err(DecodeError::TooLarge { width: 60_000, height: 60_000 })));
    }
}

/// The checksum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| sum >> 1 ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn decoded(bytes: Vec<u8>) -> DecodedPicture {
    decode(&bytes).unwrap()
}

/// A profile in which cyan is a middle grey, black is black, and the other inks are invisible.
fn cmyk_profile() -> Vec<u8> {
    // mft1: four channels in, three out, two points a side, the first ink varying slowest.
    let mut table = [b"mft1\0\0\0\0\x04\x03\x02\0".as_slice(), &[0; 36]].concat();
    for diagonal in [12, 28, 44] {
        table[diagonal + 1] = 1;
    }
    table.extend((0..4).flat_map(|_| 0..=255u8));
    for corner in 0..16 {
        let (cyan, black) = (corner & 8 > 0, corner & 1 > 0);
        let lightness = if black {
            0
        } else if cyan {
            128
        } else {
            255
        };
        table.extend([lightness, 128, 128]);
    }
    table.extend((0..3).flat_map(|_| 0..=255u8));
    let mut profile = vec![0; 128];
    profile[8] = 2;
    profile[12..24].copy_from_slice(b"prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    profile.extend(1u32.to_be_bytes());
    profile.extend(b"A2B0");
    profile.extend(144u32.to_be_bytes());
    profile.extend((table.len() as u32).to_be_bytes());
    profile.extend(table);
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

#[test]
fn cmyk_is_converted_by_its_profile() {
    // Cyan alone, stored as the complement.
    let cyan = [0, 255, 255, 255];
    let found = decoded(four_components(cyan, 0, None));
    assert_eq!((found.picture.into_rgb8()[(3, 3)].0, found.icc_profile), ([0, 255, 255], None));
    assert_eq!(decoded(four_components([255, 155, 55, 128], 0, None)).picture.into_rgb8()[(0, 0)].0, [128, 78, 28]);
    let profile = cmyk_profile();
    let found = decoded(four_components(cyan, 0, Some(&profile)));
    let pixel = found.picture.into_rgb8()[(3, 3)].0;
    assert!(pixel.iter().all(|value| value.abs_diff(119) <= 2), "{pixel:?}");
    assert_eq!(found.icc_profile, None);
    // A damaged profile, or one for RGB, is ignored.
    for other in [&profile[..200], &ColorProfile::new_adobe_rgb().encode().unwrap()] {
        let found = decoded(four_components(cyan, 0, Some(other)));
        assert_eq!(found.picture.into_rgb8()[(3, 3)].0, [0, 255, 255]);
    }
}

#[test]
fn grey_is_converted_by_its_profile() {
    let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let written = |profile: &[u8], pixels: &[u8], colour| {
        let mut bytes = vec![];
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(profile.to_vec()).unwrap();
        encoder.write_image(pixels, 2, 1, colour).unwrap();
        bytes
    };
    let found = decoded(written(&linear, &[0, 128], ExtendedColorType::L8));
    let pixels = found.picture.into_rgb8().into_raw();
    assert!(pixels[..3] == [0; 3] && pixels[3..].iter().all(|value| value.abs_diff(188) <= 1), "{pixels:?}");
    assert_eq!(found.icc_profile, None);
    let found = decoded(written(&linear, &[0, 255, 128, 7], ExtendedColorType::La8)).picture.into_rgba8().into_raw();
    assert!(found[3] == 255 && found[7] == 7 && found[4].abs_diff(188) <= 1, "{found:?}");
    // With an RGB profile, grey is one of its colours and stays.
    let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
    let found = decoded(written(&adobe, &[0, 128], ExtendedColorType::L8));
    assert_eq!((found.picture.into_rgb8().into_raw(), found.icc_profile), (vec![0, 0, 0, 128, 128, 128], Some(adobe)));
}
