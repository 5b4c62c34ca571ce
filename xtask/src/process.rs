//! Child processes: run, captured, or watched line by line.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use easel_console::{quoted, tell};

/// A command as one would type it: the program's file name, and paths relative to the current folder.
pub fn typed(command: &Command) -> String {
    let here = env::current_dir().unwrap_or_default();
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str())];
    words.extend(command.get_args().map(|word| match Path::new(word).strip_prefix(&here) {
        Ok(below) if below != Path::new("") => below.as_os_str(),
        _ => word,
    }));
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Prints the command, runs it, and fails unless its status is 0. All its output goes to stderr: stdout is for results.
pub fn run(command: &mut Command) -> Result<()> {
    tell!("$ {}", typed(command));
    let status = command.stdout(std::io::stderr()).status().with_context(|| missing(command))?;
    succeeded(command, status)
}

/// Returns a command's stdout. If it fails, its stderr is part of the error; otherwise that is dropped.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| missing(command))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}\n{}", typed(command), output.status, errors.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Prints the command and runs it. Each line of its stdout is passed to `line`, which returns whether to show it.
pub fn watch(command: &mut Command, mut line: impl FnMut(&str) -> bool) -> Result<ExitStatus> {
    tell!("$ {}", typed(command));
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| missing(command))?;
    let mut lines = BufReader::new(child.stdout.take().context("a child without stdout")?);
    let mut bytes = Vec::new();
    while lines.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        if line(text.trim_end()) {
            // A closed pipe must not end the tests.
            let _ = std::io::stdout().write_all(&bytes);
        }
        bytes.clear();
    }
    Ok(child.wait()?)
}

/// Fails unless the status is 0.
pub fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{}: {status}", typed(command));
    }
    Ok(())
}

/// The path of a program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| is_program(path))
}

/// Whether a path is an executable file.
pub fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

fn missing(command: &Command) -> String {
    format!("{}: cannot be run", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_printed_as_typed() {
        let here = env::current_dir().unwrap();
        let mut command = Command::new("/somewhere/bin/sample");
        command.arg("-m").arg(here.join("gan.onnx")).arg("two words").arg("");
        assert_eq!(typed(&command), "sample -m gan.onnx 'two words' ''");
    }

    #[test]
    fn lines_are_passed_on_and_the_status_returned() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", r"printf 'one\ntwo'; exit 3"]);
        let status = watch(&mut command, |line| {
            seen.push(line.to_string());
            false
        })
        .unwrap();
        assert_eq!(seen, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
        assert!(succeeded(&command, status).unwrap_err().to_string().contains('3'));
    }

    #[test]
    fn the_error_holds_what_a_failed_command_wrote() {
        let error = capture(Command::new("sh").args(["-c", "echo the reason >&2; exit 1"])).unwrap_err();
        assert!(error.to_string().contains("the reason"), "{error}");
        let error = capture(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
