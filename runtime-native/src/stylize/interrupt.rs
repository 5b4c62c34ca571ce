//! Ctrl-C: cleans up, then ends the program.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easel_console::interrupt::{on_interrupt, quit};
use easel_console::tell;

/// State that must not outlive the program: unfinished files, empty folders, child processes.
pub(super) trait Cleanup: Send + 'static {
    /// Cleans up. Returns what was written.
    fn clean_up(&mut self) -> String;
}

/// State that Ctrl-C cleans up before the program ends. While it is locked, Ctrl-C waits.
pub(super) struct Interruptible<T: Cleanup>(Arc<Mutex<T>>);

impl<T: Cleanup> Interruptible<T> {
    /// Handles Ctrl-C from now on. A process can have one handler: with a second one, the first state is cleaned up.
    pub fn new(state: T) -> Self {
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        on_interrupt(move || {
            // It stays locked until the process ends, so no thread reports what breaks from here on.
            let mut state = lock(&shared);
            let written = state.clean_up();
            tell!("interrupted; {written}");
            quit()
        });
        Self(state)
    }

    /// Locks the state.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.0)
    }
}

impl<T: Cleanup> Drop for Interruptible<T> {
    fn drop(&mut self) {
        // The handler holds on to the state until the process ends.
        self.lock().clean_up();
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
