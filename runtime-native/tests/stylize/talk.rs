//! What is told, printed and done at signals.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::many::{lines, pictures};
use super::{PROGRAM, failure, folder, names, photo, stderr, stylize, succeeds};

fn command(folder: &TempDir, flags: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(flags.split_whitespace()).current_dir(folder.path());
    command
}

/// The keys of the summary, which must be the last line.
fn keys(stdout: Vec<u8>) -> Vec<String> {
    let summary = lines(stdout).pop().unwrap();
    let mut keys: Vec<_> = summary["summary"].as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}

#[test]
fn messages_that_nobody_reads_end_nothing() {
    let folder = folder();
    pictures(folder.path(), 3);
    fs::write(folder.path().join("in/0/000.png"), "broken").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(&folder, "in -m m.onnx -o out --verbose --json").stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let summary = lines(output.stdout).pop().unwrap();
    assert_eq!((&summary["summary"]["done"], &summary["summary"]["failed"]), (&2.into(), &1.into()));
    // Misuse, help and the check of the machine.
    for (flags, status) in [("a.png", 2), ("--help", 0), ("--doctor -m gone", 1)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(&folder, flags).stderr(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{flags}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_printed_are_an_error() {
    let folder = folder();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for flags in ["a.png -m m.onnx -o out --json", "a.png -m m.onnx -o -", "--doctor", "--doctor --json", "--help"] {
        let output = command(&folder, flags).stdout(full()).output().unwrap();
        let errors = failure(&output);
        assert!(errors[0].starts_with("error: standard output: cannot write: "), "{flags}: {errors:?}");
    }
    // The picture itself was made.
    assert_eq!(names(&folder.path().join("out")), ["a.png"]);
    // A reader of lines that has gone is no error; one that has half of a picture is.
    for (flags, status) in
        [("a.png -m m.onnx -o out --overwrite --json", 0), ("--help", 0), ("a.png -m m.onnx -o -", 1)]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(&folder, flags).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{flags}: {}", stderr(&output));
    }
}

#[test]
fn every_summary_has_the_same_keys() {
    let folder = folder();
    let wanted =
        ["done", "engine", "engine_name", "error", "failed", "idle_ms", "left", "left_out", "models", "ms", "skipped"];
    for flags in ["a.png -m m.onnx -o b.png --json", "a.png -m gone -o c.png --json", "a.mp4 -m m.onnx -o b.mp4 --json"]
    {
        assert_eq!(keys(stylize(&folder, flags).stdout), wanted, "{flags}");
    }
}

#[test]
fn the_check_of_the_machine_as_json() {
    let folder = folder();
    let output = stylize(&folder, "--doctor --json -m m.onnx -m gone");
    let errors = failure(&output);
    let lines = lines(output.stdout);
    let (summary, checks) = lines.split_last().unwrap();
    assert_eq!(format!("error: {}", summary["summary"]["error"].as_str().unwrap()), errors[0]);
    let status = |name: &str| checks.iter().find(|line| line["check"] == name).unwrap()["status"].as_str().unwrap();
    assert_eq!((status("library"), status("cpu"), status("m.onnx"), status("gone")), ("ok", "ok", "ok", "fails"));
    assert!(checks.iter().all(|line| line["about"].is_string()));
}

/// Starts the program on many pictures, and waits until some are done.
#[cfg(unix)]
fn at_work(folder: &TempDir, command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let results = || (0..7).map(|at| fs::read_dir(folder.path().join(format!("out/{at}"))).map_or(0, Iterator::count));
    while results().sum::<usize>() < 10 {
        assert!(child.try_wait().unwrap().is_none(), "ended before it could be interrupted");
        thread::sleep(Duration::from_millis(1));
    }
    child
}

#[cfg(unix)]
fn send(child: &Child, signal: i32) {
    // SAFETY: a signal to a process that this one started and has not waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

#[cfg(unix)]
#[test]
fn signals_end_the_run_with_a_summary() {
    let folder = folder();
    pictures(folder.path(), 300);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let child = at_work(&folder, &mut command(&folder, "in -m m.onnx -o out --json"));
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(stderr(&output).contains("interrupted; wrote "), "{}", stderr(&output));
        let mut lines = lines(output.stdout);
        let summary = lines.pop().unwrap()["summary"].take();
        assert_eq!(summary["error"], "interrupted");
        let of = |status: &str| lines.iter().filter(|line| line["status"] == status).count();
        assert_eq!(
            (of("done") as u64, of("left") as u64),
            (summary["done"].as_u64().unwrap(), summary["left"].as_u64().unwrap())
        );
        assert_eq!(lines.len(), 300);
        // The files are those that were reported, and no others.
        for line in &lines {
            let is_there = folder.path().join(line["output"].as_str().unwrap()).exists();
            assert_eq!(is_there, line["status"] == "done", "{line}");
        }
        fs::remove_dir_all(folder.path().join("out")).unwrap();
    }
    // The second one ends it at once.
    let child = at_work(&folder, &mut command(&folder, "in -m m.onnx -o out"));
    send(&child, libc::SIGINT);
    send(&child, libc::SIGTERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    // `nohup` leaves SIGHUP ignored.
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" in -m m.onnx -o out", PROGRAM]).current_dir(folder.path());
    let child = at_work(&folder, &mut nohup);
    send(&child, libc::SIGHUP);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// An input of the output's name is a result of an earlier run only if another input could have had it.
#[test]
fn an_input_is_no_result_that_is_already_there() {
    let folder = folder();
    let at = |name: &str| folder.path().join("in").join(name);
    fs::create_dir(at("")).unwrap();
    for (name, width, height) in [("a.jpg", 8, 6), ("b.png", 7, 5), ("c.bmp", 9, 9), ("c.png", 3, 4)] {
        photo(width, height).save(at(name)).unwrap();
    }
    // Of the same size, and older than what it would be the result of.
    for name in ["d.bmp", "d.png"] {
        photo(6, 6).save(at(name)).unwrap();
    }
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30);
    File::options().write(true).open(at("d.png")).unwrap().set_modified(long_ago).unwrap();
    let before = ["b.png", "c.png"].map(|name| fs::read(at(name)).unwrap());
    for _ in 0..2 {
        let output = stylize(&folder, "in -m m.onnx -o in --format png --skip-existing --json");
        let errors = failure(&output);
        for name in ["b.png", "c.bmp", "c.png", "d.bmp"] {
            let named = format!("error: in/{name}: its result in/");
            assert!(errors.iter().any(|error| error.starts_with(&named)), "{errors:?}");
        }
        assert_eq!(names(&at("")), ["a.jpg", "a.png", "b.png", "c.bmp", "c.png", "d.bmp", "d.png"]);
    }
    assert_eq!(["b.png", "c.png"].map(|name| fs::read(at(name)).unwrap()), before);
    let errors = failure(&stylize(&folder, "a.png -m m.onnx -o a.png --skip-existing"));
    assert!(errors[0].contains("would replace the input"), "{errors:?}");
    // A result elsewhere is one.
    let skipped = |output: std::process::Output| lines(output.stdout).pop().unwrap()["summary"]["skipped"].as_u64();
    succeeds(&folder, "in/b.png -m m.onnx -o out");
    assert_eq!(skipped(succeeds(&folder, "in/b.png -m m.onnx -o out --skip-existing --json")), Some(1));
}
