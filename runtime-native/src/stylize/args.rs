//! The command line of `stylize`, and the plan it comes down to.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use easel_runtime::files::picture_format;
use easel_runtime::stylizer::tiles::SMALLEST;
use easel_runtime::stylizer::{Look, Range};
use image::ImageFormat;

use crate::Options;
use crate::cli::EngineArgs;
use crate::output::Output;

const USAGE: &str = "stylize INPUT... -m MODEL -o OUT [OPTIONS]\n       stylize --doctor [-m MODEL]";

const EXAMPLES: &str = "\
Examples:
  stylize photo.jpg -m wave -o photo-wave.jpg            one picture, a shipped style
  stylize photos/ -m wave.onnx -o styled/ --max-size 1600
                                                         a folder and all below it, made smaller
  stylize *.png -m wave -o out --strength 0.6 --keep-color --format jpg --skip-existing
  stylize a.jpg -m other.onnx --range 0..255 -o b.jpg    somebody else's model
  stylize --doctor                                       what works on this machine

Results have 8 bits a channel, and are RGB. A result keeps its picture's name, size,
transparency (jpg has none: white) and colour profile (bmp has none). Other metadata
is dropped; a camera's orientation is applied.

A picture that would take more than 1.7 GB of memory is computed in tiles that
share the statistics of a smaller copy, so no edges show.

--json prints an object a line on stdout, one for each picture when it is done:
  input, output, status (done, skipped, failed), width, height, tiles, ms, error
where width to ms are there when it is done, and error when it failed; then
  {\"summary\": {done, skipped, failed, ms, model, engine}}
or, where an error stops all before the first, {\"summary\": {done, ms, error}}

Exit status: 0 done, 1 failed (also where any picture could not be done), 2 misuse.";

/// Brings pictures into the style of a model
#[derive(Debug, Clone, Parser)]
#[command(name = "stylize", version, override_usage = USAGE, after_help = EXAMPLES)]
pub struct Args {
    /// Pictures (jpg, png, webp, bmp, tiff, gif; told by content), and folders, of which all files with such a name's end
    /// are taken, at any depth
    #[arg(required_unless_present = "doctor", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    /// The model: a file, or the name of a model in the folder `models`. Besides those of export-onnx, any ONNX model
    /// with one float32 picture [1, 3, height, width] in and one out
    #[arg(short, long, required_unless_present = "doctor", value_name = "MODEL")]
    pub model: Option<PathBuf>,

    /// Where the results go: for one input a picture (jpg, png, webp, bmp, tiff), or else a folder; what lies in folders
    /// goes into folders of the same names there
    #[arg(short, long, required_unless_present = "doctor", value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// How much of the style: 0 is the picture itself, 1 the style alone
    #[arg(long, value_name = "0..1", default_value_t = 1.0, value_parser = strength)]
    pub strength: f32,

    /// Keep the picture's colours; only light and dark are the style's
    #[arg(long, visible_alias = "keep-colour")]
    pub keep_color: bool,

    /// Make pictures smaller first, to at most N pixels on the longer side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_size: Option<u32>,

    /// The format of the results in a folder: jpg, png, webp, bmp, tiff [default: each input's own]
    #[arg(long, value_name = "FORMAT", value_parser = extension)]
    pub format: Option<String>,

    /// The quality of jpg results, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 92, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,

    /// Replace results that are there already; without this or --skip-existing they are an error
    #[arg(long, conflicts_with = "skip_existing")]
    pub overwrite: bool,

    /// Leave out pictures whose results are there already
    #[arg(long)]
    pub skip_existing: bool,

    /// Compute in tiles: auto (where the whole picture would take too much memory), off, or the tiles' side in pixels
    #[arg(long, value_name = "auto|N|off", default_value = "auto")]
    pub tile: TileSize,

    /// The numbers that a model without a card takes and gives: 0..1, 0..255 or -1..1 [default: what its metadata says, or 0..1]
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub range: Option<Range>,

    /// The model takes and gives blue first
    #[arg(long)]
    pub bgr: bool,

    /// Print what was done as JSON on stdout, an object a line; see below
    #[arg(long)]
    pub json: bool,

    /// Say what works on this machine: ONNX Runtime, devices, the models and their speed (with -m, that one too)
    #[arg(long, conflicts_with_all = ["inputs", "output"])]
    pub doctor: bool,

    /// How to run the model
    #[command(flatten)]
    pub engine: EngineArgs,
}

fn strength(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 1".to_string())
}

fn extension(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('.').to_ascii_lowercase();
    let known = picture_format(&PathBuf::from(format!("a.{name}"))).is_ok();
    known.then_some(name).ok_or_else(|| "expected jpg, png, webp, bmp or tiff".to_string())
}

/// How large the tiles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileSize {
    /// As memory asks for.
    Auto,
    /// The whole picture at once.
    Off,
    /// So many pixels a side, the halo not counted.
    Pixels(usize),
}

impl FromStr for TileSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .ok()
                .filter(|size| (SMALLEST..=1 << 20).contains(size))
                .map(Self::Pixels)
                .ok_or_else(|| format!("expected auto, off or a number of pixels from {SMALLEST}")),
        }
    }
}

/// What happens to results that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing is done at all.
    Refuse,
    /// They are replaced.
    Overwrite,
    /// Their pictures are left out.
    Skip,
}

/// What is to be done, with every default filled in.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pictures and folders.
    pub inputs: Vec<PathBuf>,
    /// The model's file or name.
    pub model: PathBuf,
    /// Where the results go.
    pub output: Output,
    /// How much of the style, and whose colours.
    pub look: Look,
    /// The longest side.
    pub max_size: Option<u32>,
    /// The extension of all results in a folder.
    pub format: Option<String>,
    /// Of jpg results.
    pub quality: u8,
    /// What happens to results that are there already.
    pub existing: Existing,
    /// How large the tiles are.
    pub tile: TileSize,
    /// The numbers of a model that does not tell.
    pub range: Option<Range>,
    /// Whether such a model has blue first.
    pub bgr: bool,
    /// Whether to report on stdout.
    pub json: bool,
    /// How the model is run.
    pub options: Options,
}

impl Plan {
    /// Fails on flags that do not go together; that is misuse.
    pub fn from_args(args: &Args) -> Result<Self, String> {
        let (Some(model), Some(path)) = (&args.model, &args.output) else {
            return Err("a model (-m) and a place for the results (-o) are needed".into());
        };
        let output = if path.is_dir() { Output::Folder(path.clone()) } else { Output::from_path(path)? };
        if let Output::Picture(path, own) = &output {
            if args.inputs.len() > 1 {
                return Err(format!("{} names one picture, and there are several; give a folder", path.display()));
            }
            if args.format.as_deref().is_some_and(|format| ImageFormat::from_extension(format) != Some(*own)) {
                return Err(format!("--format is not what {} ends in; leave it away", path.display()));
            }
        }
        Ok(Self {
            inputs: args.inputs.clone(),
            model: model.clone(),
            output,
            look: Look { strength: args.strength, keep_color: args.keep_color },
            max_size: args.max_size,
            format: args.format.clone(),
            quality: args.quality,
            existing: match (args.overwrite, args.skip_existing) {
                (true, _) => Existing::Overwrite,
                (_, true) => Existing::Skip,
                _ => Existing::Refuse,
            },
            tile: args.tile,
            range: args.range,
            bgr: args.bgr,
            json: args.json,
            options: args.engine.options(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn plan(flags: &str) -> Result<Plan, String> {
        let words = ["stylize", "-m", "m.onnx"].into_iter().chain(flags.split_whitespace());
        Plan::from_args(&Args::try_parse_from(words).map_err(|error| error.to_string())?)
    }

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_are_settled() {
        let settled = plan("a.jpg -o b.png").unwrap();
        assert_eq!((settled.tile, settled.existing, settled.look), (TileSize::Auto, Existing::Refuse, Look::default()));
        let settled = plan("a.jpg b.jpg -o out --tile 101 --range -1..1 --skip-existing --format JPEG").unwrap();
        assert_eq!((settled.tile, settled.range), (TileSize::Pixels(101), Some(Range::Signed)));
        assert_eq!((settled.existing, settled.format.as_deref()), (Existing::Skip, Some("jpeg")));
        assert!(plan("a.png -o b.jpg --format jpeg").is_ok());
        assert!(Args::try_parse_from(["stylize", "--doctor"]).is_ok());
    }

    #[test]
    fn misuse_is_refused() {
        for flags in [
            "-o b.png",
            "a.jpg",
            "a.jpg b.jpg -o c.png",
            "a.jpg -o b.gif",
            "a.jpg -o b.png --format jpg",
            "a.jpg -o out --format gif",
            "a.jpg -o b.png --strength 1.1",
            "a.jpg -o b.png --strength nan",
            "a.jpg -o b.png --tile 15",
            "a.jpg -o b.png --tile on",
            "a.jpg -o b.png --range 0..2",
            "a.jpg -o b.png --quality 0",
            "a.jpg -o b.png --max-size 0",
            "a.jpg -o b.png --overwrite --skip-existing",
            "a.jpg --doctor",
        ] {
            assert!(plan(flags).is_err(), "{flags}");
        }
    }
}
