//! The command line of `sample`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Parser;
use easel_pictures::picture_format;
use easel_runtime::denoiser::Sampler;
use easel_runtime::grid::GridShape;
use image::ImageFormat;

use super::seeds::Seeds;
use crate::cli::{Auto, EngineArgs, auto_or};

const EXAMPLES: &str = "\
Examples:
  sample -m digits.onnx -o digits.png                    a grid of 8x8 pictures
  sample -m digits.onnx -n 10 --grid 5x2 -o digits.png   a grid of 10 pictures, 5 in a row
  sample -m digits.onnx -n 1000 --seed 7 -o digits/      digits/00000.png to digits/00999.png
  sample -m digits.onnx --seeds 1-64 -o digits.png       the first picture of each of 64 seeds
  sample -m digits.onnx --seeds 3,14,15 --walk 30 -o walk.gif
                                                         an animation from seed to seed and back, 30
                                                         frames each

With a denoiser, which draws the classes that it is asked for:
  sample -m mnist.onnx -o digits.png                     8 pictures of every class, in a row each
  sample -m mnist.onnx --class 3 -n 64 -o threes.png     a grid of 64 threes
  sample -m mnist.onnx --class 7,0-2 --seeds 1-8 -o digits.png
                                                         for each class the first picture of 8 seeds
  sample -m mnist.onnx -n 100 -o digits/                 digits/0/00000.png to digits/9/00099.png,
                                                         class folders as train reads them
  sample -m mnist.onnx --animate -o digits.gif           how noise becomes digits
  sample -m mnist.onnx --sampler ddim --eta 0.5 --steps 50 -o digits.png

Picture i of a seed (and class) does not depend on the batch, the number of pictures
or the machine, and is the same in the browser, up to the rounding of the engine.

--json prints one object per line on stdout for each file that is written:
  output, status (done), width, height, pictures, and of an animation frames
The last line is
  {\"summary\": {done, ms, model, engine, engine_name, error}}
where done counts files, engine_name is easel or onnxruntime, and error is null, or what ended the run.

Exit status: 0 success, 1 failure, 2 misuse, 130 interrupted.";

/// Draws pictures with a generator or a denoiser that export-onnx wrote
#[derive(Debug, Clone, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    /// The model: a file, or the name of a model in the folder `models`
    #[arg(short, long, value_name = "MODEL")]
    pub model: PathBuf,

    /// The output: a picture (png, jpg, webp, bmp, tiff), which is a grid of all pictures, or a folder for single
    /// pictures, with a folder for each class of a denoiser; of a walk or with --animate an animation (gif, webp), or a
    /// folder of frames; - for one picture or animation on standard output. Existing files are replaced
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,

    /// The format on standard output: png, jpg, webp, bmp, tiff, and of animations gif, webp; auto: png, and of animations
    /// gif
    #[arg(long, value_name = "auto|FORMAT", default_value = "auto", value_parser = auto_format)]
    pub format: Auto<ImageFormat>,

    /// How many pictures of the seed, with a denoiser for each class; auto: as many as --grid holds, or 64, or 8 for each
    /// class
    #[arg(short = 'n', long, value_name = "auto|N", default_value_t, value_parser = auto_or(1..=u32::MAX))]
    pub count: Auto<u32>,

    /// The seed; each one gives different pictures
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The first picture of each of these seeds, with a denoiser for each class: numbers and ranges, 1-8,12,20. Files in a
    /// folder are named by seed
    #[arg(long, value_name = "LIST", conflicts_with_all = ["seed", "count"])]
    pub seeds: Option<Seeds>,

    /// The columns and rows of the grid, with a denoiser for one class; auto: nearly square, or a row for each class
    #[arg(long, value_name = "auto|CxR", default_value_t, conflicts_with = "walk")]
    pub grid: Auto<Grid>,

    /// Enlarge every picture by a whole factor; auto: 1, or for animations what makes the longer side at least 256 pixels
    #[arg(long, value_name = "auto|N", default_value_t, value_parser = auto_or(1..=64))]
    pub scale: Auto<u32>,

    /// How many pictures to compute at once; auto: 64, or fewer if they are large or memory is short
    #[arg(long, value_name = "auto|N", default_value_t, value_parser = auto_or(1..=4096))]
    pub batch: Auto<u32>,

    /// Print JSON on stdout, one object per line; see below
    #[arg(long)]
    pub json: bool,

    /// Options of denoisers
    #[command(flatten)]
    pub denoiser: DenoiserArgs,

    /// Options of animations
    #[command(flatten)]
    pub animation: AnimationArgs,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// The options of a denoiser.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Denoiser")]
#[group(conflicts_with = "walk")]
pub struct DenoiserArgs {
    /// The classes, in this order: names from the model's card, numbers and ranges, dress,1,7-9; or all
    #[arg(long = "class", value_name = "all|LIST", default_value = ALL_CLASSES, value_delimiter = ',')]
    pub classes: Vec<String>,

    /// The sampler: ancestral (every timestep, the reference), ddim, or dpm-solver (the best with few steps)
    #[arg(long, value_name = "NAME", default_value_t = DEFAULT_SAMPLER)]
    pub sampler: Sampler,

    /// The number of sampling steps; auto: 20, or all timesteps with the ancestral sampler
    #[arg(long, value_name = "auto|N", default_value_t, value_parser = auto_or(1..=u32::MAX))]
    pub steps: Auto<u32>,

    /// How much fresh noise each step of ddim adds, from 0 to 1
    #[arg(long, value_name = "ETA", default_value_t = 0.0, allow_negative_numbers = true)]
    pub eta: f64,

    /// The scale of classifier-free guidance, for models trained for it: above 1 pictures are clearer and less varied.
    /// auto: 1.5 with such a model, which takes two runs a step, or 1 (off)
    #[arg(long, value_name = "auto|G", default_value_t, allow_negative_numbers = true)]
    pub guidance: Auto<f64>,
}

/// All classes of a model.
pub(super) const ALL_CLASSES: &str = "all";

/// The default sampler.
pub(super) const DEFAULT_SAMPLER: Sampler = Sampler::DpmSolver;

/// The options of animations.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Animation")]
pub struct AnimationArgs {
    /// Walk through the latent space from each of the seeds to the next, and from the last to the first, with this many
    /// frames from one to the next: spherical interpolation for normal latents, and linear for others
    #[arg(long, value_name = "FRAMES", group = "moves", requires = "seeds", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub walk: Option<u32>,

    /// End the walk at the last seed
    #[arg(long, requires = "walk")]
    pub one_way: bool,

    /// With a denoiser: show how the pictures emerge from noise
    #[arg(long, group = "moves")]
    pub animate: bool,

    /// Frames per second; auto: 25, or with --animate what takes 3 seconds, from 5 to 25
    #[arg(long, value_name = "auto|N", default_value_t, requires = "moves", value_parser = auto_or(1..=50))]
    pub fps: Auto<u32>,
}

/// The size of a grid, as `8x8`.
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

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
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

fn auto_format(text: &str) -> Result<Auto<ImageFormat>, String> {
    match text {
        "auto" => Ok(Auto::Auto),
        _ => picture_format(Path::new(&format!("a.{}", text.trim_start_matches('.'))))
            .map(Auto::Value)
            .map_err(|_| "expected auto, png, jpg, webp, bmp, tiff or gif".into()),
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
