//! Models of other programs: their sizes, layouts, element types and files.

use std::fs;

use easel_runtime::Picture;
use easel_runtime::resize::enlarge_smoothly;
use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::{common, failure, folder, negative, open, photo, stderr, stylize, succeeds};
use common::{FLOAT, FLOAT16, Graph, UINT8, node, value};

fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, ((x ^ y) * 5) as u8])
    })
}

/// The largest difference of two pictures.
fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn networks_that_halve_often_take_any_size() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let picture = scene(333, 250);
    picture.save(at("odd.png")).unwrap();
    scene(288, 224).save(at("even.png")).unwrap();
    photo(5, 3).save(at("tiny.png")).unwrap();
    for levels in [3, 5, 6] {
        fs::write(at("u.onnx"), common::unet(levels)).unwrap();
        let run = |flags: &str| succeeds(&folder, &format!("{flags} -m u.onnx --overwrite"));
        let output = run("odd.png tiny.png even.png -o whole");
        assert!(!stderr(&output).contains("rror"), "{}", stderr(&output));
        let whole = open(&folder, "whole/odd.png").to_rgb8();
        assert_eq!(whole.dimensions(), (333, 250));
        assert_eq!(open(&folder, "whole/tiny.png").to_rgb8().dimensions(), (5, 3));
        // The mean of the levels is the picture in the main.
        assert!(difference(&whole, &picture) < 200);
        // Releasing memory runs the model too.
        run("even.png odd.png -o limited --memory 2GB");
        assert_eq!(open(&folder, "limited/odd.png").to_rgb8(), whole);
        // Tiles are on the network's grid, so they show no seams as long as their halo is as wide as it sees.
        run("odd.png -o tiled.png --tile 64");
        let tiled = open(&folder, "tiled.png").to_rgb8();
        assert!(
            difference(&tiled, &whole) <= if levels <= 5 { 1 } else { 255 },
            "{levels}: {}",
            difference(&tiled, &whole)
        );
    }
}

#[test]
fn layouts_and_element_types_do_not_matter() {
    let folder = folder();
    let original = open(&folder, "a.png").to_rgb8();
    for element in [FLOAT, FLOAT16, UINT8] {
        for output in [FLOAT, FLOAT16, UINT8] {
            // Floats up to 1 in, and bytes out, would be black.
            if (output == UINT8) != (element == UINT8) {
                continue;
            }
            for channels_last in [false, true] {
                let model = common::foreign_negative(element, output, channels_last);
                fs::write(folder.path().join("n.onnx"), model).unwrap();
                succeeds(&folder, "a.png -m n.onnx -o n.png --overwrite");
                let found = open(&folder, "n.png").to_rgb8();
                assert_eq!(found, negative(&original), "{element} {output} {channels_last}");
            }
        }
    }
    let errors = failure(&stylize(&folder, "a.png -m n.onnx -o o.png --range -1..1"));
    assert!(errors[0].contains("n.onnx") && errors[0].contains("0..255"), "{errors:?}");
}

#[test]
fn models_that_enlarge_keep_alpha_strength_and_tiles() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let picture = scene(90, 61);
    picture.save(at("in.png")).unwrap();
    let large = |picture: &RgbImage, factor: u32| {
        RgbImage::from_fn(picture.width() * factor, picture.height() * factor, |x, y| picture[(x / factor, y / factor)])
    };
    for (factor, size) in [(2, None), (3, None), (4, Some((32, 48)))] {
        fs::write(at("e.onnx"), common::enlarger(factor, size)).unwrap();
        for flags in ["", "--tile 16", "--memory 400MB", "--tile off"] {
            succeeds(&folder, &format!("in.png -m e.onnx -o out.png --overwrite {flags}"));
            assert_eq!(open(&folder, "out.png").to_rgb8(), large(&picture, factor as u32), "{factor} {size:?} {flags}");
        }
    }
    // Without any of the style, it is the smoothly enlarged picture.
    succeeds(&folder, "in.png -m e.onnx -o zero.png --strength 0");
    let original = Picture { width: 90, height: 61, channels: 3, pixels: picture.into_raw() };
    assert_eq!(open(&folder, "zero.png").to_rgb8().into_raw(), enlarge_smoothly(&original, 4).pixels);
    let clear = RgbaImage::from_fn(20, 10, |x, _| Rgba([200, 100, 50, if x < 10 { 0 } else { 255 }]));
    clear.save(at("clear.png")).unwrap();
    let output = succeeds(&folder, "clear.png -m e.onnx -o clear4.png --json");
    let result = open(&folder, "clear4.png");
    assert_eq!((result.width(), result.height(), result.color().has_alpha()), (80, 40, true));
    let alpha = |x, y| result.to_rgba8()[(x, y)][3];
    assert_eq!((alpha(0, 0), alpha(30, 20), alpha(50, 20), alpha(79, 39)), (0, 0, 255, 255));
    assert!(String::from_utf8(output.stdout).unwrap().contains("\"width\":80"));
    // Results of different sizes cannot be blended.
    fs::write(at("n.onnx"), common::negative(false)).unwrap();
    let errors = failure(&stylize(&folder, "in.png -m n.onnx -m e.onnx --blend 1,1 -o b.png"));
    assert!(errors[0].contains("--blend") && errors[0].contains('4'), "{errors:?}");
}

#[test]
fn what_is_no_stylizer_says_why_in_one_sentence() {
    let folder = folder();
    let dims = ["1", "3", "h", "w"];
    let graph = |nodes, inputs, outputs| common::model(&Graph { nodes, initializers: vec![], inputs, outputs }, None);
    let picture = |name: &str, dims: &[&str; 4]| value(name, FLOAT, dims);
    let add = || vec![node("Add", &["x", "style"], "y")];
    let twice = || vec![node("Identity", &["x"], "y"), node("Neg", &["x"], "z")];
    let batch = ["4", "3", "h", "w"];
    let alone = || vec![node("Identity", &["x"], "y")];
    let cases: [(Vec<u8>, &[&str]); 6] = [
        (
            graph(add(), vec![picture("x", &dims), picture("style", &dims)], vec![picture("y", &dims)]),
            &["style", "constant"],
        ),
        (
            graph(twice(), vec![picture("x", &dims)], vec![picture("y", &dims), picture("z", &dims)]),
            &["2 pictures", "z "],
        ),
        (graph(alone(), vec![picture("x", &batch)], vec![picture("y", &batch)]), &["batch", "4"]),
        (graph(alone(), vec![value("x", 6, &dims)], vec![value("y", 6, &dims)]), &["int32"]),
        (
            graph(vec![node("GlobalAveragePool", &["x"], "y")], vec![picture("x", &dims)], vec![picture("y", &dims)]),
            &["1x1 of "],
        ),
        (
            graph(
                vec![node("Transpose", &["x"], "y")],
                vec![picture("x", &dims)],
                vec![picture("y", &["w", "h", "3", "1"])],
            ),
            &["3, 1] of one picture"],
        ),
    ];
    for (bytes, facts) in cases {
        fs::write(folder.path().join("f.onnx"), bytes).unwrap();
        let errors = failure(&stylize(&folder, "a.png -m f.onnx -o out.png"));
        let named = errors.len() == 1 && errors[0].starts_with("error: f.onnx: ");
        assert!(named && facts.iter().all(|fact| errors[0].contains(fact)), "{errors:?}");
    }
}

#[test]
fn weights_in_a_second_file_are_read_from_the_models_folder_only() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let original = open(&folder, "a.png").to_rgb8();
    fs::create_dir_all(at("in/deep")).unwrap();
    fs::write(at("secret"), common::second_file()).unwrap();
    fs::write(at("in/m.onnx.data"), common::second_file()).unwrap();
    fs::write(at("in/deep/w"), common::second_file()).unwrap();
    for name in ["m.onnx.data", "deep/w"] {
        fs::write(at("in/m.onnx"), common::in_two_files(name)).unwrap();
        succeeds(&folder, "a.png -m in/m.onnx -o out.png --overwrite");
        assert_eq!(open(&folder, "out.png").to_rgb8(), negative(&original));
    }
    fs::write(at("in/short"), &common::second_file()[..20]).unwrap();
    let absolute = at("secret").to_str().unwrap().to_string();
    let mut refused = vec!["../secret", "deep/../../secret", &absolute, "gone", "deep", "", "short"];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("secret"), at("in/link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("in/up")).unwrap();
        refused.extend(["link", "up/secret"]);
    }
    for name in refused {
        fs::write(at("in/m.onnx"), common::in_two_files(name)).unwrap();
        let errors = failure(&stylize(&folder, "a.png -m in/m.onnx -o no.png"));
        assert!(errors[0].starts_with("error: in/m.onnx: ") && errors[0].contains(&format!("`{name}`")), "{errors:?}");
    }
    // A link within the folder is fine.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("deep/w", at("in/inside")).unwrap();
        fs::write(at("in/m.onnx"), common::in_two_files("inside")).unwrap();
        succeeds(&folder, "a.png -m in/m.onnx -o out.png --overwrite");
    }
    assert!(!at("no.png").exists());
}
