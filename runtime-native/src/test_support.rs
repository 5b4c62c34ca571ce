//! What unit tests share.

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::Misuse;

/// Why a command line was refused, and the argument that is to blame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By clap: an argument is missing, unknown, in conflict or not valid by itself.
    Clap(ErrorKind, String),
    /// Arguments do not go together.
    Misuse(&'static str),
}

/// Parses a command line, the program's name included, and makes a plan of it.
pub(crate) fn refusal<A: Parser, P>(line: &str, plan: impl Fn(&A) -> Result<P, Misuse>) -> Result<P, Refusal> {
    let args = A::try_parse_from(line.split_whitespace()).map_err(|error| {
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.clone(),
            Some(ContextValue::Strings(arguments)) => arguments.join(" "),
            _ => String::new(),
        };
        let name = argument.split_whitespace().next().unwrap_or_default();
        Refusal::Clap(error.kind(), name.trim_matches(['<', '>', '.']).to_string())
    })?;
    plan(&args).map_err(|misuse| Refusal::Misuse(misuse.argument))
}
