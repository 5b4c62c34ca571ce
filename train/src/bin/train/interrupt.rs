//! Signals. The first Ctrl-C or SIGTERM ends the run after its step, the second ends the process at once.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// The exit status of an interrupted run, the shells' one for SIGINT.
pub const STATUS: u8 = 130;

/// A flag that is set by the first signal.
pub fn flag() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let requested = flag.clone();
    ctrlc::set_handler(move || {
        if requested.swap(true, Ordering::SeqCst) {
            process::exit(STATUS.into());
        }
        eprintln!("\ninterrupted: finishing this step and writing a checkpoint; press again to quit at once");
    })
    .context("cannot handle Ctrl-C")?;
    Ok(flag)
}

/// Makes a write beyond the file size limit (`ulimit -f`) an error, as on a full disk, in place of ending the process.
pub fn outlive_file_limits() {
    #[cfg(unix)]
    // SAFETY: it only sets how a signal is handled.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
