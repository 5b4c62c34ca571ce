//! The memory that `stylize` takes, compared with its estimate. Needs ONNX Runtime's library: `cargo xtask setup`.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;

/// Runs the program with a shipped model on a picture. Returns its exit status, the report's first line or the error, and
/// its peak memory in bytes.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it")]
fn stylize(folder: &Path, flags: &str) -> (Option<i32>, String, u64) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/wave.onnx");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stylize"));
    command.args(flags.split_whitespace()).arg("-m").arg(model).arg("--json").current_dir(folder);
    let report = fs::File::create(folder.join("report")).unwrap();
    let errors = fs::File::create(folder.join("errors")).unwrap();
    let child = command.stdin(Stdio::null()).stdout(report).stderr(errors).spawn().unwrap();
    // SAFETY: the call fills in both, which are plain numbers, and nothing else waits for this child.
    let (status, used) = unsafe {
        let (mut status, mut used) = (0, std::mem::zeroed::<libc::rusage>());
        assert_eq!(libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut used), child.id() as libc::pid_t);
        (status, used)
    };
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
    let line = match code {
        Some(0) => text("report").lines().next().unwrap().to_string(),
        _ => text("errors").lines().find(|line| line.starts_with("error: ")).unwrap_or_default().to_string(),
    };
    (code, line, used.ru_maxrss as u64 * 1024)
}

#[test]
fn memory_stays_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let noise = |x: u32, y: u32, c: u32| (x.wrapping_mul(2_654_435_761 + c * 977) >> 9 ^ y.wrapping_mul(40_503)) as u8;
    let opaque = RgbImage::from_fn(1501, 1002, |x, y| Rgb([0, 1, 2].map(|c| noise(x, y, c))));
    let clear = RgbaImage::from_fn(1501, 1002, |x, y| Rgba([0, 1, 2, 3].map(|c| noise(x, y, c))));
    opaque.save(folder.path().join("a.png")).unwrap();
    opaque.save(folder.path().join("a.jpg")).unwrap();
    clear.save(folder.path().join("c.png")).unwrap();
    let mut tiles = vec![];
    for (flags, limit) in [
        ("a.png -o whole.png", 2_000_000_000),
        ("a.png -o a2.png --memory 240MB", 240_000_000),
        ("a.jpg -o a2.jpg --memory 180MB --statistics exact", 180_000_000),
        ("c.png -o c2.png --memory 250MB", 250_000_000),
        ("a.png -o o2.png --memory 300MB --engine onnxruntime", 300_000_000),
    ] {
        let (status, line, peak) = stylize(folder.path(), flags);
        assert_eq!(status, Some(0), "{flags}: {line}");
        let report: Value = serde_json::from_str(&line).unwrap();
        let estimate = report["memory"].as_u64().unwrap();
        assert!(peak <= estimate && estimate <= limit, "{flags}: {peak} of {estimate}");
        // An estimate of twice as much would cost speed.
        assert!(estimate < 2 * peak, "{flags}: {peak} of {estimate}");
        tiles.push(report["tiles"].as_u64().unwrap());
        let result: DynamicImage = image::open(folder.path().join(flags.split_whitespace().nth(2).unwrap())).unwrap();
        assert_eq!((result.width(), result.height()), (1501, 1002));
    }
    assert!(tiles[0] == 1 && tiles[1] > 1 && tiles[2] > tiles[1] && tiles[4] > tiles[1], "{tiles:?}");
}

#[test]
fn what_does_not_fit_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    DynamicImage::new_rgb8(16_384, 1).save(folder.path().join("line.png")).unwrap();
    assert_eq!(stylize(folder.path(), "line.png -o a.png --memory 200MB").0, Some(0));
    assert_eq!(stylize(folder.path(), "line.png -o b.png --memory 900TB").0, Some(0));
    for size in ["9999999TB", "0"] {
        let (status, line, _) = stylize(folder.path(), &format!("line.png -o c.png --memory {size}"));
        assert!(status == Some(2) && line.contains("--memory <auto|SIZE>") && line.contains(size), "{line}");
    }
    let (status, line, peak) = stylize(folder.path(), "line.png -o d.png --memory 1KB");
    assert_eq!(status, Some(1));
    assert!(line.starts_with("error: line.png: ") && line.contains("--memory"), "{line}");
    assert!(peak < 150_000_000 && !folder.path().join("d.png").exists());
}
