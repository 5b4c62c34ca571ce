//! An interruption leaves nothing half-written.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easel_files::write_atomically;

use super::plan::is_standard;
use crate::Result;
use crate::error::io_error;
use crate::output::{Prepared, create_folder};

/// The exit status of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Writes results; while it does, Ctrl-C waits.
pub(super) struct Guard(Arc<Mutex<State>>);

struct State {
    prepared: Option<Prepared>,
    written: usize,
}

impl Guard {
    /// From now on Ctrl-C ends the program at once, but not within a write, and takes folders along that were made and
    /// are empty.
    pub fn new(prepared: Prepared) -> Self {
        let state = Arc::new(Mutex::new(State { prepared: Some(prepared), written: 0 }));
        let shared = Arc::clone(&state);
        // A second guard in one process cannot have a handler; then the system's own ends the program.
        let _ = ctrlc::set_handler(move || {
            let mut state = lock(&shared);
            drop(state.prepared.take());
            let plural = if state.written == 1 { "" } else { "s" };
            eprintln!("interrupted; {} picture{plural} written", state.written);
            exit()
        });
        Self(state)
    }

    /// Writes a result and makes its folder, which goes again where it stays empty; or writes it to standard output.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut state = lock(&self.0);
        if is_standard(path) {
            let mut stdout = io::stdout();
            stdout
                .write_all(bytes)
                .and_then(|()| stdout.flush())
                .map_err(|error| io_error(Path::new("standard output"), "cannot write", error))?;
            return Ok(());
        }
        let folders = path.parent().map(create_folder).transpose()?;
        write_atomically(path, bytes)?;
        folders.into_iter().for_each(Prepared::keep);
        state.written += 1;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The handler holds on to the state until the process ends.
        lock(&self.0).prepared.take();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process without the libraries' clean-up, which must not run beside a model that still computes.
pub(super) fn exit() -> ! {
    #[cfg(unix)]
    // SAFETY: it takes any number and does not return.
    unsafe {
        libc::_exit(INTERRUPTED)
    }
    #[cfg(not(unix))]
    std::process::exit(INTERRUPTED)
}
