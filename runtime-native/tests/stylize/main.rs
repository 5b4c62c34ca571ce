//! The program `stylize` as a user runs it. Needs ONNX Runtime's library: `cargo xtask setup`.

#[path = "../common/mod.rs"]
mod common;
mod cutouts;
mod foreign;
mod many;
mod range;
mod talk;
mod video;
mod video_kinds;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use easel_runtime::golden;
use image::codecs::gif::{GifDecoder, GifEncoder, Repeat};
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Delay, DynamicImage, Frame, GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stylize");

/// A folder with a model that turns a picture into its negative, and a picture.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.onnx"), common::negative(true)).unwrap();
    photo(9, 6).save(folder.path().join("a.png")).unwrap();
    folder
}

fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 20) as u8, (y * 30) as u8, (x * y) as u8]))
}

fn negative(picture: &RgbImage) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| Rgb(picture[(x, y)].0.map(|value| 255 - value)))
}

fn stylize(folder: &TempDir, flags: &str) -> Output {
    Command::new(PROGRAM).args(flags.split_whitespace()).current_dir(folder.path()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn succeeds(folder: &TempDir, flags: &str) -> Output {
    let output = stylize(folder, flags);
    assert!(output.status.success(), "{flags}: {}", stderr(&output));
    assert!(stderr(&output).contains("engine: "), "{}", stderr(&output));
    output
}

/// The error lines of a failure, status 1.
fn failure(output: &Output) -> Vec<String> {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let errors: Vec<String> = text.lines().filter(|line| line.starts_with("error: ")).map(str::to_string).collect();
    assert!(!errors.is_empty(), "{text}");
    errors
}

fn open(folder: &TempDir, name: &str) -> DynamicImage {
    image::open(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_picture_comes_out_at_its_own_size() {
    let folder = folder();
    for (width, height) in [(1, 1), (3, 5), (4096, 1), (1, 4096), (130, 131)] {
        let picture = photo(width, height);
        picture.save(folder.path().join("in.png")).unwrap();
        for tile in ["auto", "off", "16", "33"] {
            succeeds(&folder, &format!("in.png -m m.onnx -o out.png --overwrite --tile {tile}"));
            assert_eq!(open(&folder, "out.png").to_rgb8(), negative(&picture), "{width}x{height} {tile}");
        }
    }
}

#[test]
fn strength_and_colour() {
    let folder = folder();
    let original = open(&folder, "a.png").to_rgb8();
    succeeds(&folder, "a.png -m m.onnx -o zero.png --strength 0");
    assert_eq!(open(&folder, "zero.png").to_rgb8(), original);
    succeeds(&folder, "a.png -m m.onnx -o half.png --strength 0.5");
    assert!(open(&folder, "half.png").to_rgb8().pixels().all(|pixel| pixel.0.iter().all(|v| (127..=128).contains(v))));
    GrayImage::from_fn(6, 6, |x, _| Luma([(x * 40) as u8])).save(folder.path().join("grey.png")).unwrap();
    succeeds(&folder, "grey.png -m m.onnx -o kept.png --keep-color");
    assert!(open(&folder, "kept.png").to_rgb8().pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

#[test]
fn every_format_keeps_what_it_can() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let transparent = RgbaImage::from_fn(20, 10, |x, y| Rgba([x as u8 * 9, y as u8 * 20, 40, (x * 25).min(255) as u8]));
    transparent.save(at("t.png")).unwrap();
    for name in ["t2.png", "t2.webp", "t2.tiff"] {
        succeeds(&folder, &format!("t.png -m m.onnx -o {name}"));
        let result = open(&folder, name).to_rgba8();
        let expected = transparent.pixels().map(|pixel| [255 - pixel[0], 255 - pixel[1], 255 - pixel[2], pixel[3]]);
        for (found, expected) in result.pixels().zip(expected) {
            assert_eq!(found[3], expected[3], "{name}");
            assert!(found[3] < 255 || found.0 == expected, "{name}: {found:?} {expected:?}");
        }
    }
    // A JPEG has no transparency.
    succeeds(&folder, "t.png -m m.onnx -o t.jpg --quality 100");
    let laid = open(&folder, "t.jpg").to_rgb8();
    assert!(laid[(0, 5)].0.iter().all(|&value| value > 240) && laid[(19, 0)][1] > 200, "{:?}", laid[(0, 5)]);
    // 16 bits, grey, and a smaller copy.
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_fn(40, 20, |x, _| Luma([(x * 1600) as u16]));
    deep.save(at("deep.png")).unwrap();
    succeeds(&folder, "deep.png t.png -m m.onnx -o small --max-size 10 --format webp");
    assert_eq!(names(&at("small")), ["deep.webp", "t.webp"]);
    let small = open(&folder, "small/t.webp");
    assert_eq!((small.width(), small.height(), small.color().has_alpha()), (10, 5, true));
    assert!(small.to_rgba8()[(0, 2)][3] < 30 && small.to_rgba8()[(9, 2)][3] > 210);
}

#[test]
fn animations_stay_animations() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let colours = [Rgba([255, 0, 90, 255]), Rgba([20, 40, 60, 255])];
    let mut gif = vec![];
    let mut encoder = GifEncoder::new(&mut gif);
    encoder.set_repeat(Repeat::Finite(2)).unwrap();
    for (colour, hundredths) in colours.iter().zip([5, 40]) {
        let picture = RgbaImage::from_pixel(7, 5, *colour);
        let delay = Delay::from_numer_denom_ms(hundredths * 10, 1);
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
    drop(encoder);
    fs::write(at("in.gif"), &gif).unwrap();
    succeeds(&folder, "in.gif a.png -m m.onnx -o out");
    assert_eq!(names(&at("out")), ["a.png", "in.gif"]);
    succeeds(&folder, "in.gif -m m.onnx -o out.webp");
    let bytes = |name| std::io::Cursor::new(fs::read(at(name)).unwrap());
    let frames = [
        GifDecoder::new(bytes("out/in.gif")).unwrap().into_frames(),
        WebPDecoder::new(bytes("out.webp")).unwrap().into_frames(),
    ];
    for frames in frames {
        let found: Vec<_> = frames.map(Result::unwrap).collect();
        assert_eq!(found.iter().map(|frame| frame.delay().numer_denom_ms().0).collect::<Vec<_>>(), [50, 400]);
        for (frame, colour) in found.iter().zip(colours) {
            let [r, g, b, a] = colour.0;
            assert!(frame.buffer().pixels().all(|pixel| pixel.0 == [255 - r, 255 - g, 255 - b, a]));
        }
    }
    // It fails before anything is computed, and leaves nothing.
    let errors = failure(&stylize(&folder, "in.gif -m m.onnx -o out.jpg"));
    assert!(errors[0].starts_with("error: out.jpg: ") && errors[0].contains('2'), "{errors:?}");
    assert!(!at("out.jpg").exists());
    fs::write(at("cut.gif"), &gif[..gif.len() - 1]).unwrap();
    let errors = failure(&stylize(&folder, "cut.gif -m m.onnx -o cut.webp"));
    assert!(errors[0].starts_with("error: cut.gif: ") && errors[0].contains("truncated"), "{errors:?}");
}

#[test]
fn folders_keep_their_shape() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for name in ["in/a.png", "in/deep/er/b.bmp", "in/c.gif", "in/notes.txt", "in/.hidden.png"] {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        match name.ends_with("txt") {
            true => fs::write(at(name), "text").unwrap(),
            false => photo(5, 5).save_with_format(at(name), image::ImageFormat::from_path(name).unwrap()).unwrap(),
        }
    }
    let output = succeeds(&folder, "in -m m.onnx -o in/styled --json");
    assert_eq!(names(&at("in/styled")), ["a.png", "c.gif", "deep"]);
    assert_eq!(open(&folder, "in/styled/deep/er/b.bmp").to_rgb8(), negative(&photo(5, 5)));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["status"]), (5, &"left_out".into()));
    let lines = &lines[1..];
    assert_eq!((&lines[0]["input"], &lines[0]["output"]), (&"in/a.png".into(), &"in/styled/a.png".into()));
    assert_eq!((&lines[0]["status"], &lines[0]["width"], &lines[0]["tiles"]), (&"done".into(), &5.into(), &1.into()));
    assert_eq!((&lines[3]["summary"]["done"], &lines[3]["summary"]["failed"]), (&3.into(), &0.into()));
    // Results are not inputs, and are replaced only with --overwrite.
    let errors = failure(&stylize(&folder, "in -m m.onnx -o in/styled"));
    assert!(["in/styled/a.png", "2 more", "--overwrite"].iter().all(|fact| errors[0].contains(fact)), "{errors:?}");
    fs::remove_file(at("in/styled/c.gif")).unwrap();
    let output = succeeds(&folder, "in -m m.onnx -o in/styled --skip-existing");
    assert!(stderr(&output).contains("1 picture to in/styled, 2 skipped"), "{}", stderr(&output));
    let output = succeeds(&folder, "in -m m.onnx -o in/styled --overwrite");
    assert!(stderr(&output).contains("3 pictures"), "{}", stderr(&output));
}

#[test]
fn an_input_is_never_replaced() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("other")).unwrap();
    fs::copy(at("a.png"), at("other/a.png")).unwrap();
    let mut aliases = vec!["a.png", "./a.png", "other/../a.png"];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a.png", at("link.png")).unwrap();
        fs::hard_link(at("a.png"), at("hard.png")).unwrap();
        aliases.extend(["link.png", "hard.png"]);
    }
    let before = fs::read(at("a.png")).unwrap();
    for alias in aliases {
        let errors = failure(&stylize(&folder, &format!("a.png -m m.onnx -o {alias} --overwrite")));
        let named = format!("error: {alias}: ");
        assert!(errors.len() == 1 && errors[0].starts_with(&named) && errors[0].contains("input a.png"), "{errors:?}");
    }
    // Not by another picture's result either; in a folder the rest is done.
    fs::write(at("b.png"), &before).unwrap();
    let errors = failure(&stylize(&folder, "a.png b.png other/a.png -m m.onnx -o other --overwrite"));
    assert!(errors[0].starts_with("error: a.png: ") && errors[0].contains("input other/a.png"), "{errors:?}");
    assert!(errors[2].contains("2 of 3 ") && errors[2].contains("1 picture to other"), "{errors:?}");
    assert_eq!((fs::read(at("a.png")).unwrap(), fs::read(at("other/a.png")).unwrap()), (before.clone(), before));
}

#[test]
fn results_of_one_name_do_not_stop_a_folder() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("in")).unwrap();
    for (name, side) in [("a.apng", 3), ("a.png", 4), ("b.bmp", 5)] {
        photo(side, side).save(at("in").join(name)).unwrap();
    }
    for (flags, advice) in [("-o out", "-o"), ("-o out2 --format png", "--format")] {
        let errors = failure(&stylize(&folder, &format!("in -m m.onnx {flags}")));
        let out = flags.split(' ').nth(1).unwrap();
        let facts = ["error: in/a.png: ", &format!("{out}/a.png"), "in/a.apng", advice];
        assert!(facts.iter().all(|fact| errors[0].contains(fact)), "{errors:?}");
        assert!(errors[1].contains("1 of 3 ") && errors[1].contains("2 pictures"), "{errors:?}");
        assert_eq!((open(&folder, &format!("{out}/a.png")).width(), names(&at(out)).len()), (3, 2));
    }
}

/// Opening a pipe that nobody writes to would block forever.
#[cfg(unix)]
#[test]
fn pipes_are_not_pictures() {
    let folder = folder();
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    let output = stylize(&folder, "pipe a.png -m m.onnx -o out");
    assert!(failure(&output)[0].starts_with("error: pipe: "), "{}", stderr(&output));
    assert_eq!(names(&folder.path().join("out")), ["a.png"]);
}

#[test]
fn one_bad_file_does_not_stop_the_rest() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let mut jpeg = std::io::Cursor::new(vec![]);
    photo(100, 80).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    fs::write(at("cut.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let huge = [&jpeg[..frame + 5], &[0xea, 0x60, 0xea, 0x60], &jpeg[frame + 9..]].concat();
    fs::write(at("huge.jpg"), huge).unwrap();
    fs::write(at("text.jpg"), "not a picture").unwrap();
    let output = stylize(&folder, "cut.jpg huge.jpg gone.png text.jpg a.png -m m.onnx -o out --json");
    let errors = failure(&output);
    let wanted = [
        ("error: gone.png: ", ""),
        ("error: cut.jpg: ", ""),
        ("error: huge.jpg: ", "60000x60000"),
        ("error: text.jpg: ", ""),
        ("error: 4 of 5 ", "1 picture to out"),
    ];
    assert_eq!(errors.len(), wanted.len(), "{errors:?}");
    for (error, (place, fact)) in errors.iter().zip(wanted) {
        assert!(error.starts_with(place) && error.contains(fact), "{error}");
    }
    assert_eq!(names(&at("out")), ["a.png"]);
    let failed = String::from_utf8(output.stdout).unwrap().lines().filter(|line| line.contains("\"failed\"")).count();
    assert_eq!(failed, 5);
    // If all fail, no empty folder stays.
    failure(&stylize(&folder, "text.jpg -m m.onnx -o none"));
    assert!(!at("none").exists());
}

#[test]
fn unsuitable_models_are_named() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("g.onnx"), common::generator()).unwrap();
    fs::write(at("c.onnx"), common::classifier(&[])).unwrap();
    fs::write(at("s.onnx"), common::switch()).unwrap();
    fs::write(at("t.onnx"), common::tabular()).unwrap();
    for (model, wanted) in [
        ("t.onnx", ["t.onnx", "tabular model"]),
        ("g.onnx", ["g.onnx", "`sample`"]),
        ("c.onnx", ["c.onnx", "`classify`"]),
        ("s.onnx", ["s.onnx", "x float32 [n]"]),
        ("a.png", ["a.png", "not an ONNX model"]),
        ("gone", ["gone", "no such file"]),
        ("m.onnx --range 0..255", ["m.onnx", "--range"]),
    ] {
        let errors = failure(&stylize(&folder, &format!("a.png -m {model} -o out.png")));
        assert!(errors.len() == 1 && wanted.iter().all(|fact| errors[0].contains(fact)), "{errors:?}");
    }
    assert!(!at("out.png").exists());
    let output = stylize(&folder, "a.png -m gone -o out.png --json");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(format!("error: {}", summary["summary"]["error"].as_str().unwrap()), failure(&output)[0]);
    let misuse = stylize(&folder, "a.png -m m.onnx");
    assert_eq!(misuse.status.code(), Some(2));
    assert!(stderr(&misuse).contains("--output <OUT>"), "{}", stderr(&misuse));
}

/// The negative of values up to 255 is something else than that of values up to 1.
#[test]
fn models_without_a_card_run() {
    let folder = folder();
    fs::write(folder.path().join("n.onnx"), common::negative(false)).unwrap();
    let original = open(&folder, "a.png").to_rgb8();
    succeeds(&folder, "a.png -m n.onnx -o n.png");
    assert_eq!(open(&folder, "n.png").to_rgb8(), negative(&original));
    // 1 - x is below 0 for all but the darkest.
    succeeds(&folder, "a.png -m n.onnx -o b.png --range 0..255 --bgr");
    let dark = open(&folder, "b.png").to_rgb8();
    assert!(dark.pixels().zip(original.pixels()).all(|(a, b)| (0..3).all(|c| a[c] == u8::from(b[c] == 0))));
    // Its tiles cannot share statistics, and a warning says so.
    let output = succeeds(&folder, "a.png -m n.onnx -o c.png --tile 16");
    assert!(!stderr(&output).contains("warning"), "{}", stderr(&output));
    photo(200, 20).save(folder.path().join("wide.png")).unwrap();
    let output = succeeds(&folder, "wide.png -m n.onnx -o d.png --tile 16");
    assert!(stderr(&output).contains("warning: wide.png: "), "{}", stderr(&output));
    assert_eq!(open(&folder, "d.png").to_rgb8(), negative(&photo(200, 20)));
    let errors = failure(&stylize(&folder, "wide.png -m n.onnx -o e.png --statistics exact"));
    assert!(errors[0].starts_with("error: n: --statistics exact "), "{errors:?}");
}

#[test]
fn models_of_a_fixed_size_get_it() {
    let folder = folder();
    fs::write(folder.path().join("f.onnx"), common::negative_of_size(8, 12)).unwrap();
    RgbImage::from_pixel(50, 30, Rgb([10, 20, 30])).save(folder.path().join("flat.png")).unwrap();
    let output = succeeds(&folder, "flat.png -m f.onnx -o out.png");
    assert!(stderr(&output).contains("note: "), "{}", stderr(&output));
    assert!(!stderr(&output).contains("--tile"), "{}", stderr(&output));
    let output = succeeds(&folder, "flat.png -m f.onnx -o tiled.png --tile 16");
    assert!(stderr(&output).contains("note: --tile "), "{}", stderr(&output));
    assert_eq!(open(&folder, "out.png").to_rgb8(), RgbImage::from_pixel(50, 30, Rgb([245, 235, 225])));
}

/// Like a full disk, but without privileges: no file may grow beyond a number of blocks.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    // Noise, so that the file is not small.
    let noise = |x: u32, y: u32| Rgb([0, 1, 2].map(|c| (x.wrapping_mul(2_654_435_761 + c * 977) ^ (y * 40_503)) as u8));
    fs::create_dir_all(at("in/deep/er")).unwrap();
    RgbImage::from_fn(700, 500, noise).save(at("in/deep/er/large.bmp")).unwrap();
    let limited = "ulimit -f 200; exec \"$0\" \"$@\"";
    let arguments = ["in", "a.png", "-m", "m.onnx", "-o", "out"];
    let output =
        Command::new("sh").args(["-c", limited, PROGRAM]).args(arguments).current_dir(folder.path()).output().unwrap();
    let errors = failure(&output);
    assert!(errors[0].starts_with("error: out/deep/er/large.bmp: cannot write: "), "{errors:?}");
    assert_eq!(names(&at("out")), ["a.png"]);
    // An existing file is unchanged.
    fs::create_dir_all(at("out/deep/er")).unwrap();
    fs::write(at("out/deep/er/large.bmp"), "before").unwrap();
    let arguments = [&arguments[..], &["--overwrite"]].concat();
    Command::new("sh").args(["-c", limited, PROGRAM]).args(arguments).current_dir(folder.path()).output().unwrap();
    assert_eq!(fs::read(at("out/deep/er/large.bmp")).unwrap(), b"before");
}

#[test]
fn the_doctor_checks_everything() {
    let folder = folder();
    fs::create_dir(folder.path().join("models")).unwrap();
    fs::copy(folder.path().join("m.onnx"), folder.path().join("models/night.onnx")).unwrap();
    let text = String::from_utf8(stylize(&folder, "--doctor").stdout).unwrap();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
    assert!(line("library").contains("ONNX Runtime 1."), "{text}");
    assert!(line("cpu").contains("ok"), "{text}");
    assert!(line("night").contains("256x256 in "), "{text}");
    // A shipped model that is named too is checked once, and stdout may be closed.
    let text = String::from_utf8(stylize(&folder, "--doctor -m models/night.onnx").stdout).unwrap();
    assert_eq!(text.matches("Negative, ").count(), 1, "{text}");
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let unread = Command::new(PROGRAM).arg("--doctor").current_dir(folder.path()).stdout(closed).output().unwrap();
    assert!(unread.status.success(), "{}", stderr(&unread));
    fs::write(folder.path().join("models/broken.onnx"), "broken").unwrap();
    let output = stylize(&folder, "--doctor");
    assert!(String::from_utf8_lossy(&output.stdout).contains("not an ONNX model"));
    assert!(failure(&output)[0].contains("model"));
    // An engine whose output differs from the card's golden output is reported.
    let image = &golden::inputs(&common::negative_card(vec![])).unwrap().0[0].1;
    let values = image.as_f32().unwrap();
    let right: Vec<f32> =
        (0..golden::MAX_ELEMENTS).map(|at| 1.0 - values[at * values.len() / golden::MAX_ELEMENTS]).collect();
    for (golden, expected) in [(right, " ok "), (vec![0.5; golden::MAX_ELEMENTS], " FAILS ")] {
        fs::write(folder.path().join("models/broken.onnx"), common::negative_with(golden)).unwrap();
        let text = String::from_utf8(stylize(&folder, "--doctor").stdout).unwrap();
        assert!(text.lines().any(|line| line.starts_with("broken") && line.contains(expected)), "{text}");
    }
    let output = Command::new(PROGRAM).arg("--doctor").env("ORT_DYLIB_PATH", "/nowhere").output().unwrap();
    assert!(failure(&output)[0].contains("library"));
}
