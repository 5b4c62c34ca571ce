//! `train`: trains a network and leaves a run folder whose checkpoints `export-onnx` turns into a model file.

// They panic where nobody reads; `easel_console` does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod eval;
mod memory;
mod progress;
mod recipe;
mod scenes;
mod summary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use easel_console::quoted_path;
use easel_train::recipes::{
    ddpm::DdpmConfig, gan::GanConfig, lenet::LenetConfig, mlp::MlpConfig, progan::ProganConfig, style::StyleConfig,
    vae::VaeConfig,
};

use recipe::Entry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static RECIPES: [Entry; 7] = [
    Entry::of::<DdpmConfig>(),
    Entry::of::<GanConfig>(),
    Entry::of::<LenetConfig>(),
    Entry::of::<MlpConfig>(),
    Entry::of::<ProganConfig>(),
    Entry::of::<StyleConfig>(),
    Entry::of::<VaeConfig>(),
];

/// Trains small image generators, a classifier to evaluate them with, and networks for tables.
#[derive(Parser)]
#[command(
    name = "train",
    version,
    after_help = "Exit status: 0 done, 1 failed, 2 misuse, 130 interrupted (a checkpoint was written)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Eval(Box<eval::Args>),
    Scenes(scenes::Args),
    Summary(summary::Args),
}

/// The program's arguments. The former flag `--grey` of ProGAN is `--channels 1`; other former flags are aliases.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|name| name == "progan") {
        arguments.iter_mut().filter(|argument| *argument == "--grey").for_each(|grey| *grey = "--channels=1".into());
    }
    arguments
}

/// Fails where a run's folder is named after another recipe.
fn check_recipe(recipe: &str, run: &Path) -> Result<()> {
    let folder = run.canonicalize().unwrap_or_else(|_| run.to_path_buf());
    let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('-').nth(1));
    match RECIPES.iter().find(|entry| Some(entry.name) == name && entry.name != recipe) {
        Some(Entry { name, .. }) => {
            let command = format!("train {name} --resume {}", quoted_path(run));
            bail!("{}: a run of `train {name}`; resume it with: {command}", run.display())
        }
        None => Ok(()),
    }
}

fn main() -> ExitCode {
    easel_console::start();
    let arguments = arguments();
    let recipes = RECIPES.iter().map(|entry| (entry.command)(&arguments));
    let command = recipes.fold(Cli::command(), clap::Command::subcommand);
    let matches = command.try_get_matches_from(&arguments).unwrap_or_else(|error| easel_console::exit(&error));
    memory::keep_freed_memory();
    let (name, recipe) = matches.subcommand().expect("a subcommand is required");
    let done = match RECIPES.iter().find(|entry| entry.name == name) {
        Some(entry) => {
            let run = recipe.get_one::<PathBuf>("resume");
            run.map_or(Ok(()), |run| check_recipe(name, run)).and_then(|()| (entry.run)(&arguments, recipe))
        }
        None => match Cli::from_arg_matches(&matches).unwrap_or_else(|error| easel_console::exit(&error)).command {
            Command::Eval(args) => eval::eval(*args),
            Command::Scenes(args) => scenes::draw(args),
            Command::Summary(args) => summary::summarise(args),
        },
    };
    done.unwrap_or_else(easel_console::fail)
}
