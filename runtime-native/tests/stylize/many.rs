//! Many pictures at once, several models, and what gets in the way.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use easel_pictures::decode;
use image::{Rgb, RgbImage};
use serde_json::Value;

use super::{PROGRAM, common, failure, folder, names, negative, open, photo, stderr, stylize, succeeds};

/// The lines of `--json`.
pub fn lines(stdout: Vec<u8>) -> Vec<Value> {
    String::from_utf8(stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Pictures of different sizes in folders below `in`.
pub fn pictures(folder: &Path, count: u32) {
    for at in 0..count {
        let path = folder.join(format!("in/{}/{at:03}.png", at % 7));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        photo(40 + at, 90).save(path).unwrap();
    }
}

/// All files below a folder, and when they were written.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    // A temporary file may be renamed meanwhile.
    let all = entries.flat_map(|path| match path.metadata() {
        Ok(is) if is.is_dir() => files(&path).into_iter().collect(),
        Ok(is) => vec![(path, is.modified().unwrap())],
        Err(_) => vec![],
    });
    all.collect()
}

/// Kills the program while it writes and runs it again: every result is complete and was made once.
#[cfg(unix)]
#[test]
fn a_killed_run_goes_on() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let count = 300;
    pictures(folder.path(), count);
    let out = at("out");
    let mut child = Command::new(PROGRAM)
        .args(["in", "-m", "m.onnx", "-o", "out"])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while files(&out).len() < 15 {
        assert!(child.try_wait().unwrap().is_none(), "ended before it could be killed");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let is_result = |path: &PathBuf| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    let first: BTreeMap<_, _> = files(&out).into_iter().filter(|(path, _)| is_result(path)).collect();
    assert!((1..count as usize).contains(&first.len()), "{}", first.len());
    // An old temporary file of a killed process is removed.
    let left = fs::File::create(at("out/0/.easel-left")).unwrap();
    left.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    drop(left);

    let output = succeeds(&folder, "in -m m.onnx -o out --skip-existing --json");
    let summary = lines(output.stdout).pop().unwrap();
    let (done, skipped) = (count as usize - first.len(), first.len());
    assert_eq!((&summary["summary"]["done"], &summary["summary"]["skipped"]), (&done.into(), &skipped.into()));
    let after = files(&out);
    assert!(first.iter().all(|(path, written)| after[path] == *written), "a result was made twice");
    assert!(!at("out/0/.easel-left").exists());
    for number in 0..count {
        let name = format!("out/{}/{number:03}.png", number % 7);
        assert_eq!(open(&folder, &name).to_rgb8(), negative(&photo(40 + number, 90)), "{name}");
    }
}

#[test]
fn results_are_reported_in_order() {
    let folder = folder();
    pictures(folder.path(), 60);
    fs::write(folder.path().join("in/3/003.png"), "broken").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", folder.path().join("in/5/back")).unwrap();
    let output = stylize(&folder, "in -m m.onnx -o out --json --threads 4");
    let errors = failure(&output);
    assert!(errors[0].starts_with("error: in/3/003.png: ") && errors.len() == 2, "{errors:?}");
    assert!(stderr(&output).contains("4 pictures at a time"), "{}", stderr(&output));
    #[cfg(unix)]
    assert!(stderr(&output).contains("note: in/5/back: "), "{}", stderr(&output));
    let inputs: Vec<String> =
        lines(output.stdout).iter().filter_map(|line| Some(line["input"].as_str()?.to_string())).collect();
    assert!(inputs.is_sorted() && inputs.len() == 60, "{inputs:?}");
}

#[test]
fn the_shards_are_all_pictures() {
    let folder = folder();
    pictures(folder.path(), 10);
    let mut together = vec![];
    for shard in ["1/3", "2/3", "3/3"] {
        let output = stylize(&folder, &format!("in gone.png -m m.onnx -o out --json --shard {shard}"));
        // An input that cannot be read is reported by one shard.
        assert_eq!(output.status.success(), shard != "1/3", "{}", stderr(&output));
        together.extend(lines(output.stdout).iter().filter_map(|line| Some(line["input"].as_str()?.to_string())));
    }
    together.sort();
    together.dedup();
    assert_eq!((together.len(), files(&folder.path().join("out")).len()), (11, 10));
}

/// Results of one name are found before the pictures are split into shards, by every shard alike.
#[test]
fn shards_agree_on_names() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).unwrap();
    for name in ["a.bmp", "a.png", "b.bmp", "c.png"] {
        photo(6, 5).save(folder.path().join("in").join(name)).unwrap();
    }
    let mut reported = vec![];
    for shard in ["1/2", "2/2"] {
        let output = stylize(&folder, &format!("in -m m.onnx -o out --format png --json --shard {shard}"));
        reported.extend(lines(output.stdout).into_iter().filter(|line| line["input"].is_string()));
    }
    let status = |name: &str| {
        let of = reported.iter().filter(|line| line["input"] == format!("in/{name}"));
        of.map(|line| line["status"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((status("a.bmp"), status("a.png"), status("c.png")), (vec!["done"], vec!["failed"], vec!["done"]));
    assert_eq!(names(&folder.path().join("out")), ["a.png", "b.png", "c.png"]);
}

/// Beside their pictures, results of another format are inputs themselves the second time.
#[test]
fn a_folder_is_done_in_place_once() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).unwrap();
    photo(6, 5).save(folder.path().join("in/a.png")).unwrap();
    succeeds(&folder, "in -m m.onnx -o in --format webp");
    let written = files(&folder.path().join("in"));
    let output = succeeds(&folder, "in -m m.onnx -o in --format webp --skip-existing");
    assert!(stderr(&output).contains("0 pictures to in, 2 skipped"), "{}", stderr(&output));
    assert_eq!(files(&folder.path().join("in")), written);
}

/// One model makes negatives, the other returns the picture: half of each is grey.
#[test]
fn several_models() {
    let folder = folder();
    fs::write(folder.path().join("same.onnx"), common::identity()).unwrap();
    let original = open(&folder, "a.png").to_rgb8();
    photo(30, 20).save(folder.path().join("b.png")).unwrap();
    let output = succeeds(&folder, "a.png b.png -m m.onnx -m same.onnx -o out --json");
    assert_eq!(names(&folder.path().join("out")), ["m", "same"]);
    assert_eq!(open(&folder, "out/m/a.png").to_rgb8(), negative(&original));
    assert_eq!(open(&folder, "out/same/b.png").to_rgb8(), photo(30, 20));
    let summary = lines(output.stdout).pop().unwrap();
    assert_eq!(summary["summary"]["models"], serde_json::json!(["Negative", "same"]));

    succeeds(&folder, "a.png -m m.onnx -m same.onnx --blend 1,1 -o grey.png");
    let grey = open(&folder, "grey.png").to_rgb8();
    assert!(grey.pixels().all(|pixel| pixel.0.iter().all(|value| (127..=128).contains(value))), "{grey:?}");
    succeeds(&folder, "a.png -m m.onnx -m same.onnx --blend 0,3 -o same.png");
    assert_eq!(open(&folder, "same.png").to_rgb8(), original);
    // A model that cannot be used ends the run at once.
    let errors = failure(&stylize(&folder, "a.png -m m.onnx -m a.png -o none"));
    assert!(errors.len() == 1 && errors[0].starts_with("error: a.png: "), "{errors:?}");
    assert!(!folder.path().join("none").exists());
}

#[test]
fn standard_input_and_output() {
    let folder = folder();
    let original = open(&folder, "a.png").to_rgb8();
    let pipe = |bytes: &[u8], flags: &str| {
        let mut child = Command::new(PROGRAM)
            .args(flags.split_whitespace())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // If it has failed already, nobody reads.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        child.wait_with_output().unwrap()
    };
    let mut bmp = std::io::Cursor::new(vec![]);
    original.write_to(&mut bmp, image::ImageFormat::Bmp).unwrap();
    for (flags, format) in [("", image::ImageFormat::Bmp), ("--format webp", image::ImageFormat::WebP)] {
        let output = pipe(bmp.get_ref(), &format!("- -m m.onnx -o - {flags}"));
        assert!(output.status.success(), "{}", stderr(&output));
        let result = decode(&output.stdout).unwrap();
        assert_eq!((result.format, result.picture.to_rgb8()), (format, negative(&original)));
        assert!(stderr(&output).contains("1 picture to standard output"), "{}", stderr(&output));
    }
    assert!(pipe(bmp.get_ref(), "- -m m.onnx -o out").status.success());
    assert_eq!(open(&folder, "out/picture.png").to_rgb8(), negative(&original));
    let errors = failure(&pipe(b"no picture", "- -m m.onnx -o -"));
    assert!(errors[0].starts_with("error: -: "), "{errors:?}");
}

/// If the disk fills up, the rest is not begun.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).unwrap();
    for at in 0..30u32 {
        let noise = |x: u32, y: u32| {
            Rgb([0, 1, 2].map(|c| (x.wrapping_mul(2_654_435_761 + c * 977 + at) ^ (y * 40_503)) as u8))
        };
        RgbImage::from_fn(100, 100, noise).save(folder.path().join(format!("in/{at:02}.bmp"))).unwrap();
    }
    fs::create_dir(folder.path().join("disk")).unwrap();
    // A disk of 300 kB that is gone with the shell; its files are copied out of it.
    let script = r#"mount -t tmpfs -o size=300k none disk || exit 77
        "$0" in -m m.onnx -o disk/out; status=$?
        cp -r disk/out kept
        exit $status"#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, PROGRAM])
        .current_dir(folder.path())
        .output();
    let Some(output) =
        output.ok().filter(|output| output.status.code() == Some(1) && !output.stderr.starts_with(b"unshare"))
    else {
        println!("skipped: a full disk: mounting one is not permitted here");
        return;
    };
    let errors = failure(&output);
    assert!(errors[0].contains("cannot write: No space left"), "{errors:?}");
    let last = errors.last().unwrap();
    assert!(last.contains(" of 30 pictures ") && last.contains("--skip-existing"), "{last}");
    let kept = names(&folder.path().join("kept"));
    assert!((1..10).contains(&kept.len()) && kept.iter().all(|name| !name.starts_with('.')), "{kept:?}");
    for name in kept {
        let original = open(&folder, &format!("in/{name}")).to_rgb8();
        assert_eq!(open(&folder, &format!("kept/{name}")).to_rgb8(), negative(&original));
    }
}

/// A folder as a phone and a camera leave it: what a file holds counts, and what is left out is counted and named.
#[test]
fn nothing_of_a_folder_vanishes() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("phone")).unwrap();
    let (mut jpeg, mut bmp) = (std::io::Cursor::new(vec![]), std::io::Cursor::new(vec![]));
    photo(20, 10).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    photo(20, 10).write_to(&mut bmp, image::ImageFormat::Bmp).unwrap();
    let brands = |major: &[u8; 4]| [b"\0\0\0\x10ftyp", &major[..], &[0; 4]].concat();
    for (name, content) in [
        ("a.JPE", jpeg.get_ref().clone()),
        ("b.jpg_large", jpeg.get_ref().clone()),
        ("c", jpeg.get_ref().clone()),
        ("d.dib", bmp.into_inner()),
        ("e.jpg", brands(b"heic")),
        ("f.HEIC", brands(b"heic")),
        ("g.avif", include_bytes!("../../../pictures/src/decode/fixtures/plain.avif").to_vec()),
        ("h.jxl", include_bytes!("../../../pictures/src/decode/fixtures/plain.jxl").to_vec()),
        ("i.CR3", brands(b"crx ")),
        ("j.jpg", brands(b"crx ")),
        ("k.mov", brands(b"qt  ")),
        ("notes.txt", b"no picture".to_vec()),
    ] {
        fs::write(at("phone").join(name), content).unwrap();
    }
    let output = succeeds(&folder, "phone -m m.onnx -o out --json");
    let made = ["a.jpg", "b.jpg", "c.jpg", "d.bmp", "g.png", "h.png"];
    assert_eq!(names(&at("out")), made);
    let text = stderr(&output);
    assert!(
        text.contains("i.CR3 and 1 more")
            && text.contains("notes.txt: ")
            && text.contains("e.jpg and 1 more")
            && text.contains("6 files left out"),
        "{text}"
    );
    let lines = lines(output.stdout);
    let left_out: Vec<_> = lines.iter().filter(|line| line["status"] == "left_out").collect();
    assert_eq!(left_out.len(), 6, "{left_out:?}");
    assert!(left_out[0]["input"].as_str().unwrap().ends_with("e.jpg") && left_out[0]["reason"].is_string());
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!((&summary["done"], &summary["skipped"], &summary["failed"]), (&6.into(), &0.into(), &0.into()));
    assert_eq!(summary["left_out"], serde_json::json!({ "HEIC": 2, "camera raw": 2, "video": 1, "not a picture": 1 }));
    // Named by itself, such a file fails by name.
    let errors = failure(&stylize(&folder, "phone/j.jpg -m m.onnx -o j.png"));
    assert!(errors.iter().any(|line| line.contains("j.jpg") && line.contains("Canon CR3")), "{errors:?}");
    // Nothing but such files is an error.
    fs::create_dir(at("raw")).unwrap();
    fs::rename(at("phone/i.CR3"), at("raw/i.CR3")).unwrap();
    let output = stylize(&folder, "raw -m m.onnx -o out");
    let (text, errors) = (stderr(&output), failure(&output));
    assert!(text.contains("i.CR3: ") && errors.iter().any(|line| line.contains("no pictures")), "{text}");
}
