//! Results on stdout.

use std::fmt::Display;
use std::io::{self, ErrorKind, Stdout, Write, stdout};
use std::mem;

/// Results on standard output, each written at once.
///
/// A write that fails, say on a full disk, is kept for [`Results::finish`], and later ones are dropped, so that the work
/// itself can go on. A reader that has gone, as `head` does when it has enough, is not an error.
#[derive(Debug)]
pub struct Results<W: Write = Stdout> {
    to: W,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Unread,
    Failed(io::Error),
}

impl Results {
    /// Standard output.
    pub fn new() -> Self {
        Self { to: stdout(), state: State::Open }
    }
}

impl Default for Results {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: Write> Results<W> {
    /// Writes text as it is.
    pub fn print(&mut self, text: impl Display) {
        if !self.is_open() {
            return;
        }
        match self.to.write_all(text.to_string().as_bytes()).and_then(|()| self.to.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.state = State::Unread,
            Err(error) => self.state = State::Failed(error),
        }
    }

    /// Writes a line.
    pub fn line(&mut self, line: impl Display) {
        self.print(format_args!("{line}\n"));
    }

    /// Whether there is a point in writing more.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Fails, once, if something could not be written. The error names standard output.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.is_open() {
            return Ok(());
        }
        match mem::replace(&mut self.state, State::Unread) {
            State::Open | State::Unread => Ok(()),
            State::Failed(error) => {
                Err(io::Error::new(error.kind(), format!("standard output: cannot write: {error}")))
            }
        }
    }
}

/// Writes a text on standard output, as it is.
pub fn print(text: impl Display) -> io::Result<()> {
    let mut results = Results::new();
    results.print(text);
    results.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a number of writes, then fails.
    struct Failing(usize, ErrorKind);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(self.1)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_has_gone_is_no_error() {
        for (kind, is_error) in [(ErrorKind::BrokenPipe, false), (ErrorKind::StorageFull, true)] {
            let mut results = Results { to: Failing(1, kind), state: State::Open };
            results.line("one");
            assert!(results.is_open());
            results.line("two");
            results.line("three");
            assert!(!results.is_open());
            let ended = results.finish();
            assert_eq!(ended.is_err(), is_error);
            if let Err(error) = ended {
                assert!(error.kind() == kind && error.to_string().starts_with("standard output: "), "{error}");
            }
        }
    }
}
