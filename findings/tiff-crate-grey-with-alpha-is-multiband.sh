#!/usr/bin/env bash
# Libraries: the Rust crates tiff 0.11.3 and image 0.25.10.
#
# A TIFF of grey and alpha is an everyday file: BlackIsZero, two samples, and
# ExtraSamples says the second is alpha. The crate has a ColorType::GrayA, but its
# `colortype()` never heeds ExtraSamples for grey: it answers Multiband, the type for
# samples that mean nothing in particular. RGB with the same ExtraSamples does
# come out as RGBA. So `image` opens RGB with alpha, and refuses grey with alpha.
# The samples can still be had: tiff's `read_image` gives grey, alpha, grey, alpha.
#
# Seen:
#   grey: tiff: Ok(Gray(8)); image: L8 [10, 20]
#   grey+alpha: tiff: Ok(Multiband { bit_depth: 8, num_samples: 2 }); image: The encoder or decoder for Tiff does not support the color type `Unknown(16)`
#   rgb+alpha: tiff: Ok(RGBA(8)); image: Rgba8 [10, 20, 30, 40, 50, 60, 70, 80]
#   grey+alpha, read_image: U8([10, 20, 30, 40])
#
# Needs: cargo.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src

cat > Cargo.toml <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
image = { version = "=0.25.10", default-features = false, features = ["tiff"] }
tiff = { version = "=0.11.3", default-features = false }
EOF

cat > src/main.rs <<'EOF'
use std::io::Cursor;
use tiff::decoder::Decoder;

const BLACK_IS_ZERO: u32 = 1;
const RGB: u32 = 2;
const STRAIGHT_ALPHA: u32 = 2;

/// A picture of two pixels beside each other, 8 bits a sample, uncompressed.
fn picture(photometric: u32, samples: u32, alpha: bool) -> Vec<u8> {
    let tags = if alpha { 11 } else { 10 };
    let bits_at = 8 + 2 + 12 * tags + 4;
    let pixels_at = bits_at + 8;
    // Up to two 16-bit values stand in the tag itself; more stand at an offset.
    let bits = match samples {
        1 => 8,
        2 => 8 | (8 << 16),
        _ => bits_at,
    };
    let (short, long) = (3u16, 4u16);
    let mut entries = vec![
        (256u16, short, 1, 2),          // ImageWidth
        (257, short, 1, 1),             // ImageLength
        (258, short, samples, bits),    // BitsPerSample
        (259, short, 1, 1),             // Compression: none
        (262, short, 1, photometric),   // PhotometricInterpretation
        (273, long, 1, pixels_at),      // StripOffsets
        (277, short, 1, samples),       // SamplesPerPixel
        (278, short, 1, 1),             // RowsPerStrip
        (279, long, 1, 2 * samples),    // StripByteCounts
        (284, short, 1, 1),             // PlanarConfiguration: interleaved
    ];
    if alpha {
        entries.push((338, short, 1, STRAIGHT_ALPHA)); // ExtraSamples
    }
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    out.extend((tags as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(u32::to_le_bytes(count));
        out.extend(u32::to_le_bytes(value));
    }
    out.extend([0; 4]); // no further picture
    out.extend([8, 0, 8, 0, 8, 0, 8, 0]);
    out.extend((1..=2 * samples as u8).map(|sample| 10 * sample));
    out
}

fn main() {
    for (name, photometric, samples, alpha) in [
        ("grey", BLACK_IS_ZERO, 1, false),
        ("grey+alpha", BLACK_IS_ZERO, 2, true),
        ("rgb+alpha", RGB, 4, true),
    ] {
        let file = picture(photometric, samples, alpha);
        let kind = Decoder::new(Cursor::new(&file)).and_then(|mut decoder| decoder.colortype());
        let opened = match image::load_from_memory(&file) {
            Ok(image) => format!("{:?} {:?}", image.color(), image.into_bytes()),
            Err(error) => error.to_string(),
        };
        println!("{name}: tiff: {kind:?}; image: {opened}");
    }
    let file = picture(BLACK_IS_ZERO, 2, true);
    let samples = Decoder::new(Cursor::new(&file)).and_then(|mut decoder| decoder.read_image());
    println!("grey+alpha, read_image: {:?}", samples.expect("the samples"));
}
EOF

cargo run --quiet | tee seen
grep -q '^grey+alpha: tiff: Ok(Multiband.*not support' seen && grep -q '^rgb+alpha: tiff: Ok(RGBA(8)); image: Rgba8' seen ||
    { echo "no longer so: grey with alpha is not Multiband, or RGB with alpha is not RGBA" >&2; exit 1; }
