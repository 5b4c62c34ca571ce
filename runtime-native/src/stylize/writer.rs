//! Writes results: whole, or not at all.

use std::path::Path;
use std::sync::MutexGuard;

use easel_files::write_atomically;

use super::interrupt::{Cleanup, Interruptible};
use super::options::is_standard;
use crate::Result;
use crate::error::written;
use crate::output::{Prepared, create_folder, write_standard};

/// Writes results. Ctrl-C waits for a file to be written and reported.
pub(super) struct ResultWriter(Interruptible<WriterState>);

struct WriterState {
    /// The output's folders, which are removed again if they stay empty.
    prepared: Option<Prepared>,
}

impl Cleanup for WriterState {
    fn clean_up(&mut self) -> bool {
        self.prepared.take();
        true
    }
}

/// A result that was written. Until this is dropped, Ctrl-C waits.
#[must_use = "a result is reported before Ctrl-C ends the program"]
pub(super) struct Written<'a> {
    _state: Option<MutexGuard<'a, WriterState>>,
}

impl ResultWriter {
    pub fn new(prepared: Prepared) -> Self {
        Self(Interruptible::new(WriterState { prepared: Some(prepared) }))
    }

    /// Sets what Ctrl-C does from now on: it removes the output's folders if they are empty, and calls `report`.
    pub fn on_interrupt(&self, report: impl FnOnce() + Send + 'static) {
        self.0.on_interrupt(report);
    }

    /// Writes a result to its file, whose folder is created, or to standard output.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<Written<'_>> {
        if is_standard(path) {
            // Whoever reads it may take any time, for which Ctrl-C does not wait.
            write_standard(bytes)?;
            return Ok(Written { _state: None });
        }
        let state = self.0.lock();
        let folders = path.parent().map(create_folder).transpose()?;
        written(path, write_atomically(path, bytes))?;
        folders.into_iter().for_each(Prepared::keep);
        Ok(Written { _state: Some(state) })
    }
}
