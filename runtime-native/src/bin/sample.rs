//! Draws pictures with a generator or a denoiser: see [`easel_native::sample`].

use std::process::ExitCode;

use clap::CommandFactory;
use easel_native::cli;
use easel_native::sample::{self, Args, SamplePlan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    easel_console::start();
    let plan =
        SamplePlan::from_args(&easel_console::parse::<Args>()).unwrap_or_else(|misuse| misuse.exit(Args::command()));
    cli::finish(sample::run(&plan))
}
