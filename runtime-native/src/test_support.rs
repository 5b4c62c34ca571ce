//! What unit tests share.

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::Misuse;

/// Why a command line was refused, and the arguments that the error names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By clap: an argument is missing, in conflict or not valid by itself.
    Clap(ErrorKind, Vec<String>),
    /// Arguments do not go together.
    Misuse(&'static str),
}

impl Refusal {
    /// Whether clap refused it with an error of a kind that names an argument.
    pub fn is_clap(&self, kind: ErrorKind, argument: &str) -> bool {
        matches!(self, Self::Clap(found, arguments) if *found == kind && arguments.iter().any(|name| name == argument))
    }
}

/// Parses a command line, the program's name included, and makes a plan of it.
pub(crate) fn refusal<A: Parser, P>(line: &str, plan: impl Fn(&A) -> Result<P, Misuse>) -> Result<P, Refusal> {
    let args = A::try_parse_from(line.split_whitespace()).map_err(|error| {
        let named = [ContextKind::InvalidArg, ContextKind::PriorArg].into_iter().filter_map(|kind| error.get(kind));
        let named = named.flat_map(|value| match value {
            ContextValue::String(argument) => vec![argument.as_str()],
            ContextValue::Strings(arguments) => arguments.iter().map(String::as_str).collect(),
            _ => vec![],
        });
        // `--grid` of `--grid <CxR>`, `INPUT` of `<INPUT>...`
        let name = |text: &str| {
            let first = text.split_whitespace().next().unwrap_or_default();
            first.trim_matches(['<', '>', '[', ']', '.']).to_string()
        };
        Refusal::Clap(error.kind(), named.map(name).collect())
    })?;
    plan(&args).map_err(|misuse| Refusal::Misuse(misuse.argument))
}
