//! The two ffmpegs at work and the file that is not whole yet: an end of any kind takes them along.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use easel_files::AtomicFile;

use super::super::guard;
use super::ffmpeg;
use crate::error::io_error;
use crate::{Error, Result};

/// How much of what a program says is kept; the first line is what counts.
const KEPT: u64 = 1 << 16;

/// How often it is looked whether a program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Programs, and the file that they make.
pub(super) struct Work(Arc<Mutex<State>>);

struct State {
    children: Vec<Child>,
    file: Option<AtomicFile>,
}

impl State {
    fn end(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
        self.file = None;
    }
}

/// A program that runs.
pub(super) struct Running {
    index: usize,
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    said: JoinHandle<String>,
}

impl Work {
    /// From now on Ctrl-C ends the programs and removes the file before it ends this one.
    pub fn new(file: AtomicFile) -> Self {
        let state = Arc::new(Mutex::new(State { children: vec![], file: Some(file) }));
        let shared = Arc::clone(&state);
        // A second one in one process cannot have a handler; then the system's own ends the program.
        let _ = ctrlc::set_handler(move || {
            // It stays locked, so that nobody tells of the pipes that break now.
            let mut state = lock(&shared);
            state.end();
            eprintln!("interrupted; nothing written");
            guard::exit()
        });
        Self(state)
    }

    /// Starts a program.
    pub fn start(&self, film: &Path, command: &mut Command) -> Result<Running> {
        let mut state = lock(&self.0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| ffmpeg::not_started(film, &error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let said = thread::spawn(move || {
            let (mut bytes, Some(mut stderr)) = (vec![], stderr) else { return String::new() };
            let _ = stderr.by_ref().take(KEPT).read_to_end(&mut bytes);
            // A pipe that nobody reads would stop it.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&bytes).into_owned()
        });
        state.children.push(child);
        Ok(Running { index: state.children.len() - 1, stdin, stdout, said })
    }

    /// Waits for a program to end. What it said, and how it ended.
    pub fn wait(&self, running: Running) -> Result<(ExitStatus, String)> {
        let Running { index, stdin, stdout, said } = running;
        drop((stdin, stdout));
        let status = loop {
            let ended = lock(&self.0).children[index].try_wait();
            match ended.map_err(|error| io_error(Path::new("ffmpeg"), "cannot wait for it", error))? {
                Some(status) => break status,
                None => thread::sleep(LOOK_EVERY),
            }
        };
        Ok((status, said.join().unwrap_or_default()))
    }

    /// Ends the programs and removes the file.
    pub fn end(&self) {
        lock(&self.0).end();
    }

    /// Gives the file its name.
    pub fn finish(&self) -> Result<()> {
        let mut state = lock(&self.0);
        let file = state.file.take().ok_or_else(|| Error::Impossible("the film was ended".into()))?;
        Ok(file.commit()?)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
