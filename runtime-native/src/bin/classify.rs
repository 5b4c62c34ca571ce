//! Predicts the classes of pictures: see [`easel_native::classify`].

use std::process::ExitCode;

use easel_native::classify::{self, Args};
use easel_native::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    easel_console::start();
    cli::finish(classify::run(&easel_console::parse::<Args>()))
}
