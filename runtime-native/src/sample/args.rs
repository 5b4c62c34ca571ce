//! The command line of `sample`, and the plan it comes down to.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use easel_runtime::grid::GridShape;

use crate::Options;
use crate::cli::EngineArgs;
use crate::output::Output;

/// Pictures where neither `-n` nor `--grid` says how many.
const DEFAULT_COUNT: u32 = 64;

const EXAMPLES: &str = "\
Examples:
  sample -m digits.onnx -o digits.png                    64 pictures in one, a grid of 8x8
  sample -m digits.onnx -n 10 --grid 5x2 -o digits.png   10 pictures, 5 in a row
  sample -m digits.onnx -n 1000 --seed 7 -o digits/      digits/00000.png to digits/00999.png

Picture i of a seed is the same whatever the batch, the number of pictures, the
machine, and in the browser, up to the last bits of an engine's arithmetic.";

/// Makes pictures with a generator that export-onnx wrote
#[derive(Debug, Clone, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    /// The model: a file, or the name of a model in the folder `models`
    #[arg(short, long, value_name = "MODEL")]
    pub model: PathBuf,

    /// Where the pictures go: one picture, a grid of all (png, jpg, webp, bmp, tiff), or else a folder of single
    /// pictures. Files of the same name are replaced
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,

    /// How many pictures [default: what the grid holds, or 64]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,

    /// Which pictures: each seed gives others
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The grid's columns and rows [default: nearly square]
    #[arg(long, value_name = "CxR")]
    pub grid: Option<Grid>,

    /// Pictures that are computed at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// A grid as it is written: `8x8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    columns: u32,
    rows: u32,
}

impl FromStr for Grid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|&number| (1..=1 << 16).contains(&number));
        text.split_once('x')
            .and_then(|(columns, rows)| Some(Self { columns: number(columns)?, rows: number(rows)? }))
            .ok_or_else(|| "expected columns x rows, each at least 1: 8x8".to_string())
    }
}

/// What is to be done, with every default filled in.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's file or name.
    pub model: PathBuf,
    /// Where the pictures go.
    pub output: Output,
    /// How many.
    pub count: u32,
    /// The seed.
    pub seed: u64,
    /// How they are laid out in one picture.
    pub grid: GridShape,
    /// How many at once.
    pub batch: u32,
    /// How the model is run.
    pub options: Options,
}

impl Plan {
    /// Fails on flags that do not go together; that is misuse.
    pub fn from_args(args: &Args) -> Result<Self, String> {
        let output = Output::from_path(&args.output)?;
        if let (Output::Folder(folder), Some(_)) = (&output, args.grid) {
            return Err(format!(
                "--grid makes one picture, and {} names a folder; end the name in .png, or leave --grid away",
                folder.display()
            ));
        }
        let shape = args.grid.map(|grid| GridShape { columns: grid.columns as usize, rows: grid.rows as usize });
        let room = shape.map(|shape| shape.columns as u64 * shape.rows as u64);
        let count = match (args.count, room) {
            (Some(count), Some(room)) if u64::from(count) > room => {
                return Err(format!(
                    "{count} pictures do not fit a grid that holds {room}; make it larger or -n smaller"
                ));
            }
            (Some(count), _) => count,
            (None, Some(room)) => u32::try_from(room).unwrap_or(u32::MAX),
            (None, None) => DEFAULT_COUNT,
        };
        Ok(Self {
            model: args.model.clone(),
            output,
            count,
            seed: args.seed,
            grid: shape.unwrap_or_else(|| GridShape::square(count as usize)),
            batch: args.batch.min(count),
            options: args.engine.options(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn plan(flags: &str) -> Result<Plan, String> {
        let words = ["sample", "-m", "m.onnx"].into_iter().chain(flags.split_whitespace());
        Plan::from_args(&Args::try_parse_from(words).map_err(|error| error.to_string())?)
    }

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn count_and_grid_settle_each_other() {
        let settled = |flags| {
            let plan = plan(flags).unwrap();
            (plan.count, plan.grid.columns, plan.grid.rows, plan.batch)
        };
        assert_eq!(settled("-o a.png"), (64, 8, 8, 64));
        assert_eq!(settled("-o a.png -n 5"), (5, 3, 2, 5));
        assert_eq!(settled("-o a.png --grid 5x2"), (10, 5, 2, 10));
        assert_eq!(settled("-o a.png -n 7 --grid 5x2 --batch 3"), (7, 5, 2, 3));
        assert_eq!(settled("-o folder -n 100"), (100, 10, 10, 64));
    }

    #[test]
    fn misuse_is_refused() {
        for flags in [
            "-o a.png -n 0",
            "-o a.png -n -1",
            "-o a.png -n 11 --grid 5x2",
            "-o a.png --grid 5",
            "-o a.png --grid 0x5",
            "-o a.png --grid 99999999999x1",
            "-o folder --grid 5x2",
            "-o a.gif",
            "-o a.png --batch 0",
            "-o a.png --threads 0",
            "-o a.png --device gpu",
            "-n 3",
        ] {
            assert!(plan(flags).is_err(), "{flags}");
        }
    }
}
