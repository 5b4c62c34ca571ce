//! `cargo xtask`: set-up and chores. Nothing of the project itself is here; every chore calls the programs and tests
//! that the other crates have.

mod bench;
mod browser;
mod check;
mod counting;
mod debian;
mod demo;
mod deny;
mod files;
mod house;
mod npm;
mod onnxruntime;
mod process;
mod programs;
mod python;
mod report;
mod serve;
mod setup;
mod test;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::house::House;

/// Easel's chores: two commands do all set-up by themselves, `demo` and `test`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                          trains on digits drawn by the project, serves the page
  cargo xtask demo --data DIR --no-serve    trains on MNIST's files in DIR, ends when all is built
  cargo xtask test                          every test
  cargo xtask test browser                  one step of them, and what it needs
  cargo xtask test a_later_schema           the Rust tests with this in their names
  cargo xtask bench train                   training steps beside PyTorch's
  cargo xtask setup --gpu                   ONNX Runtime for NVIDIA GPUs";

#[derive(Subcommand)]
enum Chore {
    /// Train a GAN, export it, sample it, and serve a page that draws with it
    Demo(demo::Options),
    /// Run all tests, those in the browser too
    Test(test::Options),
    /// Measure against other programs
    #[command(subcommand)]
    Bench(Bench),
    /// Check formatting, lints, documentation and dependencies, without running anything
    Check,
    /// Build the page into web/dist, and the npm package of its runtime
    Web,
    /// Serve a folder of files on this machine, with the headers that threads in a page need
    Serve {
        /// The folder
        folder: PathBuf,
        /// Port; the next free one where it is taken
        #[arg(long, value_name = "N", default_value_t = 8000)]
        port: u16,
    },
    /// Fetch what Cargo does not bring by itself: ONNX Runtime, Rust's browser target, Chromium, ffmpeg
    Setup {
        /// ONNX Runtime for NVIDIA GPUs (CUDA 13), 256 MB
        #[arg(long)]
        gpu: bool,
    },
}

/// What is measured.
#[derive(Subcommand)]
enum Bench {
    /// Training steps beside PyTorch's; the table goes into docs/performance.md
    Train(bench::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<ExitCode> {
    match chore {
        Chore::Demo(options) => demo::run(&House::find()?, options)?,
        Chore::Test(options) => return Ok(test::run(&House::find()?, options)),
        Chore::Bench(Bench::Train(options)) => bench::train(&House::find()?, &options)?,
        Chore::Check => return Ok(check::run(&House::find()?)),
        Chore::Web => page(&House::find()?)?,
        Chore::Serve { folder, port } => serve::run(&folder, port)?,
        Chore::Setup { gpu } => setup::run(&House::find()?, gpu)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask web`.
fn page(house: &House) -> Result<()> {
    setup::Part::Node.install(house)?;
    setup::Part::WasmTarget.install(house)?;
    let dist = web::build(&house.root)?;
    println!("{}", house.shown(&dist));
    println!("{}", house.shown(&npm::pack(&house.root, &house.target)?));
    Ok(())
}
