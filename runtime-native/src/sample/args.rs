//! The command line of `sample`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;

use super::Seeds;
use crate::cli::EngineArgs;

const EXAMPLES: &str = "\
Examples:
  sample -m digits.onnx -o digits.png                    64 pictures in one, a grid of 8x8
  sample -m digits.onnx -n 10 --grid 5x2 -o digits.png   10 pictures, 5 in a row
  sample -m digits.onnx -n 1000 --seed 7 -o digits/      digits/00000.png to digits/00999.png
  sample -m digits.onnx --seeds 1-64 -o digits.png       the first picture of each of 64 seeds
  sample -m digits.onnx --seeds 3,14,15 --walk 30 -o walk.gif
                                                         from seed to seed and back, 30 frames each

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
    /// pictures; of a walk an animation (gif, webp), or else a folder of frames. Files of the same name are replaced
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,

    /// How many pictures of the seed [default: what the grid holds, or 64]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,

    /// Which pictures: each seed gives others
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The first picture of each of these seeds: numbers and ranges, 1-8,12,20. In a folder a picture is named by its
    /// seed
    #[arg(long, value_name = "LIST", conflicts_with_all = ["seed", "count"])]
    pub seeds: Option<Seeds>,

    /// The grid's columns and rows [default: nearly square]
    #[arg(long, value_name = "CxR", conflicts_with = "walk")]
    pub grid: Option<Grid>,

    /// Enlarge every picture by a whole factor [default: 1; animations: what brings the longer side to 256 pixels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,

    /// Pictures that are computed at once [default: 64; fewer above 128x128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: Option<u32>,

    /// What only a walk has
    #[command(flatten)]
    pub walk: WalkArgs,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// The flags of a walk.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Walk")]
pub struct WalkArgs {
    /// Walk through the latent space from each of the seeds to the next, and from the last to the first, with so many
    /// frames from one to the next: along the sphere where latents are normal, else in straight lines
    #[arg(long, value_name = "FRAMES", requires = "seeds", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub walk: Option<u32>,

    /// End with the last seed
    #[arg(long, requires = "walk")]
    pub one_way: bool,

    /// Frames in a second [default: 25]
    #[arg(long, value_name = "N", requires = "walk", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub fps: Option<u32>,
}

/// A grid as it is written: `8x8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Pictures in a row.
    pub columns: u32,
    /// Pictures in a column.
    pub rows: u32,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }
}
