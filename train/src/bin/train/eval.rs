//! `train eval`.

mod classifier;
mod generator;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use easel_runtime::Device;
use easel_train::data::Source;
use easel_train::networks::Network;
use easel_train::run::checkpoint::{WEIGHTS, steps};
use easel_train::run::{Checkpoint, device};

use crate::common;
use generator::Generator;

/// How many of a generator's pictures are measured unless told.
const COUNT: u32 = 2048;

/// Judge a classifier on labelled pictures, or a generator beside real ones
///
/// A classifier: its accuracy, the accuracy on each class and which classes it takes for which. A folder of MNIST's
/// files gives its test set (t10k), `synthetic` the digits that `train lenet --data synthetic` validates with, everything
/// else all of its pictures. Classes are matched by name.
///
/// A generator (GAN, ProGAN), its averaged weights at the resolution that it has reached: the sliced Wasserstein
/// distance to the data, which it was trained on or other, level by level from fine to coarse, and how much its pictures
/// are alike (MS-SSIM), each beside its floor, what as many real pictures get.
///
/// All goes to stdout.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  train eval runs/00003-lenet-mnist --data mnist/
  train eval runs/00003-lenet-mnist/checkpoints/004690 --data my-digits/ --json
  train eval runs/00004-progan-mnist --data mnist/ -n 4096
  train eval runs/00005-progan-clothing --data clothing/ --class dress")]
pub struct Args {
    /// A run, of which the newest checkpoint is judged, or a checkpoint
    #[arg(value_name = "RUN|CHECKPOINT")]
    run: PathBuf,
    /// The pictures: a folder with MNIST's files, a folder of class folders, a text file of `path label` lines,
    /// `synthetic` for drawn digits, `scenes` or `scenes:N` for drawn landscapes
    #[arg(long, value_name = "DIR|FILE|synthetic|scenes")]
    data: String,
    /// Of a generator: how many pictures are compared with as many real ones; 2048 unless told, at most half of the data
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    count: Option<u32>,
    /// Of a generator: the seed of its pictures and of what is drawn from the data; 0 unless told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Of a generator: the real pictures of these classes only
    #[arg(long = "class", value_name = "NAME", num_args = 1..)]
    classes: Vec<String>,
    /// auto, cpu, cuda or cuda:N; auto takes a GPU where there is one
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: Device,
    /// CPU threads; unless told one for a classifier and all for a generator
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
}

/// Judges and gives the exit status.
pub fn eval(args: Args) -> Result<ExitCode> {
    let path = checkpoint_of(&args.run)?;
    let checkpoint = Checkpoint::load(&path)?;
    let is_classifier = checkpoint.architecture.name == easel_train::networks::lenet::ARCHITECTURE;
    let all = if is_classifier { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    common::limit_threads(args.threads.map_or(all, usize::from));
    let device = device::open(args.device)?;
    let source: Source = args.data.parse()?;
    let judge = |generator| {
        let count = args.count.unwrap_or(COUNT) as usize;
        let plan =
            generator::Plan { source: &source, classes: &args.classes, count, seed: args.seed.unwrap_or_default() };
        generator::eval(&path, &generator, &plan, &device, args.json)
    };
    let text = match Network::on(&checkpoint.architecture, &checkpoint.weights, &device)? {
        Network::Lenet(network) => {
            if args.count.is_some() || args.seed.is_some() || !args.classes.is_empty() {
                bail!(
                    "-n, --seed and --class are for generators; a classifier is judged on all pictures: leave them out"
                );
            }
            classifier::eval(&path, &checkpoint, &network, &source, &device, args.json)?
        }
        Network::Gan(network) => judge(Generator::Gan(network))?,
        Network::Progan { generator, stage } => judge(Generator::Progan(generator, stage))?,
        _ => {
            let found = &checkpoint.architecture.name;
            bail!("{}: a {found}; only classifiers and generators can be judged", args.run.display());
        }
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn checkpoint_of(path: &Path) -> Result<PathBuf> {
    if path.join(WEIGHTS).is_file() {
        return Ok(path.to_path_buf());
    }
    let newest = steps(&path.join("checkpoints"))?.into_iter().next().map(|(_, folder)| folder);
    newest.with_context(|| format!("{}: neither a run with a checkpoint nor a checkpoint", path.display()))
}
