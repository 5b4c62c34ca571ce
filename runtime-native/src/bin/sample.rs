//! Makes pictures with a generator or a denoiser: see [`easel_native::sample`].

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use easel_native::cli;
use easel_native::sample::{self, Args, Plan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::outlive_file_limits();
    let plan = Plan::from_args(&Args::parse())
        .unwrap_or_else(|misuse| Args::command().error(ErrorKind::ValueValidation, misuse).exit());
    cli::finish(sample::run(&plan))
}
