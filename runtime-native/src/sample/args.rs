//! The command line of `sample`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use easel_runtime::denoiser::Sampler;
use easel_runtime::grid::GridShape;

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

With a denoiser, which draws the classes it is asked for:
  sample -m mnist.onnx -o digits.png                     8 pictures of every class, a row each
  sample -m mnist.onnx --class 3 -n 64 -o threes.png     64 threes, a grid of 8x8
  sample -m mnist.onnx --class 7,0-2 --seeds 1-8 -o digits.png
                                                         of each class the first picture of 8 seeds
  sample -m mnist.onnx -n 100 -o digits/                 digits/0/00000.png to digits/9/00099.png,
                                                         class folders as train reads them
  sample -m mnist.onnx --animate -o digits.gif           how noise becomes digits
  sample -m mnist.onnx --sampler ddim --eta 0.5 --steps 50 -o digits.png

Picture i of a seed (and class) is the same whatever the batch, the number of
pictures, the machine, and in the browser, up to the last bits of an engine's
arithmetic.";

/// Makes pictures with a generator or a denoiser that export-onnx wrote
#[derive(Debug, Clone, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    /// The model: a file, or the name of a model in the folder `models`
    #[arg(short, long, value_name = "MODEL")]
    pub model: PathBuf,

    /// Where the pictures go: one picture, a grid of all (png, jpg, webp, bmp, tiff), or else a folder of single
    /// pictures, of a denoiser with a folder for each class; of a walk or with --animate an animation (gif, webp), or
    /// else a folder of frames. Files of the same name are replaced
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,

    /// How many pictures of the seed, of a denoiser for each class [default: what the grid holds, or 64, for each class
    /// 8]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,

    /// Which pictures: each seed gives others
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The first picture of each of these seeds, of a denoiser for each class: numbers and ranges, 1-8,12,20. In a
    /// folder a picture is named by its seed
    #[arg(long, value_name = "LIST", conflicts_with_all = ["seed", "count"])]
    pub seeds: Option<Seeds>,

    /// The grid's columns and rows, of a denoiser for one class [default: nearly square; several classes have a row each]
    #[arg(long, value_name = "CxR", conflicts_with = "walk")]
    pub grid: Option<Grid>,

    /// Enlarge every picture by a whole factor [default: 1; animations: what brings their longer side to 256 pixels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,

    /// Pictures that are computed at once [default: 64; fewer where they are large, or memory is short]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: Option<u32>,

    /// What only a denoiser has
    #[command(flatten)]
    pub denoiser: DenoiserArgs,

    /// What moves
    #[command(flatten)]
    pub moving: MovingArgs,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// The flags of a denoiser.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Denoiser")]
#[group(conflicts_with = "walk")]
pub struct DenoiserArgs {
    /// Which classes, in this order: names that the model's card has, numbers and ranges, dress,1,7-9 [default: all]
    #[arg(long = "class", value_name = "LIST", value_delimiter = ',')]
    pub classes: Vec<String>,

    /// The way from noise to a picture: ancestral (every step of the schedule, the reference), ddim, or dpm-solver (the
    /// best in few steps) [default: dpm-solver]
    #[arg(long, value_name = "NAME")]
    pub sampler: Option<Sampler>,

    /// Steps from noise to a picture [default: 20; ancestral: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,

    /// How much fresh noise each step of ddim adds, from 0 to 1 [default: 0]
    #[arg(long, value_name = "ETA", requires = "sampler", allow_negative_numbers = true)]
    pub eta: Option<f64>,

    /// How far the class is followed, where the model was trained for it: above 1 pictures are clearer and more alike
    /// [default: 1.5 where it was, which takes two runs a step; else 1]
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub guidance: Option<f64>,
}

/// The flags of a walk, and of animations.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Animation")]
pub struct MovingArgs {
    /// Walk through the latent space from each of the seeds to the next, and from the last to the first, with so many
    /// frames from one to the next: along the sphere where latents are normal, else in straight lines
    #[arg(long, value_name = "FRAMES", group = "moves", requires = "seeds", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub walk: Option<u32>,

    /// End with the last seed
    #[arg(long, requires = "walk")]
    pub one_way: bool,

    /// With a denoiser: how the pictures come out of the noise
    #[arg(long, group = "moves")]
    pub animate: bool,

    /// Frames in a second [default: 25; with --animate what takes 3 seconds, at most 25]
    #[arg(long, value_name = "N", requires = "moves", value_parser = clap::value_parser!(u32).range(1..=50))]
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

impl From<Grid> for GridShape {
    fn from(Grid { columns, rows }: Grid) -> Self {
        Self { columns: columns as usize, rows: rows as usize }
    }
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
