//! `cargo xtask`: set-up and tasks. Every task calls the programs and tests of the other crates.

// They panic where nobody reads; `easel_console` does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod bench;
mod browser;
mod check;
mod counting;
mod debian;
mod demo;
mod deny;
mod digest;
mod files;
mod folder;
mod metadata;
mod msrv;
mod npm;
mod onnxruntime;
mod outside;
mod package;
mod process;
mod programs;
mod python;
mod report;
mod serve;
mod setup;
mod stamp;
mod test;
mod web;
mod wheel;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use easel_console::print;

use crate::workspace::Workspace;

/// Easel's tasks. `demo` and `test` need no other command before them: they fetch and build what they use.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                          train on digits that the project draws, serve the page
  cargo xtask demo --data DIR --no-serve    train on MNIST's files in DIR, stop when the page is built
  cargo xtask test                          run every test
  cargo xtask test browser                  run one step, and the steps it needs
  cargo xtask test a_later_schema           run the Rust tests with this in their names
  cargo xtask bench train                   compare training steps with PyTorch's
  cargo xtask bench infer --case wave-512   compare one model with other engines
  cargo xtask setup --gpu                   fetch ONNX Runtime for NVIDIA GPUs";

#[derive(Subcommand)]
enum Task {
    /// Train a GAN, export it, sample it, and serve a page that draws with it
    Demo(demo::Options),
    /// Run all tests, including the page's in a browser
    Test(test::Options),
    /// Compare speed with other programs
    #[command(subcommand)]
    Bench(Bench),
    /// Check formatting, lints, documentation and dependencies, without running any test
    Check,
    /// Build the page in web/dist, and the npm package of its runtime
    Web,
    /// Serve a folder of files on this machine, with the headers that threads in a page need
    Serve {
        /// The folder
        folder: PathBuf,
        /// Port; if it is in use, the next free one
        #[arg(long, value_name = "N", default_value_t = 8000)]
        port: u16,
    },
    /// Fetch what Cargo does not: ONNX Runtime, Rust's browser target, Chromium, ffmpeg
    Setup {
        /// Fetch ONNX Runtime for NVIDIA GPUs (CUDA 13; 256 MB)
        #[arg(long)]
        gpu: bool,
    },
}

/// What to measure.
#[derive(Subcommand)]
enum Bench {
    /// Compare training steps with PyTorch's, and save the table in docs/performance.md
    Train(bench::TrainOptions),
    /// Compare models with other engines on this CPU, and save the table in docs/performance.md
    Infer(bench::InferOptions),
    /// Compare models with other engines of the web, in Node.js, and save the table in docs/performance.md
    Web(bench::WebOptions),
}

fn main() -> ExitCode {
    easel_console::start();
    run(easel_console::parse::<Cli>().task).unwrap_or_else(easel_console::fail)
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo(options) => demo::run(&Workspace::find()?, options)?,
        Task::Test(options) => return Ok(test::run(&Workspace::find()?, options)),
        Task::Bench(Bench::Train(options)) => bench::train(&Workspace::find()?, &options)?,
        Task::Bench(Bench::Infer(options)) => bench::infer(&Workspace::find()?, &options)?,
        Task::Bench(Bench::Web(options)) => bench::web(&Workspace::find()?, &options)?,
        Task::Check => return Ok(test::check(&Workspace::find()?)),
        Task::Web => page(&Workspace::find()?)?,
        Task::Serve { folder, port } => serve::run(&folder, port)?,
        Task::Setup { gpu } => setup::run(&Workspace::find()?, gpu)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask web`.
fn page(workspace: &Workspace) -> Result<()> {
    setup::Part::Node.install(workspace)?;
    setup::Part::WasmTarget.install(workspace)?;
    let dist = web::build(workspace)?;
    let package = npm::pack(workspace)?;
    Ok(print(format_args!("{}\n{}\n", workspace.shown(&dist), workspace.shown(&package)))?)
}
