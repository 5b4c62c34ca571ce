//! Writes results: whole, or not at all.

use std::io::{self, Write};
use std::path::Path;

use easel_files::write_atomically;

use super::interrupt::{Cleanup, Interruptible};
use super::options::is_standard;
use crate::error::written;
use crate::output::{Prepared, create_folder};
use crate::{Error, Result};

/// Writes results. Ctrl-C waits for a write to end.
pub(super) struct ResultWriter(Interruptible<WriterState>);

struct WriterState {
    /// The output's folders, which are removed again if they stay empty.
    prepared: Option<Prepared>,
    written: usize,
}

impl Cleanup for WriterState {
    fn clean_up(&mut self) -> String {
        self.prepared.take();
        let plural = if self.written == 1 { "" } else { "s" };
        format!("{} picture{plural} written", self.written)
    }
}

impl ResultWriter {
    pub fn new(prepared: Prepared) -> Self {
        Self(Interruptible::new(WriterState { prepared: Some(prepared), written: 0 }))
    }

    /// Writes a result to its file, whose folder is created, or to standard output.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut state = self.0.lock();
        if is_standard(path) {
            let mut stdout = io::stdout();
            let sent = stdout.write_all(bytes).and_then(|()| stdout.flush());
            return sent.map_err(|error| Error::write(Path::new("standard output"), "cannot write", &error));
        }
        let folders = path.parent().map(create_folder).transpose()?;
        written(path, write_atomically(path, bytes))?;
        folders.into_iter().for_each(Prepared::keep);
        state.written += 1;
        Ok(())
    }
}
