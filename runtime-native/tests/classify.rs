//! The program `classify` as a user runs it. Needs ONNX Runtime's library: `cargo xtask setup`.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use image::{GrayImage, Luma, Rgba, RgbaImage};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_classify");
const CORNERS: [&str; 4] = ["top left", "top right", "bottom left", "bottom right"];

/// A folder with a classifier in it that finds the brightest corner, and pictures of bright corners.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.onnx"), common::classifier(&CORNERS)).unwrap();
    for (name, corner) in [("a.png", 1), ("b.png", 2), ("in/c.bmp", 0), ("in/deep/d.png", 3)] {
        picture(&folder.path().join(name), corner);
    }
    folder
}

/// A picture of 4x2, of which the middle fits the model, with one bright pixel there.
fn picture(path: &Path, corner: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let bright = |x: u32, y: u32| (x, y) == (1 + corner % 2, corner / 2);
    GrayImage::from_fn(4, 2, |x, y| Luma([if bright(x, y) { 255 } else { 0 }])).save(path).unwrap();
}

fn classify(folder: &TempDir, flags: &str) -> Output {
    Command::new(PROGRAM).args(flags.split_whitespace()).current_dir(folder.path()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(String::from).collect()
}

fn succeeds(folder: &TempDir, flags: &str) -> Vec<String> {
    let output = classify(folder, flags);
    assert!(output.status.success(), "{flags}: {}", stderr(&output));
    assert!(stderr(&output).contains("engine: ONNX Runtime 1."), "{}", stderr(&output));
    lines(&output)
}

/// The one error line of a failure, status 1.
fn failure(output: &Output) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && !text.contains("panicked"), "{text}");
    errors[0].to_string()
}

#[test]
fn each_picture_has_a_line() {
    let folder = folder();
    // The pixels are the logits: one of 1 and three of 0.
    let printed = succeeds(&folder, "-m m.onnx b.png a.png");
    assert_eq!(printed, ["b.png  bottom left 47.5 %", "a.png  top right 47.5 %"]);
    let printed = succeeds(&folder, "-m m.onnx --top 2 a.png");
    assert_eq!(printed, ["a.png  top right 47.5 %  top left 17.5 %"]);
    assert_eq!(succeeds(&folder, "-m m.onnx --top 99 a.png")[0].matches('%').count(), 4);
}

#[test]
fn folders_are_searched_in_order() {
    let folder = folder();
    fs::write(folder.path().join("in/notes.txt"), "no picture").unwrap();
    fs::write(folder.path().join("in/.hidden.png"), "no picture").unwrap();
    for batch in ["1", "3", "64"] {
        let printed = succeeds(&folder, &format!("-m m.onnx --batch {batch} in b.png ."));
        let paths: Vec<_> = printed.iter().map(|line| line.split("  ").next().unwrap()).collect();
        assert_eq!(
            paths,
            ["in/c.bmp", "in/deep/d.png", "b.png", "./a.png", "./b.png", "./in/c.bmp", "./in/deep/d.png"]
        );
        assert!(printed[1].contains("bottom right") && printed[3].contains("top right"), "{printed:?}");
    }
}

#[test]
fn json_has_everything() {
    let folder = folder();
    fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
    let output = classify(&folder, "-m m.onnx --json --top 3 a.png broken.png b.png");
    let error = failure(&output);
    assert!(error.contains("1 of 3 "), "{error}");
    let lines: Vec<Value> = lines(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let first = &lines[0]["classes"][0];
    assert_eq!((lines[0]["path"].as_str(), first["label"].as_u64()), (Some("a.png"), Some(1)));
    assert_eq!(first["name"].as_str(), Some("top right"));
    assert!((first["probability"].as_f64().unwrap() - 0.47537).abs() < 1e-4);
    assert_eq!(lines[0]["classes"].as_array().unwrap().len(), 3);
    assert!(lines[1]["error"].is_string() && lines[1].get("classes").is_none());
    assert_eq!(lines[2]["classes"][0]["label"].as_u64(), Some(2));
}

#[test]
fn transparent_is_white_and_names_may_be_missing() {
    let folder = folder();
    fs::write(folder.path().join("m.onnx"), common::classifier(&[])).unwrap();
    let pixel = |x: u32, y: u32| Rgba([0, 0, 0, if (x, y) == (1, 1) { 0 } else { 255 }]);
    RgbaImage::from_fn(2, 2, pixel).save(folder.path().join("t.png")).unwrap();
    assert_eq!(succeeds(&folder, "-m m.onnx t.png"), ["t.png  3 47.5 %"]);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_done() {
    let folder = folder();
    fs::write(folder.path().join("text.png"), "no picture").unwrap();
    let output = classify(&folder, "-m m.onnx text.png a.png");
    let error = failure(&output);
    assert!(error.contains("1 of 2 ") && stderr(&output).contains("warning: text.png: "), "{error}");
    assert_eq!(lines(&output), ["a.png  top right 47.5 %"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    for (flags, wanted) in [
        ("-m m.onnx nowhere.png", "nowhere.png"),
        ("-m m.onnx empty", "empty"),
        ("-m gone.onnx a.png", "gone.onnx"),
        ("-m a.png a.png", "a.png"),
    ] {
        let output = classify(&folder, flags);
        let error = failure(&output);
        assert!(error.starts_with(&format!("error: {wanted}: ")) && output.stdout.is_empty(), "{error}");
    }
    fs::write(folder.path().join("g.onnx"), common::generator()).unwrap();
    let error = failure(&classify(&folder, "-m g.onnx a.png"));
    assert!(["g.onnx", "generator", "`sample`"].iter().all(|fact| error.contains(fact)), "{error}");
    fs::write(folder.path().join("t.onnx"), common::tabular()).unwrap();
    let error = failure(&classify(&folder, "-m t.onnx a.png"));
    assert!(error.contains("t.onnx") && error.contains("tabular model"), "{error}");
    let misuse = classify(&folder, "-m m.onnx");
    assert_eq!(misuse.status.code(), Some(2));
    assert!(stderr(&misuse).contains("<PICTURE|FOLDER>"), "{}", stderr(&misuse));
}

#[test]
fn what_is_left_out_of_a_folder_is_named() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::rename(at("in/c.bmp"), at("in/c.dib")).unwrap();
    fs::write(at("in/x.CR3"), b"\0\0\0\x10ftypcrx \0\0\0\0").unwrap();
    fs::write(at("in/y.txt"), "no picture").unwrap();
    let output = classify(&folder, "-m m.onnx in --json");
    assert!(output.status.success() && stderr(&output).contains("x.CR3: left out"), "{}", stderr(&output));
    let lines: Vec<Value> = lines(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let left_out: Vec<_> = lines.iter().filter(|line| line["left_out"].is_string()).collect();
    assert_eq!((lines.len(), left_out.len()), (4, 2), "{lines:?}");
    assert!(left_out[0]["left_out"].as_str().unwrap().contains("Canon CR3"));
}
