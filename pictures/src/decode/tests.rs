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

/// `fixtures/make.py` draws them.
const FIXTURES: [(&str, &[u8]); 6] = [
    ("plain.avif", include_bytes!("fixtures/plain.avif")),
    ("plain.jxl", include_bytes!("fixtures/plain.jxl")),
    ("alpha.avif", include_bytes!("fixtures/alpha.avif")),
    ("alpha.jxl", include_bytes!("fixtures/alpha.jxl")),
    ("turned.avif", include_bytes!("fixtures/turned.avif")),
    ("deep.avif", include_bytes!("fixtures/deep.avif")),
];

/// The middle of each quarter.
const QUARTERS: [((u32, u32), [u8; 3]); 4] =
    [((8, 6), [200, 40, 30]), ((24, 6), [30, 160, 60]), ((8, 18), [40, 60, 190]), ((24, 18), [128, 128, 128])];

#[test]
fn avif_and_jpeg_xl_are_read() {
    for (name, bytes) in FIXTURES {
        let (header, found) =
            (Header::read(bytes).unwrap(), decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}")));
        let (has_alpha, deep) = (name.starts_with("alpha"), name.starts_with("deep"));
        assert_eq!((found.picture.width(), found.picture.height(), found.format), (32, 24, ImageFormat::Png), "{name}");
        assert_eq!((header.width, header.height, header.alpha), (32, 24, has_alpha), "{name}");
        assert_eq!(header.decoded, found.picture.as_bytes().len(), "{name}");
        assert_eq!(found.picture.color().bytes_per_pixel() / found.picture.color().channel_count(), 1 + u8::from(deep));
        assert_eq!(found.exif.is_some(), name.starts_with("turned"), "{name}");
        let pixels = found.picture.to_rgba8();
        for ((x, y), wanted) in QUARTERS {
            let [rgb @ .., alpha] = pixels[(x, y)].0;
            assert_eq!(alpha, if has_alpha && y > 12 { 0 } else { 255 }, "{name}");
            let near = rgb.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 5);
            // What is under full transparency is up to the encoder.
            assert!(near || alpha == 0, "{name} at {x}, {y}: {rgb:?}, not {wanted:?}");
        }
    }
}

/// Every cut, and every byte changed: an error or a picture of the same size, and no panic.
#[test]
fn damaged_avif_and_jpeg_xl_do_no_harm() {
    for (name, whole) in FIXTURES {
        let pixels = decode(whole).unwrap().picture;
        for length in 0..whole.len() - 1 {
            // Metadata may come after the pixels.
            if let Ok(found) = decode(&whole[..length]) {
                assert_eq!(found.picture, pixels, "{name} cut at {length}");
            }
        }
        for at in 0..whole.len() {
            for value in [0, 0xff, whole[at] ^ 1] {
                let mut bytes = whole.to_vec();
                bytes[at] = value;
                if let Ok(found) = decode(&bytes) {
                    assert!(found.picture.width() > 0);
                }
            }
        }
    }
}

/// A grey and an RGB PNG of 2x1 pixels, each channel 55, with further chunks before the pixels.
fn png_with(colour: ExtendedColorType, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    let length = 2
        * usize::from(colour.channel_count())
        * usize::from(colour.bits_per_pixel() / colour.channel_count() as u16 / 8);
    PngEncoder::new(&mut bytes).write_image(&vec![55; length], 2, 1, colour).unwrap();
    let mut inserted = vec![];
    for (kind, data) in chunks {
        let content = [&kind[..], data].concat();
        inserted.extend([&(data.len() as u32).to_be_bytes()[..], &content, &crc32(&content).to_be_bytes()].concat());
    }
    bytes.splice(33..33, inserted);
    bytes
}

#[test]
fn a_png_is_converted_from_its_colour_space() {
    const LINEAR: (&[u8; 4], &[u8]) = (b"gAMA", &100_000u32.to_be_bytes());
    const SCREEN: (&[u8; 4], &[u8]) = (b"gAMA", &45_455u32.to_be_bytes());
    const SRGB: (&[u8; 4], &[u8]) = (b"sRGB", &[0]);
    const LINEAR_CODE: (&[u8; 4], &[u8]) = (b"cICP", &[1, 8, 0, 1]);
    const SRGB_CODE: (&[u8; 4], &[u8]) = (b"cICP", &[1, 13, 0, 1]);
    const UNKNOWN_CODE: (&[u8; 4], &[u8]) = (b"cICP", &[200, 13, 0, 1]);
    let first = |colour, chunks: &[_]| decoded(png_with(colour, chunks)).picture.to_rgb8()[(0, 0)].0;
    for (chunks, wanted) in [
        (&[][..], 55),
        (&[LINEAR], 128),
        (&[SCREEN], 55),
        (&[SRGB, LINEAR], 55),
        (&[LINEAR_CODE], 128),
        (&[LINEAR_CODE, SRGB, SCREEN], 128),
        (&[SRGB_CODE, LINEAR], 55),
        (&[UNKNOWN_CODE, LINEAR], 128),
    ] {
        let kinds: Vec<_> = chunks.iter().map(|(kind, _)| str::from_utf8(*kind).unwrap()).collect();
        for colour in [ExtendedColorType::Rgb8, ExtendedColorType::Rgba8, ExtendedColorType::L8] {
            assert_eq!(first(colour, chunks), [wanted; 3], "{kinds:?} {colour:?}");
        }
        // 16 bits of 55 * 257 are converted as such.
        assert_eq!(first(ExtendedColorType::Rgb16, chunks), [wanted; 3], "{kinds:?}");
    }
    // A profile counts before gAMA and after cICP.
    let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
    let with_profile = |chunk: (&[u8; 4], &[u8])| {
        let mut bytes = vec![];
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(adobe.clone()).unwrap();
        encoder.write_image(&[55; 6], 2, 1, ExtendedColorType::Rgb8).unwrap();
        let extra = png_with(ExtendedColorType::L8, &[chunk]);
        let length = 12 + chunk.1.len();
        bytes.splice(33..33, extra[33..33 + length].iter().copied());
        let found = decoded(bytes);
        (found.picture.to_rgb8()[(0, 0)].0[0], found.icc_profile.is_some())
    };
    assert_eq!((with_profile(LINEAR), with_profile(LINEAR_CODE)), ((55, true), (128, false)));
}

#[test]
fn every_floating_point_tiff_is_read() {
    use ::tiff::encoder::{TiffEncoder, colortype};
    type Encoder<'a> = TiffEncoder<&'a mut Cursor<Vec<u8>>>;
    let values = [0.0f32, 0.25, 0.5, 1.0, 1.5, -1.0];
    let written = |write: &dyn Fn(&mut Encoder)| {
        let mut file = Cursor::new(vec![]);
        write(&mut TiffEncoder::new(&mut file).unwrap());
        file.into_inner()
    };
    let grey = written(&|encoder| encoder.write_image::<colortype::Gray32Float>(6, 1, &values).unwrap());
    let grey64 = written(&|encoder| {
        encoder.write_image::<colortype::Gray64Float>(6, 1, &values.map(f64::from)).unwrap();
    });
    let rgb = written(&|encoder| encoder.write_image::<colortype::RGB32Float>(2, 1, &values).unwrap());
    let rgb64 = written(&|encoder| {
        encoder.write_image::<colortype::RGB64Float>(2, 1, &values.map(f64::from)).unwrap();
    });
    for (bytes, is_grey) in [(grey, true), (grey64, true), (rgb, false), (rgb64, false)] {
        let header = Header::read(&bytes).unwrap();
        let found = decoded(bytes);
        let wanted: Vec<f32> = values.iter().flat_map(|&value| vec![value; if is_grey { 3 } else { 1 }]).collect();
        assert_eq!(found.picture.as_rgb32f().unwrap().as_raw(), &wanted);
        assert_eq!((header.width, header.decoded), (found.picture.width() as usize, 4 * wanted.len()));
    }
}

/// An uncompressed TIFF of one row of grey and alpha, little-endian.
fn grey_and_alpha(bits: u16, kind: u16, samples: &[u8]) -> Vec<u8> {
    let columns = samples.len() as u16 / (2 * bits / 8);
    let fields: [(u16, u16, u32, [u16; 2]); 10] = [
        (256, 3, 1, [columns, 0]),
        (257, 3, 1, [1, 0]),
        (258, 3, 2, [bits, bits]),
        (259, 3, 1, [1, 0]),
        (262, 3, 1, [1, 0]),
        (273, 3, 1, [134, 0]),
        (277, 3, 1, [2, 0]),
        (278, 3, 1, [1, 0]),
        (279, 3, 1, [samples.len() as u16, 0]),
        (338, 3, 1, [kind, 0]),
    ];
    let mut file = b"II*\0\x08\0\0\0\x0a\0".to_vec();
    for (tag, of, count, values) in fields {
        file.extend([tag, of].map(u16::to_le_bytes).concat());
        file.extend(count.to_le_bytes());
        file.extend(values.map(u16::to_le_bytes).concat());
    }
    file.extend([0; 4]);
    file.extend(samples);
    file
}

#[test]
fn tiffs_of_grey_and_alpha_are_read() {
    let eight = decoded(grey_and_alpha(8, 2, &[10, 20, 30, 40])).picture;
    assert_eq!(eight.as_luma_alpha8().unwrap().as_raw(), &[10, 20, 30, 40]);
    let sixteen = decoded(grey_and_alpha(16, 2, &[0x34, 0x12, 0xff, 0xff])).picture;
    assert_eq!(sixteen.as_luma_alpha16().unwrap().as_raw(), &[0x1234, 0xffff]);
    // Multiplied with its opacity.
    let divided = decoded(grey_and_alpha(8, 1, &[64, 128])).picture;
    assert_eq!(divided.as_luma_alpha8().unwrap().as_raw(), &[128, 128]);
}
