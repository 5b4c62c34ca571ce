//! One of the two programs, which takes steps when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// What some steps took in seconds, and the last one's loss.
#[derive(Deserialize, Clone, Copy)]
pub struct Taken {
    /// On the CPU, all threads together.
    pub cpu: f64,
    /// On the wall.
    pub wall: f64,
    /// The last step's loss.
    pub loss: f64,
}

/// A running program. It ends with this value.
pub struct Side {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    version: String,
}

impl Side {
    /// Starts a program and waits until it is ready.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = process::typed(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: cannot be run"))?;
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().context("a child without stdout")?).lines();
        let mut side = Self { name, child, stdin, lines, version: String::new() };
        let line = side.line()?;
        let Some(version) = line.strip_prefix("ready") else { bail!("{}: said `{line}` at its start", side.name) };
        side.version = version.trim().to_string();
        Ok(side)
    }

    /// The version that it named when it was ready.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Takes some steps; the times are those of one.
    pub fn steps(&mut self, count: usize) -> Result<Taken> {
        let stdin = self.stdin.as_mut().context("a child without stdin")?;
        // Where the program has ended the line that it did not write says so.
        let _ = writeln!(stdin, "{count}").and_then(|()| stdin.flush());
        let line = self.line()?;
        let taken: Taken = serde_json::from_str(&line).with_context(|| format!("{}: said `{line}`", self.name))?;
        let count = count as f64;
        Ok(Taken { cpu: taken.cpu / count, wall: taken.wall / count, loss: taken.loss })
    }

    fn line(&mut self) -> Result<String> {
        match self.lines.next() {
            Some(line) => Ok(line?),
            None => bail!("{}: {}", self.name, self.child.wait()?),
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // The end of its input is the end of the program.
        self.stdin = None;
        let _ = self.child.wait();
    }
}
