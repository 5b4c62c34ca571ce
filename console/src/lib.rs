//! How the programs talk: messages on stderr, results on stdout, signals, commands to copy.
//!
//! A message that nobody reads ends nothing ([`tell!`]). A result that cannot be written is an error ([`Results`]).

#[cfg(feature = "program")]
pub mod interrupt;
#[cfg(feature = "program")]
mod program;
mod quote;
mod results;
mod telling;

#[cfg(feature = "program")]
pub use program::{exit, fail, parse, start};
pub use quote::{quoted, quoted_path};
pub use results::{Results, print};
pub use telling::{Messages, tell_line};
