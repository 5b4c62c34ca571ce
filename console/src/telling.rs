//! Messages on stderr.

use std::fmt;
use std::io::{self, Write, stderr};

/// Writes a line on stderr, as `eprintln!` does, but never panics: if nobody can read it, it is lost.
#[macro_export]
macro_rules! tell {
    () => { $crate::tell!("") };
    ($($argument:tt)*) => { $crate::tell_line(::std::format_args!($($argument)*)) };
}

/// What [`tell!`] calls. The line is written in one piece.
pub fn tell_line(line: fmt::Arguments<'_>) {
    let _ = stderr().write_all(format!("{line}\n").as_bytes());
}

/// Stderr as a writer that never fails, for loggers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Messages;

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
