//! Tests of whole files.

use super::*;
use crate::animation::{AnimationFormat, AnimationSettings, AnimationWriter, Frame, Palette};
use crate::density::DensityUnit;
use crate::encode::encode_picture;
use crate::quality::{Compression, Quality};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader};
use moxcms::ColorProfile;
use std::io::Cursor;

const QUALITY: Quality = Quality { jpeg: 95, png: Compression::Fast };

/// Three frames of few colours, the left half of the second transparent; 40, 1000 and 70 ms.
fn moving(format: AnimationFormat, plays: u32) -> (Vec<u8>, Vec<Picture>, Vec<Vec<u8>>) {
    let picture = |seed: usize| Picture {
        width: 6,
        height: 4,
        channels: 3,
        pixels: (0..24).flat_map(|at| [(at * 5 + seed * 80) as u8, (at % 3 * 90) as u8, seed as u8 * 70]).collect(),
    };
    let pictures: Vec<_> = (0..3).map(picture).collect();
    let alphas: Vec<Vec<u8>> =
        (0..3).map(|frame| (0..24).map(|at| if frame == 1 && at % 6 < 3 { 0 } else { 255 }).collect()).collect();
    let frames = pictures.iter().zip(&alphas).map(|(picture, alpha)| Frame { picture, alpha: Some(alpha) });
    let palette = Some(Palette::of(frames.clone()));
    let settings = AnimationSettings { plays, palette, ..AnimationSettings::default() };
    let mut animation = AnimationWriter::new(format, settings);
    for (frame, until) in frames.zip([40, 1040, 1110]) {
        animation.push(frame, Duration::from_millis(until)).unwrap();
    }
    (animation.finish().unwrap(), pictures, alphas)
}

#[test]
fn animations_survive_all_formats() {
    for format in [AnimationFormat::Gif, AnimationFormat::WebP] {
        for plays in [0, 1, 5] {
            let (bytes, pictures, alphas) = moving(format, plays);
            let file = PictureFile::decode(&bytes, None).unwrap();
            assert_eq!(file.format(), format.picture_format());
            for result in [ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Png] {
                let again = PictureFile::decode(&file.encode(result, QUALITY).unwrap(), None).unwrap();
                assert_eq!((again.format, again.plays, again.is_animated()), (result, plays, true));
                assert_eq!(again.until, [40, 1040, 1110].map(Duration::from_millis), "{result:?}");
                let found = again.alphas.unwrap();
                assert_eq!(found, alphas, "{result:?}");
                for ((found, wanted), alpha) in again.pictures.iter().zip(&pictures).zip(&alphas) {
                    let pixels = found.pixels.chunks(3).zip(wanted.pixels.chunks(3)).zip(alpha);
                    assert!(pixels.filter(|(_, alpha)| **alpha > 0).all(|((a, b), _)| a == b), "{result:?}");
                }
            }
            for result in [ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Tiff] {
                let error = file.encode(result, QUALITY).unwrap_err().to_string();
                assert!(error.contains(" 3;") && error.contains("webp"), "{error}");
            }
        }
    }
}

#[test]
fn many_frames_are_refused_before_memory_is_full() {
    let (bytes, ..) = moving(AnimationFormat::Gif, 0);
    let decoded = |limit| PictureFile::decode_within(&bytes, None, limit).map(|file| file.pictures.len());
    assert_eq!(decoded(3 * MIN_FRAME_BYTES).unwrap(), 3);
    let error = decoded(3 * MIN_FRAME_BYTES - 1).unwrap_err();
    assert!(matches!(error, DecodeError::TooManyFrames { width: 6, height: 4, .. }), "{error}");
}

/// Every cut and every changed byte gives an error or a picture, never a panic.
#[test]
fn hostile_animations_do_no_harm() {
    for format in [AnimationFormat::Gif, AnimationFormat::WebP] {
        let (whole, ..) = moving(format, 2);
        let png = PictureFile::decode(&whole, None).unwrap().encode(ImageFormat::Png, QUALITY).unwrap();
        for whole in [whole, png] {
            let all = PictureFile::decode(&whole, None).unwrap().pictures;
            for length in 0..whole.len() {
                match PictureFile::decode(&whole[..length], None) {
                    // The end mark of a PNG comes after its pixels.
                    Ok(file) => assert_eq!((file.pictures == all, file.format), (true, ImageFormat::Png)),
                    Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
                }
            }
            for at in 0..whole.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
                    let mut bytes = whole.clone();
                    bytes[at] = value;
                    if let Ok(file) = PictureFile::decode_within(&bytes, None, 1 << 22) {
                        assert!(file.pictures.iter().all(|picture| !picture.pixels.is_empty()));
                    }
                }
            }
        }
    }
}

/// A photo from a camera that lay on its side, in a wide colour space.
fn photo(profile: &ColorProfile) -> Vec<u8> {
    let exif = b"II*\0\x08\0\0\0\x05\0\
        \x0f\x01\x02\0\x04\0\0\0Cam\0\
        \x12\x01\x03\0\x01\0\0\0\x06\0\0\0\
        \x1a\x01\x05\0\x01\0\0\0\x4a\0\0\0\
        \x1b\x01\x05\0\x01\0\0\0\x4a\0\0\0\
        \x28\x01\x03\0\x01\0\0\0\x02\0\0\0\
        \0\0\0\0\x48\0\0\0\x01\0\0\0";
    let pixels: Vec<u8> = (0..32 * 16).flat_map(|at| [30, 200, (at % 32 * 4) as u8]).collect();
    let mut bytes = vec![];
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    encoder.set_icc_profile(profile.encode().unwrap()).unwrap();
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(&pixels, 32, 16, ExtendedColorType::Rgb8).unwrap();
    bytes
}

#[test]
fn camera_metadata_is_kept_and_stays_true() {
    let profile = ColorProfile::new_adobe_rgb();
    let mut file = PictureFile::decode(&photo(&profile), Some(24)).unwrap();
    assert_eq!((file.pictures[0].width, file.pictures[0].height), (12, 24));
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff];
    for format in formats {
        let bytes = file.encode(format, QUALITY).unwrap();
        let again = PictureFile::decode(&bytes, None).unwrap();
        assert_eq!((again.pictures[0].width, again.pictures[0].height), (12, 24), "{format:?}");
        assert_eq!((&again.exif, &again.icc_profile), (&file.exif, &file.icc_profile), "{format:?}");
        assert_eq!(again.density, Some(Density::default()), "{format:?}");
        assert_eq!(again.icc_profile, Some(profile.encode().unwrap()));
        let mut decoder = ImageReader::with_format(Cursor::new(&bytes), format).into_decoder().unwrap();
        assert_eq!(decoder.orientation().unwrap(), image::metadata::Orientation::NoTransforms);
    }
    file.strip();
    for format in formats {
        let bytes = file.encode(format, QUALITY).unwrap();
        let again = PictureFile::decode(&bytes, None).unwrap();
        assert!(again.icc_profile.is_some());
        assert!(again.exif.is_none(), "{format:?}");
        assert!(!bytes.windows(4).any(|part| part == b"Cam\0"));
    }
}

/// Adobe RGB (30, 200, 60) is a green outside sRGB: red becomes 0.
#[test]
fn formats_without_a_profile_get_srgb() {
    let file = PictureFile::decode(&photo(&ColorProfile::new_adobe_rgb()), None).unwrap();
    for format in [ImageFormat::Bmp, ImageFormat::Gif] {
        let again = PictureFile::decode(&file.encode(format, QUALITY).unwrap(), None).unwrap();
        assert_eq!((again.icc_profile, again.exif), (None, None));
        let pixel = &again.pictures[0].pixels[..3];
        assert!(pixel[0] == 0 && pixel[1].abs_diff(201) <= 2, "{pixel:?}");
    }
}

#[test]
fn qualities_change_the_size() {
    let noise: Vec<u8> = (0..64u32 * 64 * 3).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 / 4).collect();
    let mut png = vec![];
    PngEncoder::new(&mut png).write_image(&noise, 64, 64, ExtendedColorType::Rgb8).unwrap();
    let file = PictureFile::decode(&png, None).unwrap();
    let size = |format, jpeg, png| file.encode(format, Quality { jpeg, png }).unwrap().len();
    let jpeg = [10, 90, 100].map(|quality| size(ImageFormat::Jpeg, quality, Compression::Fast));
    assert!(jpeg.is_sorted_by(|a, b| a < b), "{jpeg:?}");
    let [fast, best] = [Compression::Fast, Compression::Best].map(|how| size(ImageFormat::Png, 90, how));
    assert!(best < fast, "{best} {fast}");
}

#[test]
fn sixteen_bits_become_the_nearest_eight() {
    let values = [0u16, 128, 129, 385, 386, 32_768, 65_406, 65_407, 65_535];
    let deep = image::ImageBuffer::from_fn(9, 1, |x, _| image::Luma([values[x as usize]]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let mut bytes = Cursor::new(vec![]);
        DynamicImage::ImageLuma16(deep.clone()).write_to(&mut bytes, format).unwrap();
        let file = PictureFile::decode(&bytes.into_inner(), None).unwrap();
        let found: Vec<_> = file.pictures[0].pixels.chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(found, [0, 0, 1, 1, 2, 128, 254, 255, 255], "{format:?}");
    }
}

/// The print resolution of every format, in every format that has one.
#[test]
fn print_resolution_is_kept() {
    let picture = Picture::filled(12, 8, 3, 99);
    let plain = PictureFile::decode(&encode_picture(&picture, ImageFormat::Png).unwrap(), None).unwrap();
    assert_eq!(plain.density, None);
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Bmp];
    for density in [
        Density { x: 300.0, y: 150.0, unit: DensityUnit::Inch },
        Density { x: 96.0, y: 96.0, unit: DensityUnit::Inch },
        Density { x: 30.0, y: 30.0, unit: DensityUnit::Centimetre },
        Density { x: 2.0, y: 1.0, unit: DensityUnit::Ratio },
    ] {
        for from in formats {
            let file = PictureFile {
                density: Some(density),
                pictures: vec![picture.clone()],
                alphas: None,
                ..PictureFile::decode(&encode_picture(&picture, from).unwrap(), None).unwrap()
            };
            let bytes = file.encode(from, QUALITY).unwrap();
            let file = PictureFile::decode(&bytes, Some(6)).unwrap();
            // A BMP has only lengths.
            let wanted = Some(density).filter(|density| from != ImageFormat::Bmp || density.unit != DensityUnit::Ratio);
            assert_eq!((file.density, file.size()), (wanted, (6, 4)), "{from:?}");
        }
    }
    let unknown = PictureFile { density: None, ..plain };
    for format in formats {
        let again = PictureFile::decode(&unknown.encode(format, QUALITY).unwrap(), None).unwrap();
        assert_eq!(again.density, None, "{format:?}");
    }
}

/// A turned picture has its columns where it had its rows.
#[test]
fn print_resolution_is_turned_with_the_picture() {
    let mut file = PictureFile::decode(&photo(&ColorProfile::new_adobe_rgb()), None).unwrap();
    file.density = Some(Density { x: 300.0, y: 150.0, unit: DensityUnit::Inch });
    let bytes = file.encode(ImageFormat::Tiff, QUALITY).unwrap();
    let at = bytes.windows(4).position(|part| part == [0x12, 0x01, 3, 0]).unwrap();
    let mut aside = bytes.clone();
    aside[at + 8] = 6;
    let found = PictureFile::decode(&aside, None).unwrap();
    assert_eq!(
        (found.density, found.size()),
        (Some(Density { x: 150.0, y: 300.0, unit: DensityUnit::Inch }), (32, 16))
    );
}

/// The first extra sample says whether a TIFF's colours are multiplied with their opacity.
#[test]
fn premultiplied_colours_are_divided() {
    let file = PictureFile {
        pictures: vec![Picture { width: 2, height: 1, channels: 3, pixels: vec![128, 64, 0, 7, 7, 7] }],
        alphas: Some(vec![vec![128, 0]]),
        ..PictureFile::decode(&encode_picture(&Picture::filled(2, 1, 3, 0), ImageFormat::Tiff).unwrap(), None).unwrap()
    };
    let mut bytes = file.encode(ImageFormat::Tiff, QUALITY).unwrap();
    let straight = PictureFile::decode(&bytes, None).unwrap();
    assert_eq!((&straight.pictures, &straight.alphas), (&file.pictures, &file.alphas));
    let at = bytes.windows(4).position(|part| part == [0x52, 0x01, 3, 0]).unwrap();
    bytes[at + 8] = 1;
    let divided = PictureFile::decode(&bytes, None).unwrap();
    assert_eq!((&divided.pictures[0].pixels[..3], &divided.alphas), (&[255, 128, 0][..], &file.alphas));
}
