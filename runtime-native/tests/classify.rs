//! The program `classify` as a user runs it. Needs ONNX Runtime's library: `cargo xtask setup`.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use easel_runtime::polarity::Border;
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
    assert!(stderr(&output).contains("engine: "), "{}", stderr(&output));
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
    assert_eq!(succeeds(&folder, "-m m.onnx in/d*/*.png"), ["in/deep/d.png  bottom right 47.5 %"]);
}

/// As `stylize` walks them.
#[cfg(unix)]
#[test]
fn hidden_folders_and_dangling_links_do_not_stop_the_rest() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    picture(&folder.path().join("in/.trash/e.png"), 0);
    symlink("gone.png", folder.path().join("in/link.png")).unwrap();
    symlink(".", folder.path().join("in/back")).unwrap();
    let output = classify(&folder, "-m m.onnx --json in");
    assert!(failure(&output).contains("1 of 3 "), "{}", stderr(&output));
    assert!(stderr(&output).contains("note: in/back: "), "{}", stderr(&output));
    let lines: Vec<Value> = lines(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["in/link.png", "in/c.bmp", "in/deep/d.png"]);
    assert!(lines[0]["error"].is_string(), "{lines:?}");
}

#[test]
fn standard_input_is_a_picture() {
    let folder = folder();
    let picture = fs::File::open(folder.path().join("b.png")).unwrap();
    let mut command = Command::new(PROGRAM);
    let output = command.args(["-m", "m.onnx", "-"]).current_dir(folder.path()).stdin(picture).output().unwrap();
    assert_eq!(lines(&output), ["-  bottom left 47.5 %"], "{}", stderr(&output));
}

/// Twins of one picture: light on dark, dark on light, and both inks on nothing.
#[test]
fn the_other_polarity_is_inverted() {
    let folder = folder();
    let dark = Some(Border { mean: 0.02, std: 0.05 });
    fs::write(folder.path().join("m.onnx"), common::classifier_of(&CORNERS, dark)).unwrap();
    fs::write(folder.path().join("unknown.onnx"), common::classifier(&CORNERS)).unwrap();
    let marked = |x: u32, y: u32| (x, y) == (1, 0);
    let save = |name: &str, paper: [u8; 4], ink: [u8; 4]| {
        let pixel = |x, y| Rgba(if marked(x, y) { ink } else { paper });
        RgbaImage::from_fn(2, 2, pixel).save(folder.path().join(name)).unwrap();
    };
    let ([black, white], clear) = ([0, 255].map(|value| [value, value, value, 255]), [0; 4]);
    save("1.png", black, white);
    save("2.png", white, black);
    save("3.png", clear, black);
    save("4.png", clear, white);
    let classified = |flags: &str| {
        let output = classify(&folder, &format!("--json {flags} 1.png 2.png 3.png 4.png"));
        assert!(output.status.success(), "{}", stderr(&output));
        let found = lines(&output).into_iter().map(|line| {
            let line: Value = serde_json::from_str(&line).unwrap();
            (line["classes"][0]["label"].as_u64().unwrap(), line["inverted"].as_bool())
        });
        (found.collect::<Vec<_>>(), stderr(&output).matches("note: ").count(), stderr(&output))
    };
    let (found, notes, said) = classified("-m m.onnx");
    assert_eq!(found, [(1, None), (1, Some(true)), (1, Some(true)), (1, None)]);
    assert!(
        notes == 1 && said.contains("2 of 4 pictures are dark on light") && said.contains("--invert off"),
        "{said}"
    );
    // The first of three equal corners.
    let (kept, turned) = ([(1, None), (0, None), (0, None), (1, None)], Some(true));
    for (flags, wanted) in [
        ("-m m.onnx --invert off", kept),
        ("-m unknown.onnx", kept),
        ("-m unknown.onnx --invert on", [(0, turned), (1, turned), (1, turned), (0, turned)]),
    ] {
        let (found, notes, said) = classified(flags);
        assert_eq!((found, notes), (wanted.to_vec(), 0), "{flags}: {said}");
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

/// With `--json` an error that ends the run is a line, too.
#[test]
fn errors_are_lines() {
    let folder = folder();
    for flags in ["-m gone.onnx a.png --json", "-m a.png a.png --json"] {
        let output = classify(&folder, flags);
        let error = failure(&output);
        let line: Value = serde_json::from_str(lines(&output).last().unwrap()).unwrap();
        assert!(line["path"].is_null(), "{line}");
        assert_eq!(format!("error: {}", line["error"].as_str().unwrap()), error);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn only_a_reader_that_has_gone_is_no_error() {
    let folder = folder();
    let run = |stdout: Stdio| {
        let arguments = ["-m", "m.onnx", "a.png", "b.png"];
        Command::new(PROGRAM).args(arguments).current_dir(folder.path()).stdout(stdout).output().unwrap()
    };
    let error = failure(&run(fs::File::options().write(true).open("/dev/full").unwrap().into()));
    assert!(error.starts_with("error: standard output: cannot write: "), "{error}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(run(writer.into()).status.success());
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
    for named in ["nowhere.png", "empty", "*.webp"] {
        let output = classify(&folder, &format!("-m m.onnx {named} a.png"));
        assert!(failure(&output).contains("1 of 2 ") && lines(&output).len() == 1, "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("warning: {named}: ")), "{}", stderr(&output));
    }
    for (flags, wanted) in [("-m gone.onnx a.png", "gone.onnx"), ("-m a.png a.png", "a.png")] {
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
