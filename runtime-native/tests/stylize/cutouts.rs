//! Pictures with transparency: a colour that cannot be seen decides nothing.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayAlphaImage, LumaA, Rgba, RgbaImage};

use super::{folder, open, succeeds};

const HIDDEN: [[u8; 3]; 3] = [[0, 0, 0], [255, 255, 255], [0, 255, 0]];

/// A disc with a soft edge on a canvas of a hidden colour.
fn cutout(hidden: [u8; 3]) -> RgbaImage {
    RgbaImage::from_fn(90, 70, |x, y| {
        let distance = (x as f32 - 40.0).hypot(y as f32 - 35.0);
        let alpha = ((25.0 - distance) * 40.0).clamp(0.0, 255.0) as u8;
        let [r, g, b] = if alpha == 0 { hidden } else { [(x * 3) as u8, (y * 4) as u8, (x * y) as u8] };
        Rgba([r, g, b, alpha])
    })
}

fn encode(path: &Path, colour: png::ColorType, palette: Option<(Vec<u8>, Vec<u8>)>, frames: &[Vec<u8>]) {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, 90, 70);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some((colours, alphas)) = palette {
        encoder.set_palette(colours);
        encoder.set_trns(alphas);
    }
    if frames.len() > 1 {
        encoder.set_animated(frames.len() as u32, 0).unwrap();
        encoder.set_frame_delay(1, 10).unwrap();
    }
    let mut writer = encoder.write_header().unwrap();
    frames.iter().for_each(|frame| writer.write_image_data(frame).unwrap());
    writer.finish().unwrap();
    fs::write(path, bytes).unwrap();
}

/// The cut-out in every way that files have transparency.
fn write_inputs(folder: &Path, hidden: [u8; 3]) {
    fs::create_dir(folder).unwrap();
    let at = |name: &str| folder.join(name);
    let picture = cutout(hidden);
    for name in ["a.png", "b.webp", "c.tiff"] {
        picture.save(at(name)).unwrap();
    }
    DynamicImage::from(picture.clone()).into_rgba16().save(at("deep.png")).unwrap();
    let grey = |pixel: &Rgba<u8>| LumaA([pixel[0], pixel[3]]);
    GrayAlphaImage::from_fn(90, 70, |x, y| grey(picture.get_pixel(x, y))).save(at("grey.png")).unwrap();
    let turned: Vec<u8> = image::imageops::rotate180(&picture).into_raw();
    encode(&at("moving.png"), png::ColorType::Rgba, None, &[picture.clone().into_raw(), turned]);
    // The first entry of the palette is transparent.
    let ramp: Vec<u8> = hidden.into_iter().chain((1..=255).flat_map(|at| [at, 255 - at, at / 2])).collect();
    let indices = picture.pixels().map(|pixel| if pixel[3] < 128 { 0 } else { pixel[0].max(1) }).collect();
    encode(&at("palette.png"), png::ColorType::Indexed, Some((ramp, vec![0])), &[indices]);
}

#[test]
fn hidden_colours_decide_nothing() {
    let folder = folder();
    let at = |name: String| folder.path().join(name);
    let names = ["a.png", "b.webp", "c.tiff", "deep.png", "grey.png", "moving.png", "palette.png"];
    for (index, hidden) in HIDDEN.into_iter().enumerate() {
        write_inputs(&at(format!("in{index}")), hidden);
        assert_eq!(super::names(&at(format!("in{index}"))).len(), names.len());
    }
    for (run, flags) in [
        "",
        "--tile 32",
        "--strength 0.5",
        "--keep-color --strength 0.7",
        "--max-size 89",
        "--max-size 40 --format png",
    ]
    .into_iter()
    .enumerate()
    {
        for index in 0..HIDDEN.len() {
            succeeds(&folder, &format!("in{index} -m m.onnx -o out{run}-{index} {flags}"));
        }
        let results = super::names(&at(format!("out{run}-0")));
        assert_eq!(results.len(), names.len(), "{flags}");
        for name in results {
            let result = |index: usize| fs::read(at(format!("out{run}-{index}/{name}"))).unwrap();
            assert!(result(0) == result(1) && result(0) == result(2), "{name} {flags}");
        }
    }
    for index in 0..HIDDEN.len() {
        succeeds(&folder, &format!("in{index}/a.png -m m.onnx -o {index}.jpg"));
    }
    assert_eq!(fs::read(at("0.jpg".into())).unwrap(), fs::read(at("1.jpg".into())).unwrap());
    // At strength 0 what is seen is as it was, soft edges too.
    succeeds(&folder, "in2/a.png -m m.onnx -o zero.png --strength 0");
    for (found, own) in open(&folder, "zero.png").to_rgba8().pixels().zip(cutout(HIDDEN[2]).pixels()) {
        assert!(found == own || own[3] == 0 && found[3] == 0, "{found:?} {own:?}");
    }
}
