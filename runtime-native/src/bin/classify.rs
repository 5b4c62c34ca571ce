//! Predicts the classes of pictures: see [`easel_native::classify`].

use std::process::ExitCode;

use clap::Parser;
use easel_native::classify::{self, Args};
use easel_native::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::outlive_file_limits();
    cli::finish(classify::run(&Args::parse()))
}
