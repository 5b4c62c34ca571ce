//! `train`: trains a network and leaves a run folder whose checkpoints `export-onnx` turns into a model file.

mod common;
mod ddpm;
mod eval;
mod gan;
mod lenet;
mod mlp;
mod progan;
mod scenes;
mod style;
mod summary;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains small image generators, a classifier to judge them with, and networks for tables.
#[derive(Parser)]
#[command(version, after_help = "Exit status: 0 done, 1 failed, 2 misuse, 130 interrupted (a checkpoint was written).")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ddpm(Box<ddpm::Args>),
    Gan(Box<gan::Args>),
    Lenet(Box<lenet::Args>),
    Mlp(Box<mlp::Args>),
    Progan(Box<progan::Args>),
    Style(Box<style::Args>),
    Eval(eval::Args),
    Scenes(scenes::Args),
    Summary(summary::Args),
}

fn main() -> ExitCode {
    easel_train::run::interrupt::outlive_file_limits();
    let Cli { command } = Cli::parse();
    easel_train::memory::keep_freed_memory();
    let done = match command {
        Command::Ddpm(args) => ddpm::train(*args),
        Command::Gan(args) => gan::train(*args),
        Command::Lenet(args) => lenet::train(*args),
        Command::Mlp(args) => mlp::train(*args),
        Command::Progan(args) => progan::train(*args),
        Command::Style(args) => style::train(*args),
        Command::Eval(args) => eval::eval(args),
        Command::Scenes(args) => scenes::draw(args),
        Command::Summary(args) => summary::summarise(args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
