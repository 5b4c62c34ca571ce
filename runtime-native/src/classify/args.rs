//! The command line of `classify`.

use std::path::PathBuf;

use clap::Parser;
use easel_runtime::polarity::Invert;

use crate::cli::EngineArgs;

const EXAMPLES: &str = "\
Examples:
  classify -m lenet-mnist digit.png                      digit.png  7 99.8 %
  classify -m lenet-mnist --top 3 scans/ more/*.png      all pictures in a folder, and some files
  classify -m lenet-mnist --json digits/ > digits.jsonl  a JSON object for each picture

Exit status: 0 success, 1 failure (also if a picture could not be read), 2 misuse,
130 interrupted.";

/// Predicts the classes of pictures with a classifier that export-onnx wrote
///
/// Prints a line on stdout for each picture: its path, and the most probable classes with their probabilities. A picture
/// is preprocessed as in training: cropped to the model's aspect ratio around its centre, and resized; transparent pixels
/// become white, or black in a picture that would hardly show on white. Pictures that are dark on light where the training
/// pictures were light on dark, or the reverse, are inverted.
#[derive(Debug, Clone, Parser)]
#[command(name = "classify", version, after_help = EXAMPLES)]
pub struct Args {
    /// The model: a file, or the name of a model in the folder `models`
    #[arg(short, long, value_name = "MODEL")]
    pub model: PathBuf,

    /// Pictures (png, jpg, webp, bmp, gif, tiff, avif, jxl), - (a picture from standard input), folders, whose pictures are
    /// taken at any depth, and patterns ('*.jpg'); what a file holds is told by its content
    #[arg(required = true, value_name = "PICTURE|FOLDER")]
    pub pictures: Vec<PathBuf>,

    /// How many classes to print, at most
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,

    /// Print one JSON object per line: path, classes (label, name, probability), engine_name (easel or
    /// onnxruntime), and inverted (true) where the picture was; or path, error; first, for files in folders that are not pictures, path, left_out (why); where an error or Ctrl-C
    /// ends the run, the last line has it, and its path is null
    #[arg(long)]
    pub json: bool,

    /// Whether to invert pictures: auto (one that is certainly dark on light where the training pictures were light on dark,
    /// or the reverse), on (all), off (none)
    #[arg(long, value_name = "auto|on|off", default_value_t)]
    pub invert: Invert,

    /// How many pictures to compute at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::refusal;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn misuse_names_the_argument() {
        for (flags, kind, argument) in [
            ("-m m.onnx", ErrorKind::MissingRequiredArgument, "PICTURE|FOLDER"),
            ("a.png", ErrorKind::MissingRequiredArgument, "--model"),
            ("-m m.onnx a.png --top 0", ErrorKind::ValueValidation, "--top"),
            ("-m m.onnx a.png --batch 0", ErrorKind::ValueValidation, "--batch"),
            ("-m m.onnx a.png --invert yes", ErrorKind::ValueValidation, "--invert"),
            ("-m m.onnx a.png --threads 0", ErrorKind::ValueValidation, "--threads"),
            ("-m m.onnx a.png --device gpu", ErrorKind::ValueValidation, "--device"),
        ] {
            let refused = refusal(&format!("classify {flags}"), |_: &Args| Ok(())).unwrap_err();
            assert!(refused.is_clap(kind, argument), "{flags}: {refused:?}");
        }
    }
}
