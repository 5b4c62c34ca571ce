//! `train scenes`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use easel_console::tell;
use easel_pictures::{picture_format, save_picture};
use easel_scenes::{Motif, scene};

use crate::progress::Progress;

/// Draw landscapes that resemble photos, as training data for experiments
///
/// Mountains, a lake, the sea, woods, a village and fields alternate. The same seed and number give the same scene at any
/// size.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  train scenes -o scenes/                       six, one of each kind
  train scenes -n 500 --size 256x256 -o photos/ content to train a style with
  train scenes --first 1 --size 1024x683 -o lake.png")]
pub struct Args {
    /// A folder, which is created, or one picture (png, jpg, webp, bmp, tiff)
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// The number of pictures in a folder [default: 6]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: Option<u64>,
    /// The number of the first scene
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Width and height
    #[arg(long, value_name = "WxH", default_value = "768x512", value_parser = size)]
    size: (usize, usize),
    /// The seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=8192).contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "give it as WIDTHxHEIGHT, 1 to 8192 each: 768x512".into())
}

/// Draws the scenes and gives the exit status.
pub fn draw(args: Args) -> Result<ExitCode> {
    let (width, height) = args.size;
    if args.output.extension().is_some() && !args.output.is_dir() {
        picture_format(&args.output)?;
        ensure!(args.count.is_none(), "{} names one picture; give a folder for several", args.output.display());
        save_picture(&args.output, &scene(args.seed, args.first, height, width).0)?;
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("{}: cannot create the folder", args.output.display()))?;
    let count = args.count.unwrap_or(Motif::ALL.len() as u64);
    let last = args.first.checked_add(count - 1).context("--first is too large")?;
    let digits = last.to_string().len();
    let mut progress = Progress::new(count, 0);
    for index in args.first..=last {
        let (picture, label) = scene(args.seed, index, height, width);
        let name = format!("{index:0digits$}-{}.png", Motif::ALL[label as usize].name());
        save_picture(&args.output.join(name), &picture)?;
        progress.update(index + 1 - args.first, &[], &[]);
    }
    progress.finish();
    tell!("wrote {count} scenes to {}", args.output.display());
    Ok(ExitCode::SUCCESS)
}
