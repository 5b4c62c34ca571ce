//! Applies a style to pictures: see [`easel_native::stylize`].

use std::process::ExitCode;

use clap::CommandFactory;
use easel_native::cli;
use easel_native::stylize::{self, Args, StylizePlan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    easel_console::start();
    let args = easel_console::parse::<Args>();
    if args.doctor {
        let options = args.engine.options().unwrap_or_else(|misuse| misuse.exit(Args::command()));
        return cli::finish(stylize::doctor(&args.models, &options, args.json));
    }
    let plan = StylizePlan::from_args(&args).unwrap_or_else(|misuse| misuse.exit(Args::command()));
    cli::finish(stylize::run(&plan))
}
