//! Videos, which need ffmpeg.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{common, failure, folder, names, stderr, stylize, succeeds};

const WIDTH: usize = 96;
const HEIGHT: usize = 64;
const FRAMES: usize = 12;

/// Whether ffmpeg and ffprobe are installed.
pub fn is_installed() -> bool {
    let there = ["ffmpeg", "ffprobe"].iter().all(|program| Command::new(program).arg("-version").output().is_ok());
    if !there {
        println!("skipped: videos: ffmpeg is not installed");
    }
    there
}

/// A frame of the video: each is lighter than the one before, with a red bar in another place.
fn frame(number: usize) -> Vec<u8> {
    let pixel = |at: usize| match (at % WIDTH / 8 == number, at / WIDTH < 32) {
        (true, true) => [230, 40, 30],
        _ => [40 + 12 * number as u8, 120, 200 - 12 * number as u8],
    };
    (0..WIDTH * HEIGHT).flat_map(pixel).collect()
}

pub fn ffmpeg(folder: &Path, arguments: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "{arguments}");
    output.stdout
}

/// The usual folder with a video in it: twelve frames in a second, with a tone and a title.
fn video_folder() -> TempDir {
    let folder = folder();
    let frames: Vec<u8> = (0..FRAMES).flat_map(frame).collect();
    let raw = format!("-f rawvideo -pix_fmt rgb24 -video_size {WIDTH}x{HEIGHT} -framerate 12 -i pipe:0");
    let sound = "-f lavfi -i sine=frequency=440:duration=1 -metadata title=Twelve";
    let coded = "-vf scale=out_color_matrix=smpte170m,format=yuv420p -c:v libx264 -crf 4 -c:a aac -movflags +faststart";
    ffmpeg(folder.path(), &format!("{raw} {sound} {coded} video.mp4"), &frames);
    folder
}

/// The frames of a video in its own size.
pub fn frames(folder: &TempDir, name: &str) -> Vec<u8> {
    ffmpeg(folder.path(), &format!("-i {name} -f rawvideo -pix_fmt rgb24 pipe:1"), &[])
}

pub fn probe(folder: &TempDir, name: &str) -> Value {
    let arguments = ["-v", "error", "-of", "json", "-show_format", "-show_streams", name];
    let output = Command::new("ffprobe").args(arguments).current_dir(folder.path()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mean(values: impl Iterator<Item = i32>) -> f64 {
    let (count, sum) = values.fold((0, 0), |(count, sum), value| (count + 1, sum + value));
    f64::from(sum) / f64::from(count)
}

#[test]
fn a_video_comes_out_with_its_sound() {
    if !is_installed() {
        return;
    }
    let folder = video_folder();
    let at = |name: &str| folder.path().join(name);
    for (name, video, sound) in [
        ("out.mp4", "h264", "aac"),
        ("out.mkv", "h264", "aac"),
        ("out.mov", "h264", "aac"),
        ("out.avi", "h264", "mp3"),
        ("out.webm", "vp9", "opus"),
    ] {
        let output = succeeds(&folder, &format!("video.mp4 -m m.onnx -o {name} --threads 4 --json"));
        assert!(stderr(&output).contains("4 frames at a time"), "{}", stderr(&output));
        let line: Value =
            serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().next().unwrap()).unwrap();
        assert_eq!((&line["frames"], &line["fps"], &line["width"]), (&12.into(), &12.0.into(), &96.into()), "{line}");
        let found = probe(&folder, name);
        assert_eq!(
            (&found["streams"][0]["codec_name"], &found["streams"][1]["codec_name"]),
            (&video.into(), &sound.into())
        );
        let tags = &found["format"]["tags"];
        let title = ["title", "TITLE"].iter().find_map(|key| tags[*key].as_str());
        assert_eq!(title, Some("Twelve"), "{name}: {tags}");
        // Every frame is in its place, and colours are what they were.
        let made = frames(&folder, name);
        assert_eq!(made.len(), FRAMES * 3 * WIDTH * HEIGHT, "{name}");
        for number in 0..FRAMES {
            let expected = frame(number);
            let made = &made[number * expected.len()..][..expected.len()];
            for channel in 0..3 {
                let flat = (40 * WIDTH..HEIGHT * WIDTH).map(|at| 3 * at + channel);
                let error = mean(flat.map(|at| i32::from(made[at]) - (255 - i32::from(expected[at]))));
                assert!(error.abs() <= 3.0, "{name}, frame {number}, channel {channel}: {error}");
            }
            let red = 3 * (16 * WIDTH + 8 * number + 4);
            assert!(made[red] < 90 && made[red + 1] > 150, "{name}, frame {number}: {:?}", &made[red..red + 3]);
        }
    }
    assert!(names(folder.path()).iter().all(|name| !name.starts_with('.')));
    // Frames that begin half a second after the sound still do so.
    let late = "-itsoffset 0.5 -i video.mp4 -i video.mp4 -map 0:v -map 1:a -c copy late.mkv";
    ffmpeg(folder.path(), late, &[]);
    succeeds(&folder, "late.mkv -m m.onnx -o late.mp4");
    assert_eq!(frames(&folder, "late.mp4").len(), 3 * FRAMES / 2 * 3 * WIDTH * HEIGHT);
    // A result that exists is not replaced, and a video in a folder of pictures is ignored.
    let before = fs::read(at("out.mp4")).unwrap();
    let errors = failure(&stylize(&folder, "video.mp4 -m m.onnx -o out.mp4"));
    assert!(errors[0].starts_with("error: out.mp4: ") && errors[0].contains("--overwrite"), "{errors:?}");
    assert!(stylize(&folder, "video.mp4 -m m.onnx -o out.mp4 --skip-existing").status.success());
    assert_eq!(fs::read(at("out.mp4")).unwrap(), before);
    fs::create_dir(at("in")).unwrap();
    fs::copy(at("video.mp4"), at("in/video.mp4")).unwrap();
    fs::copy(at("a.png"), at("in/a.png")).unwrap();
    succeeds(&folder, "in -m m.onnx -o styled");
    assert_eq!(names(&at("styled")), ["a.png"]);
}

#[test]
fn sizes_are_even() {
    if !is_installed() {
        return;
    }
    let folder = folder();
    // An odd size, rotated by 90 degrees, with wide pixels, and a fractional frame rate.
    let drawn = "-f lavfi -i testsrc2=size=97x65:rate=30000/1001:duration=0.3";
    ffmpeg(folder.path(), &format!("{drawn} -vf setsar=4/3 -c:v ffv1 odd.mkv"), &[]);
    succeeds(&folder, "odd.mkv -m m.onnx -o odd.mp4");
    let stream = &probe(&folder, "odd.mp4")["streams"][0];
    assert_eq!(
        (&stream["width"], &stream["height"], &stream["sample_aspect_ratio"]),
        (&96.into(), &64.into(), &"4:3".into())
    );
    assert_eq!(stream["r_frame_rate"], "30000/1001");
    ffmpeg(folder.path(), "-i odd.mp4 -c copy -metadata:s:v rotate=90 turned.mp4", &[]);
    if probe(&folder, "turned.mp4")["streams"][0]["side_data_list"].is_null() {
        println!("skipped: a rotated video: this ffmpeg does not write one so");
        return;
    }
    succeeds(&folder, "turned.mp4 -m m.onnx -o small.mp4 --max-size 48");
    let stream = &probe(&folder, "small.mp4")["streams"][0];
    assert_eq!(
        (&stream["width"], &stream["height"], &stream["sample_aspect_ratio"]),
        (&32.into(), &48.into(), &"3:4".into())
    );
}

/// A model with norms, on noise and on what enters the picture.
#[test]
fn steady_videos_flicker_less() {
    if !is_installed() {
        return;
    }
    let folder = folder();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/wave.onnx");
    fs::copy(model, folder.path().join("wave.onnx")).unwrap();
    let drawn = "-f lavfi -i testsrc2=size=128x96:rate=12:duration=1 -vf noise=alls=12:allf=t";
    ffmpeg(folder.path(), &format!("{drawn} -pix_fmt yuv420p -crf 8 video.mp4"), &[]);
    let flicker = |flags: &str| -> Value {
        let output = succeeds(&folder, &format!("video.mp4 -m wave.onnx -o out.mp4 --overwrite --json {flags}"));
        assert!(stderr(&output).contains("flicker: "), "{}", stderr(&output));
        let line = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_string();
        serde_json::from_str::<Value>(&line).unwrap()["flicker"].clone()
    };
    let (plain, steady) = (flicker(""), flicker("--steady --threads 2"));
    assert_eq!((&plain["film"], &plain["share"]), (&steady["film"], &steady["share"]));
    assert!(plain["share"].as_f64().unwrap() > 0.3, "{plain}");
    assert!(steady["result"].as_f64().unwrap() < 0.5 * plain["result"].as_f64().unwrap(), "{plain} {steady}");
    let bytes = frames(&folder, "out.mp4");
    assert_eq!(flicker("--steady --threads 3"), steady);
    assert_eq!(frames(&folder, "out.mp4"), bytes);
}

#[test]
fn two_models_make_one_video() {
    if !is_installed() {
        return;
    }
    let folder = video_folder();
    fs::write(folder.path().join("same.onnx"), common::identity()).unwrap();
    succeeds(&folder, "video.mp4 -m m.onnx -m same.onnx --blend 1,1 -o grey.mp4");
    assert!(frames(&folder, "grey.mp4").iter().all(|value| (124..=131).contains(value)));
}

#[test]
fn bad_videos_leave_nothing() {
    if !is_installed() {
        return;
    }
    let folder = video_folder();
    let at = |name: &str| folder.path().join(name);
    let whole = fs::read(at("video.mp4")).unwrap();
    fs::write(at("cut.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("text.mp4"), "no video").unwrap();
    ffmpeg(folder.path(), "-i video.mp4 -vn -c:a copy sound.mp4", &[]);
    let before = names(folder.path());
    for (input, wanted) in [
        ("cut.mp4", "truncated after 0."),
        ("text.mp4", "ffmpeg: "),
        ("sound.mp4", "no video stream"),
        ("gone.mp4", "cannot read: "),
    ] {
        let errors = failure(&stylize(&folder, &format!("{input} -m m.onnx -o out.mp4")));
        let named = format!("error: {input}: ");
        assert!(errors.len() == 1 && errors[0].starts_with(&named) && errors[0].contains(wanted), "{errors:?}");
    }
    let errors = failure(&stylize(&folder, "video.mp4 -m m.onnx -o ./video.mp4 --overwrite"));
    assert!(errors[0].starts_with("error: ./video.mp4: ") && errors[0].contains("input video.mp4"), "{errors:?}");
    let errors = failure(&stylize(&folder, "video.mp4 -m m.onnx -o no/such/out.mp4"));
    assert!(errors.len() == 1 && errors[0].starts_with("error: no/such/out.mp4: cannot write"), "{errors:?}");
    assert_eq!(names(folder.path()), before);
    assert_eq!(fs::read(at("video.mp4")).unwrap(), whole);
}

/// With an empty PATH, as if ffmpeg were not installed.
#[test]
fn a_missing_ffmpeg_is_an_error_that_says_what_to_install() {
    let folder = folder();
    fs::write(folder.path().join("video.mp4"), "video").unwrap();
    let arguments = ["video.mp4", "-m", "m.onnx", "-o", "out.mp4"];
    let output =
        Command::new(super::PROGRAM).args(arguments).current_dir(folder.path()).env("PATH", "").output().unwrap();
    let errors = failure(&output);
    assert!(errors.len() == 1 && errors[0].starts_with("error: video.mp4: "), "{errors:?}");
    assert!(errors[0].contains("apt-get install ffmpeg"), "{errors:?}");
}

/// A full disk and Ctrl-C leave neither files nor processes.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_video_leaves_nothing() {
    if !is_installed() {
        return;
    }
    let folder = folder();
    let drawn = "-f lavfi -i mandelbrot=size=320x240:rate=24 -frames:v 200";
    ffmpeg(folder.path(), &format!("{drawn} -pix_fmt yuv420p -preset ultrafast video.mp4"), &[]);
    let before = names(folder.path());
    let arguments = ["video.mp4", "-m", "m.onnx", "-o", "out.mp4", "--quality", "100"];
    let limited = "ulimit -f 100; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, super::PROGRAM])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let errors = failure(&output);
    assert!(errors.len() == 1 && errors[0].starts_with("error: out.mp4: cannot write: "), "{errors:?}");
    assert_eq!(names(folder.path()), before);

    let mut command = Command::new(super::PROGRAM);
    command.args(arguments).arg("--json").current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let listed = format!("/proc/{0}/task/{0}/children", child.id());
    let programs = || -> Vec<u32> {
        let children = fs::read_to_string(&listed).unwrap();
        children.split_whitespace().map(|id| id.parse().unwrap()).collect()
    };
    let is_there = || names(folder.path()).iter().any(|name| name.starts_with('.'));
    let mut running = vec![];
    while running.len() < 2 || !is_there() {
        assert!(child.try_wait().unwrap().is_none(), "ended before it could be interrupted");
        running = programs();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // SAFETY: a signal to a process that this one started and has not waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted"), "{}", stderr(&output));
    let lines = super::many::lines(output.stdout);
    assert_eq!((lines.len(), &lines[0]["status"], &lines[1]["summary"]["left"]), (2, &"left".into(), &1.into()));
    assert_eq!(lines[1]["summary"]["error"], "interrupted");
    assert_eq!(names(folder.path()), before);
    assert!(running.iter().all(|id| !Path::new(&format!("/proc/{id}")).exists()));
}
