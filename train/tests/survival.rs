//! Runs that are killed, and runs that cannot write their files.

#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{PROGRAM, bits, checkpoints, digits, failure, latest, names, run_folder, stats, stats_steps, utf8};
use easel_runtime::Random;

const KILLS: u32 = 20;

/// A small data set and settings for a run that writes a checkpoint after every third step and a line after each.
struct Place {
    folder: tempfile::TempDir,
    command: &'static str,
}

impl Place {
    fn new(command: &'static str, steps: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        digits(&folder.path().join("data"), 50, 30);
        let own = if command == "gan" { "hidden = 8\nsample_every = 40\n" } else { "" };
        let settings = format!(
            "device = \"cpu\"\nbatch = 4\nsteps = {steps}\nlog_every = 1\ncheckpoint_every = 3\nkeep = 2\n{own}"
        );
        fs::write(folder.path().join("short.toml"), settings).unwrap();
        Self { folder, command }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin(&self, out: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args([self.command, "--data", utf8(&self.at("data")), "--config", utf8(&self.at("short.toml"))]);
        command.args(["--out", utf8(&self.at(out))]);
        command
    }

    fn go_on(&self, run: &Path) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args([self.command, "--resume", utf8(run)]);
        command
    }

    fn run(&self, out: &str, more: &[&str]) -> PathBuf {
        run_folder(&self.begin(out).args(more).output().unwrap())
    }
}

fn lines(run: &Path) -> usize {
    fs::read(run.join("stats.jsonl")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// Waits until a run has written a number of lines, or has ended.
fn wait_for(child: &mut Child, run: &Path, wanted: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    while lines(run) < wanted && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "the run has come to a standstill");
        sleep(Duration::from_micros(500));
    }
}

/// Kills a run twenty times, sometimes while it starts, and compares it with an uninterrupted one.
fn survives(command: &'static str, steps: u32) {
    let place = Place::new(command, steps);
    let whole = place.run("whole", &[]);
    assert_eq!(stats_steps(&whole), (1..=u64::from(steps)).collect::<Vec<_>>());

    let mut random = Random::new(std::process::id().into(), 0);
    let run = place.at("killed").join(format!("00000-{command}-data"));
    let mut killed = 0;
    while killed < KILLS {
        let resumable = run.join("checkpoints").is_dir() && !checkpoints(&run).is_empty();
        let mut next = if resumable {
            place.go_on(&run)
        } else {
            // Killed before its first checkpoint: there is nothing to resume from.
            let _ = fs::remove_dir_all(place.at("killed"));
            place.begin("killed")
        };
        let before = lines(&run);
        let mut child = next.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Every fourth run is killed while it starts or soon after, the others some steps later, but never so late that no
        // steps are left for the remaining kills.
        let mut most = 40_000;
        if killed % 4 != 3 {
            let enough = steps as usize * (killed as usize + 1) / (KILLS as usize + 10);
            wait_for(&mut child, &run, before.min(enough) + 1 + random.below(6) as usize);
            most = 10_000;
        }
        sleep(Duration::from_micros(u64::from(random.below(most))));
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed: {killed} kills");
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        if run.join("checkpoints").is_dir() {
            checkpoints(&run);
        }
    }
    let reached = checkpoints(&run)[0];
    assert!(reached > 0, "no kill came after a checkpoint");
    run_folder(&place.go_on(&run).output().unwrap());
    assert_eq!(bits(&latest(&run)), bits(&latest(&whole)));
    assert_eq!(stats(&run), stats(&whole));
    assert_eq!(checkpoints(&run), checkpoints(&whole));
    // No partial files are left.
    for folder in [&run, &run.join("checkpoints")] {
        let left: Vec<_> = names(folder).into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    println!("{command}: killed {killed} times, last resumed from step {reached} of {steps}");
}

#[test]
fn a_classifiers_run_survives_twenty_kills() {
    survives("lenet", 240);
}

#[test]
fn a_gans_run_survives_twenty_kills() {
    survives("gan", 600);
}

/// An approximation of a full disk without privileges: a limit on the size of files, in blocks.
#[test]
fn a_full_disk_ends_the_run_and_keeps_the_last_checkpoint() {
    let place = Place::new("lenet", 6);
    let run = place.run("runs", &[]);
    let before = bits(&latest(&run));
    // The shell's blocks are 512 or 1024 bytes; a checkpoint has half a megabyte.
    let limited = "ulimit -f 200; exec \"$0\" \"$@\"";
    let resume = ["lenet", "--resume", utf8(&run), "--steps", "12"];
    let output = Command::new("sh").args(["-c", limited, PROGRAM]).args(resume).output().unwrap();
    let error = failure(&output);
    assert!(error.contains("checkpoints/000009: cannot write a checkpoint: File too large"), "{error}");
    assert_eq!(bits(&latest(&run)), before);
    assert!(names(&run.join("checkpoints")).iter().all(|name| !name.starts_with('.')));
    // Without the limit it resumes as if nothing had happened.
    run_folder(&place.go_on(&run).args(["--steps", "12"]).output().unwrap());
    assert_eq!(stats_steps(&run), (1..=12).collect::<Vec<_>>());
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_run_and_keeps_the_last_checkpoint() {
    let place = Place::new("lenet", 6);
    let run = place.run("runs", &[]);
    let before = bits(&latest(&run));
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // Root may write everywhere, so it starts the program as a user who may not.
    let program = place.at("train");
    fs::copy(PROGRAM, &program).unwrap();
    mode(place.folder.path(), 0o755);
    mode(&run, 0o555);
    let root = fs::write(run.join("probe"), "").is_ok();
    let _ = fs::remove_file(run.join("probe"));
    let go_on = || {
        let mut command = Command::new(&program);
        command.args(["lenet", "--resume", utf8(&run), "--steps", "12"]);
        if root {
            command.uid(65534).gid(65534);
        }
        failure(&command.output().unwrap())
    };
    let error = go_on();
    // The owner may still write into the checkpoints' folder, which comes first.
    let wanted = match root {
        true => "checkpoints: checkpoints cannot be written here: Permission denied",
        false => "config.toml: cannot write: Permission denied",
    };
    assert!(error.contains(wanted), "{error}");

    mode(&run, 0o777);
    names(&run).iter().for_each(|name| mode(&run.join(name), if name == "checkpoints" { 0o555 } else { 0o666 }));
    let error = go_on();
    assert!(error.contains("checkpoints: checkpoints cannot be written here: Permission denied"), "{error}");
    mode(&run.join("checkpoints"), 0o755);
    assert_eq!(bits(&latest(&run)), before);
}

#[test]
fn messages_that_nobody_reads_end_no_run() {
    let place = Place::new("lenet", 6);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let run = run_folder(&place.begin("runs").stderr(writer).output().unwrap());
    assert_eq!(checkpoints(&run)[0], 6);
    // Nor does a reader of stdout that has gone.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(place.begin("other").stdout(writer).output().unwrap().status.success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_cannot_be_printed_is_an_error_after_the_run() {
    let place = Place::new("lenet", 6);
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let error = failure(&place.begin("runs").stdout(full()).output().unwrap());
    assert!(error.starts_with("error: standard output: cannot write: "), "{error}");
    assert_eq!(checkpoints(&place.at("runs/00000-lenet-data"))[0], 6);
    for arguments in
        [&["--help"][..], &["gan", "--help"], &["summary", "lenet"], &["gan", "--data", "synthetic", "--dry-run"]]
    {
        let error = failure(&Command::new(PROGRAM).args(arguments).stdout(full()).output().unwrap());
        assert!(error.starts_with("error: standard output: cannot write: "), "{arguments:?}: {error}");
    }
}

/// The first signal ends the run after its step, the second at once; `nohup` leaves SIGHUP ignored. The command that
/// resumes it can be copied, whatever the folder's name is.
#[test]
fn signals_end_a_run_with_a_checkpoint() {
    let place = Place::new("gan", 1_000_000);
    let send = |child: &Child, signal: &str| {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    for (index, signal) in ["-INT", "-TERM", "-HUP"].into_iter().enumerate() {
        let run = place.at("it's mine").join(format!("{index:05}-gan-data"));
        let mut command = place.begin("it's mine");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(&mut child, &run, 2);
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal}");
        let reached = checkpoints(&run)[0];
        let said = common::text(&output.stderr);
        let command = said.split("resume with: train ").nth(1).unwrap();
        let script = format!("exec \"$0\" {} --steps {}", command.trim(), reached + 2);
        run_folder(&Command::new("sh").args(["-c", &script, PROGRAM]).output().unwrap());
        assert_eq!(checkpoints(&run)[0], reached + 2);
        let card = fs::read_to_string(run.join("card.md")).unwrap();
        let copied = card.split("```sh\nexport-onnx ").nth(1).unwrap().split(" -o ").next().unwrap();
        let read = Command::new("sh").args(["-c", &format!("printf %s {copied}")]).output().unwrap();
        assert!(Path::new(&common::text(&read.stdout)).is_dir(), "{copied}");
    }
    let run = place.at("twice/00000-gan-data");
    let mut child = place.begin("twice").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&mut child, &run, 2);
    send(&child, "-INT");
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", PROGRAM]);
    nohup.args(place.begin("nohup").get_args()).stdout(Stdio::null()).stderr(Stdio::null());
    let run = place.at("nohup/00000-gan-data");
    let mut child = nohup.spawn().unwrap();
    wait_for(&mut child, &run, 2);
    send(&child, "-HUP");
    let after = lines(&run) + 20;
    wait_for(&mut child, &run, after);
    assert!(child.try_wait().unwrap().is_none(), "SIGHUP ended it");
    send(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_new_run_needs_a_place_to_write() {
    let place = Place::new("lenet", 6);
    let out = place.at("file");
    fs::write(&out, "").unwrap();
    let error = failure(&place.begin("file").output().unwrap());
    assert!(error.contains("file: cannot create a run folder") && error.contains("--out"), "{error}");
}
