//! Signals. The first Ctrl-C or SIGTERM asks the run to stop after its step, the second ends the process at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<std::result::Result<(), String>> = OnceLock::new();

/// The exit status of a run that was interrupted, as shells give it to SIGINT.
pub const STATUS: i32 = 130;

/// From now on signals are taken up. It is done once a process; calling it again does no harm.
pub fn install() -> Result<()> {
    let installed = INSTALLED.get_or_init(|| {
        ctrlc::set_handler(|| {
            if REQUESTED.swap(true, Ordering::SeqCst) {
                std::process::exit(STATUS);
            }
            eprintln!("\ninterrupted: finishing this step and writing a checkpoint; once more to quit at once");
        })
        .map_err(|error| error.to_string())
    });
    installed.clone().map_err(|error| Error::Run(format!("cannot take up Ctrl-C: {error}")))
}

/// From now on a write beyond the process's limit (`ulimit -f`) is an error, as on a full disk, and does not end the
/// process.
pub fn outlive_file_limits() {
    #[cfg(unix)]
    // SAFETY: it only sets how a signal is taken.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Whether the run is to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
