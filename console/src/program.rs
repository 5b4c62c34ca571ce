//! The beginning and the end of a program.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};
use std::process::{self, ExitCode};

use clap::Parser;
use easel_runtime::text::one_line;

use crate::{interrupt, tell};

/// The first call of every program: handles signals.
///
/// SIGINT, SIGTERM and SIGHUP end the program as [`interrupt`] describes. A write beyond the limit on file sizes
/// (`ulimit -f`) is an error, like one on a full disk, rather than the end of the process. Rust ignores SIGPIPE itself.
pub fn start() {
    #[cfg(unix)]
    // SAFETY: ignoring a signal installs no handler, so none of this process's code runs in one.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    interrupt::handle_signals();
}

/// The program's arguments. Help, version and misuse end it, as in [`exit`].
pub fn parse<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| exit(&error))
}

/// Prints what clap has to say and ends the program: help and version on stdout with status 0, or 1 if they cannot be
/// written; misuse on stderr with status 2.
pub fn exit(error: &clap::Error) -> ! {
    let printed = error.print().and_then(|()| stdout().flush());
    if error.use_stderr() {
        process::exit(2);
    }
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            tell!("error: standard output: cannot write: {error}");
            process::exit(1);
        }
        _ => process::exit(0),
    }
}

/// Prints an error on stderr, as one line, and gives the exit status of a failure.
pub fn fail(error: impl Display) -> ExitCode {
    tell!("error: {}", one_line(&format!("{error:#}")));
    ExitCode::FAILURE
}
