//! Ctrl-C: cleans up, reports, then ends the program.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easel_console::interrupt::{on_interrupt, wait};

/// What an interrupted run says of itself.
pub(super) const INTERRUPTED: &str = "interrupted";

/// State that must not outlive the program: unfinished files, empty folders, child processes.
pub(super) trait Cleanup: Send + 'static {
    /// Cleans up. Returns whether the work was not done yet.
    fn clean_up(&mut self) -> bool;
}

/// State that Ctrl-C cleans up before the program ends. While it is locked, Ctrl-C waits.
pub(super) struct Interruptible<T: Cleanup>(Arc<Mutex<T>>);

impl<T: Cleanup> Interruptible<T> {
    pub fn new(state: T) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    /// Sets what Ctrl-C does from now on: it cleans up and calls `report`, which ends the process. If the work is done already,
    /// it does nothing, `report` returns, and the program ends by itself.
    pub fn on_interrupt(&self, report: impl FnOnce() + Send + 'static) {
        let shared = Arc::clone(&self.0);
        on_interrupt(move || {
            let mut state = lock(&shared);
            if state.clean_up() {
                // It stays locked until the process ends, so no thread reports what breaks from here on.
                report();
            }
            drop(state);
            wait();
        });
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
