//! Brings pictures into a style: see [`easel_native::stylize`].

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use easel_native::cli;
use easel_native::stylize::{self, Args, Plan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::outlive_file_limits();
    let args = Args::parse();
    if args.doctor {
        return cli::finish(stylize::doctor(&args.models, &args.engine));
    }
    let plan = Plan::from_args(&args)
        .unwrap_or_else(|misuse| Args::command().error(ErrorKind::ValueValidation, misuse).exit());
    cli::finish(stylize::run(&plan))
}
