//! Predicts the classes of pictures: see [`easel_native::classify`].

use std::process::ExitCode;

use clap::CommandFactory;
use easel_native::classify::{self, Args};
use easel_native::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    easel_console::start();
    let args = easel_console::parse::<Args>();
    let options = args.engine.options().unwrap_or_else(|misuse| misuse.exit(Args::command()));
    cli::finish(classify::run(&args, &options))
}
