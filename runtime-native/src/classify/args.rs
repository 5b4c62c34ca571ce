//! The command line of `classify`.

use std::path::PathBuf;

use clap::Parser;

use crate::cli::EngineArgs;

const EXAMPLES: &str = "\
Examples:
  classify -m lenet-mnist digit.png                      digit.png  7 99.8 %
  classify -m lenet-mnist --top 3 scans/ more/*.png      folders with all that is in them
  classify -m lenet-mnist --json digits/ > digits.jsonl  a JSON object for each picture

Exit status: 0 done, 1 failed (also where any picture could not be read), 2 misuse.";

/// Tells the classes of pictures with a classifier that export-onnx wrote
///
/// Each picture is a line on stdout: its path, and the likeliest classes with their probabilities. A picture is brought
/// to the model's size as training does it: the largest centred part of its proportions, resized; transparent pixels are
/// white.
#[derive(Debug, Clone, Parser)]
#[command(name = "classify", version, after_help = EXAMPLES)]
pub struct Args {
    /// The model: a file, or the name of a model in the folder `models`
    #[arg(short, long, value_name = "MODEL")]
    pub model: PathBuf,

    /// Pictures (png, jpg, webp, bmp, gif, tiff; told by content), and folders, of which all files with such a name's
    /// end are taken, at any depth
    #[arg(required = true, value_name = "PICTURE|FOLDER")]
    pub pictures: Vec<PathBuf>,

    /// How many classes are listed, at most
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,

    /// Print a JSON object a line: path, classes (label, name, probability), or path, error
    #[arg(long)]
    pub json: bool,

    /// Pictures that are computed at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn misuse_is_refused() {
        for flags in ["-m m.onnx", "a.png", "-m m.onnx a.png --top 0", "-m m.onnx a.png --batch 0"] {
            assert!(Args::try_parse_from(["classify"].into_iter().chain(flags.split(' '))).is_err(), "{flags}");
        }
    }
}
