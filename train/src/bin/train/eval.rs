//! `train eval`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use easel_runtime::Device;
use easel_train::Params;
use easel_train::data::{PictureFormat, Source};
use easel_train::networks::lenet::{ARCHITECTURE, Lenet, Sizes};
use easel_train::networks::{Network, lenet};
use easel_train::run::checkpoint::{WEIGHTS, steps};
use easel_train::run::{Checkpoint, device};
use easel_train::trainers::judgement::{Judgement, judge};
use easel_train::trainers::lenet::load_test;

use crate::common;

/// With more classes the confusion table would be too wide to read, and the most frequent mistakes are listed instead.
const WIDEST_TABLE: usize = 16;
const MOST_MISTAKES: usize = 20;

/// Judge a classifier on labelled pictures
///
/// Prints its accuracy, the accuracy on each class and which classes it takes for which, on stdout. A folder of MNIST's
/// files gives its test set (t10k), `synthetic` the digits that `train lenet --data synthetic` validates with, everything
/// else all of its pictures. Classes are matched by name.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  train eval runs/00003-lenet-mnist --data mnist/
  train eval runs/00003-lenet-mnist/checkpoints/004690 --data my-digits/ --json")]
pub struct Args {
    /// A run, of which the newest checkpoint is judged, or a checkpoint
    #[arg(value_name = "RUN|CHECKPOINT")]
    run: PathBuf,
    /// The pictures: a folder with MNIST's files, a folder of class folders, a text file of `path label` lines, or
    /// `synthetic`
    #[arg(long, value_name = "DIR|FILE|synthetic")]
    data: String,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: Device,
    /// CPU threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
}

/// Judges and gives the exit status.
pub fn eval(args: Args) -> Result<ExitCode> {
    common::limit_threads(args.threads.into());
    let path = checkpoint_of(&args.run)?;
    let checkpoint = Checkpoint::load(&path)?;
    let Network::Lenet(network) = Network::with_weights(&checkpoint.architecture, &checkpoint.weights)? else {
        let found = &checkpoint.architecture.name;
        bail!("{}: a {found}; only classifiers (`{ARCHITECTURE}`) can be judged", args.run.display());
    };
    let (Sizes { channels, .. }, classes) = (network.sizes(), &checkpoint.record.classes);
    let source: Source = args.data.parse()?;
    let format = PictureFormat { channels, height: lenet::SIDE, width: lenet::SIDE };
    let pictures = load_test(&source, format, classes)?;
    pictures.warning().into_iter().for_each(|line| eprintln!("warning: {line}"));
    let device = device::open(args.device)?;
    let judgement = judge(&on_device(&checkpoint, network.sizes(), &device)?, &pictures, &device)?;
    eprintln!("{} on {} pictures from {}", path.display(), pictures.len(), pictures.name);
    print!("{}", if args.json { json(&judgement, classes) } else { text(&judgement, classes) });
    Ok(ExitCode::SUCCESS)
}

fn on_device(checkpoint: &Checkpoint, sizes: Sizes, device: &candle_core::Device) -> Result<Lenet> {
    let params = Params::new(candle_core::DType::F32, device, easel_runtime::Random::new(0, 0));
    let network = Lenet::new(params.root(), sizes)?;
    params.load(&checkpoint.weights)?;
    params.set_frozen(true);
    Ok(network)
}

fn checkpoint_of(path: &Path) -> Result<PathBuf> {
    if path.join(WEIGHTS).is_file() {
        return Ok(path.to_path_buf());
    }
    let newest = steps(&path.join("checkpoints"))?.into_iter().next().map(|(_, folder)| folder);
    newest.with_context(|| format!("{}: neither a run with a checkpoint nor a checkpoint", path.display()))
}

fn text(judgement: &Judgement, classes: &[String]) -> String {
    let mut text = String::new();
    let percent = |right: u64, of: u64| format!("{:.2} %", 100.0 * right as f64 / of as f64);
    let (right, count) = (judgement.right(), judgement.count());
    let mut line = |line: String| writeln!(text, "{}", line.trim_end()).expect("strings take all");
    line(format!("accuracy {} ({right} of {count}), loss {:.4}\n", percent(right, count), judgement.loss));

    let wide = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 24);
    line(format!("{:<wide$}  {:>7}  {:>7}  accuracy", "class", "right", "of"));
    for (class, row) in judgement.confusion.iter().enumerate() {
        let of: u64 = row.iter().sum();
        let accuracy = if of == 0 { "-".into() } else { percent(row[class], of) };
        line(format!("{:<wide$}  {:>7}  {of:>7}  {accuracy:>8}", classes[class], row[class]));
    }
    if classes.len() <= WIDEST_TABLE {
        line("\nconfusion: a row is a class, a column what was answered".into());
        let cell = count.to_string().len().clamp(4, 8);
        let columns: String = classes.iter().map(|name| format!(" {:>cell$.cell$}", name)).collect();
        line(format!("{:<wide$} {columns}", ""));
        for (name, row) in classes.iter().zip(&judgement.confusion) {
            let cells: String = row.iter().map(|count| format!(" {count:>cell$}")).collect();
            line(format!("{name:<wide$} {cells}"));
        }
    } else {
        line("\nthe most frequent mistakes: class, answer, how often".into());
        for (class, answer, count) in judgement.mistakes().into_iter().take(MOST_MISTAKES) {
            line(format!("{:<wide$}  {:<wide$}  {count:>7}", classes[class], classes[answer]));
        }
    }
    text
}

fn json(judgement: &Judgement, classes: &[String]) -> String {
    let object = serde_json::json!({
        "accuracy": judgement.accuracy(),
        "right": judgement.right(),
        "count": judgement.count(),
        "loss": judgement.loss,
        "classes": classes,
        "confusion": judgement.confusion,
    });
    format!("{object}\n")
}
