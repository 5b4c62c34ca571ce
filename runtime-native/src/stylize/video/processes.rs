//! The two ffmpeg processes and their unfinished file, which end together.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use easel_files::AtomicFile;

use super::super::interrupt::{Cleanup, Interruptible};
use super::ffmpeg;
use crate::error::{Error, Result, written};

/// How many bytes of a process's messages are kept; the first line is what counts.
const KEPT: u64 = 1 << 16;

/// How often to check whether a process has ended.
const POLL_EVERY: Duration = Duration::from_millis(5);

/// The processes, and the file that they write. Dropping them, and Ctrl-C, ends the processes and removes the file.
pub(super) struct Processes(Interruptible<State>);

struct State {
    children: Vec<Child>,
    file: Option<AtomicFile>,
    /// Whether the file has its name.
    finished: bool,
}

impl Cleanup for State {
    fn clean_up(&mut self) -> bool {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
        self.file = None;
        !self.finished
    }
}

/// A process that runs.
pub(super) struct Process {
    index: usize,
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    messages: JoinHandle<String>,
}

impl Processes {
    pub fn new(file: AtomicFile) -> Self {
        Self(Interruptible::new(State { children: vec![], file: Some(file), finished: false }))
    }

    /// Sets what Ctrl-C calls from now on, after it has ended the processes and removed the file.
    pub fn on_interrupt(&self, report: impl FnOnce() + Send + 'static) {
        self.0.on_interrupt(report);
    }

    /// Starts a process.
    pub fn start(&self, video: &Path, command: &mut Command) -> Result<Process> {
        let mut state = self.0.lock();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| ffmpeg::unusable(video, &error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let messages = thread::spawn(move || {
            let (mut bytes, Some(mut stderr)) = (vec![], stderr) else { return String::new() };
            let _ = stderr.by_ref().take(KEPT).read_to_end(&mut bytes);
            // A full pipe would block the process.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&bytes).into_owned()
        });
        state.children.push(child);
        Ok(Process { index: state.children.len() - 1, stdin, stdout, messages })
    }

    /// Waits for a process to end. Returns its status and its messages.
    pub fn wait(&self, video: &Path, process: Process) -> Result<(ExitStatus, String)> {
        let Process { index, stdin, stdout, messages } = process;
        drop((stdin, stdout));
        let status = loop {
            // Ctrl-C may have ended it.
            let ended = self.0.lock().children.get_mut(index).map(Child::try_wait).ok_or(Error::Cancelled)?;
            match ended.map_err(|error| ffmpeg::unusable(video, &error))? {
                Some(status) => break status,
                None => thread::sleep(POLL_EVERY),
            }
        };
        Ok((status, messages.join().unwrap_or_default()))
    }

    /// Gives the file its name.
    pub fn finish(&self, output: &Path) -> Result<()> {
        let mut state = self.0.lock();
        let file = state.file.take().ok_or(Error::Cancelled)?;
        written(output, file.commit())?;
        state.finished = true;
        Ok(())
    }
}
