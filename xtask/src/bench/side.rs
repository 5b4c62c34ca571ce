//! One of the programs under comparison. For each line on its stdin, a number of steps or runs, it takes them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// What a training step or a run of a model costs.
#[derive(Deserialize, Clone, Copy)]
pub struct Cost {
    /// CPU time of all threads together, in seconds.
    pub cpu: f64,
    /// Wall-clock time in seconds.
    pub wall: f64,
    /// A training's loss in the last step.
    #[serde(default)]
    pub loss: f64,
    /// The most memory so far in bytes; 0 if it is unknown.
    #[serde(default)]
    pub memory: f64,
}

/// A running program, ended when this is dropped.
pub struct Side {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    version: String,
}

impl Side {
    /// Starts a program and waits until it is `ready VERSION`, or `failed REASON`.
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
        if let Some(reason) = line.strip_prefix("failed ") {
            bail!("{reason}");
        }
        let Some(version) = line.strip_prefix("ready") else { bail!("{}: expected `ready`, got `{line}`", side.name) };
        side.version = version.trim().to_string();
        Ok(side)
    }

    /// The version it reported at its start.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Takes some steps or runs and returns the mean cost of one.
    pub fn steps(&mut self, count: usize) -> Result<Cost> {
        let stdin = self.stdin.as_mut().context("a child without stdin")?;
        // If the program has ended, the missing answer says so.
        let _ = writeln!(stdin, "{count}").and_then(|()| stdin.flush());
        let line = self.line()?;
        let total: Cost =
            serde_json::from_str(&line).with_context(|| format!("{}: expected times, got `{line}`", self.name))?;
        let count = count as f64;
        Ok(Cost { cpu: total.cpu / count, wall: total.wall / count, ..total })
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
        // The program ends with its input.
        self.stdin = None;
        let _ = self.child.wait();
    }
}
