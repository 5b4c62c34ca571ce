//! Ctrl-C (SIGINT), SIGTERM and SIGHUP.
//!
//! The first of them runs what [`on_interrupt`] was given last and ends the process with [`STATUS`]; the second ends it at
//! once. Unfinished files are removed either way. SIGHUP stays ignored where it was ignored at the start, as `nohup` does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::tell;

/// The exit status of an interrupted program, the shells' one for SIGINT.
pub const STATUS: u8 = 130;

/// How long the second signal waits for unfinished files to be removed.
const LONGEST_CLEAN_UP: Duration = Duration::from_secs(1);

type Action = Box<dyn FnOnce() + Send>;

/// What to do at the first signal.
static ACTION: Mutex<Option<Action>> = Mutex::new(None);

/// Sets what the first signal does before the process ends; it replaces what was set before. It runs in a thread of its
/// own. One that never returns leaves the end, with [`quit`], to other threads.
pub fn on_interrupt(action: impl FnOnce() + Send + 'static) {
    *ACTION.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(action));
}

/// A flag that the first signal sets, with a message. The process goes on, and the second signal ends it.
pub fn flag(message: &'static str) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let requested = flag.clone();
    on_interrupt(move || {
        requested.store(true, Ordering::SeqCst);
        tell!("\n{message}");
        wait();
    });
    flag
}

/// Waits until another thread ends the process.
pub fn wait() -> ! {
    loop {
        thread::park();
    }
}

/// Ends the process with [`STATUS`], without the libraries' clean-up, which must not run while a model computes.
pub fn quit() -> ! {
    easel_files::remove_unfinished();
    exit()
}

fn exit() -> ! {
    #[cfg(unix)]
    // SAFETY: it takes any number and does not return.
    unsafe {
        libc::_exit(STATUS.into())
    }
    #[cfg(not(unix))]
    std::process::exit(STATUS.into())
}

/// Handles the signals from now on.
pub(crate) fn handle_signals() {
    #[cfg(unix)]
    let ignores_hangup = is_ignored(libc::SIGHUP);
    let mut is_second = false;
    let handled = ctrlc::set_handler(move || {
        if is_second {
            // A file system that hangs must not keep the process.
            thread::spawn(|| quit());
            thread::sleep(LONGEST_CLEAN_UP);
            exit();
        }
        is_second = true;
        // This thread waits for the second signal.
        thread::spawn(first);
    });
    if let Err(error) = handled {
        tell!("warning: Ctrl-C cannot be handled: {error}");
    }
    #[cfg(unix)]
    if ignores_hangup {
        // SAFETY: ignoring a signal installs no handler.
        unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
        }
    }
}

fn first() {
    let action = ACTION.lock().unwrap_or_else(PoisonError::into_inner).take();
    match action {
        Some(action) => action(),
        None => tell!("interrupted"),
    }
    quit();
}

#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut found = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action it only writes the current one to `found`, for which all zeros are valid too.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), found.as_mut_ptr()) == 0
            && found.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
