//! The command line of `stylize`.

use std::path::PathBuf;

use clap::Parser;
use easel_pictures::{Compression, picture_format};
use easel_runtime::stylizer::Range;

use super::memory;
use super::plan::{Shard, StatisticsOf, TileSize};
use crate::cli::EngineArgs;

const USAGE: &str = "stylize INPUT... -m MODEL... -o OUT [OPTIONS]\n       stylize --doctor [-m MODEL]";

const EXAMPLES: &str = "\
Examples:
  stylize photo.jpg -m wave -o photo-wave.jpg            one picture, a shipped style
  stylize photos/ -m wave.onnx -o styled/ --max-size 1600
                                                         a folder and all below it, made smaller
  stylize *.png -m wave -o out --strength 0.6 --keep-color --format jpg --skip-existing
  stylize 'trip/**/*.jpg' -m wave -m scream -o out       a folder for each model: out/wave, out/scream
  stylize a.jpg -m wave -m scream --blend 2,1 -o b.jpg   two thirds of the one, a third of the other
  stylize photos -m wave -o out --skip-existing --shard 3/8
                                                         the third of eight jobs; run again, it goes on
  curl .. | stylize - -m wave -o - --format png | ..     a picture from standard input to standard output
  stylize film.mp4 -m wave -o out.mp4 --steady           a film, with its sound
  stylize a.jpg -m other.onnx --range 0..255 -o b.jpg    somebody else's model
  stylize --doctor                                       what works on this machine

Results have 8 bits a channel, and are RGB. A result keeps its picture's name, size,
transparency (jpg has none: white), colour profile (bmp and gif have none: sRGB) and
EXIF (jpg, png, webp, tiff), but for thumbnails and makers' notes. XMP and IPTC are
dropped. A camera's orientation is applied. CMYK, and grey with a profile, become sRGB.

Animations (gif, webp, png) stay animations, with their times and loops. A gif has 256
colours, the same in all frames. webp results are lossless.

A picture that would take more than 2 GB of memory (or --memory) is computed in
tiles that share the statistics of a smaller copy, so no edges show. With --memory
the program takes no more, and small pictures take up to an eighth longer.

A film (mp4, m4v, mov, mkv, webm, avi) goes through ffmpeg, which must be installed,
and becomes one film: H.264, or VP9 in webm, at a constant rate and in even sizes (an
odd column or row is cut off), with the sound, the subtitles that its kind of file
can hold, and the metadata. Its flicker is told: how much it changes from frame to
frame where the film itself hardly does, along its motion, in levels of 255. --steady
averages the model's statistics over half a second, and blends each frame with the
one before where the film is like itself.

Pictures are read, computed and written at the same time, each by a thread of its
own. A result has its name once it is whole, so after an interruption the same
command with --skip-existing goes on. A full disk ends the program; one bad file
does not.

--json prints an object a line on stdout, one for each result: those that cannot be
made and those that are there already, then the others in the inputs' order:
  input, output, status (done, skipped, failed, left), width, height, frames, tiles,
  memory, ms, error
where width to ms are there when it is done (frames: of an animation; tiles: of each
frame; memory: what it was expected to take at most, in bytes, the program included;
ms: what the model took), and error when it failed; a film has fps and flicker too
({result, film, share}, share: of the film that hardly changes), but no memory, and ms
is all that it took; then
  {\"summary\": {done, skipped, failed, ms, idle_ms, models, engine}}
where idle_ms is how long no model ran between the first and the last picture; or,
where an error stops all before the first, {\"summary\": {done, ms, error}}

Exit status: 0 done, 1 failed (also where any picture could not be done), 2 misuse.";

/// Brings pictures into the style of a model
#[derive(Debug, Clone, Parser)]
#[command(name = "stylize", version, override_usage = USAGE, after_help = EXAMPLES)]
pub struct Args {
    /// Pictures (jpg, png, webp, bmp, tiff, gif; told by content), and folders, of which all files with such a name's end
    /// are taken, at any depth; patterns of them (*, ?, [a-z], and ** for any folders); - for standard input; or one film
    #[arg(required_unless_present = "doctor", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    /// The model: a file, or the name of a model in the folder `models`. Besides those of export-onnx, any ONNX model
    /// with one float32 picture [1, 3, height, width] in and one out. May be repeated: then each model's results go into a
    /// folder of its name, unless they are blended
    #[arg(short, long = "model", required_unless_present = "doctor", value_name = "MODEL")]
    pub models: Vec<PathBuf>,

    /// Make one result of all models, which have these shares of it: a number for each -m
    #[arg(long, value_name = "SHARES", value_delimiter = ',', value_parser = blend_share)]
    pub blend: Option<Vec<f32>>,

    /// Where the results go: for one input a picture (jpg, png, webp, gif, bmp, tiff), for a film a film, or else a
    /// folder; what lies in folders goes into folders of the same names there; - for standard output
    #[arg(short, long, required_unless_present = "doctor", value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// How much of the style: 0 is the picture itself, 1 the style alone
    #[arg(long, value_name = "0..1", default_value_t = 1.0, value_parser = strength)]
    pub strength: f32,

    /// Keep the picture's colours; only light and dark are the style's
    #[arg(long, visible_alias = "keep-colour")]
    pub keep_color: bool,

    /// Make a film's result hold still where the film does
    #[arg(long)]
    pub steady: bool,

    /// Make pictures smaller first, to at most N pixels on the longer side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_size: Option<u32>,

    /// The format of the results in a folder or on standard output: jpg, png, webp, gif, bmp, tiff [default: each input's own]
    #[arg(long, value_name = "FORMAT", value_parser = extension)]
    pub format: Option<String>,

    /// The quality of jpg results and films, 1 to 100 (of films: H.264's CRF 18 at 92, 3 more for 8 less)
    #[arg(long, value_name = "N", default_value_t = 92, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,

    /// How hard png results are packed
    #[arg(long, value_name = "HOW", default_value = "fast", value_enum)]
    pub compression: Compression,

    /// Keep no metadata (EXIF: camera, time, place) but the colour profile
    #[arg(long)]
    pub strip: bool,

    /// Replace results that are there already; without this or --skip-existing they are an error
    #[arg(long, conflicts_with = "skip_existing")]
    pub overwrite: bool,

    /// Leave out pictures whose results are there already
    #[arg(long)]
    pub skip_existing: bool,

    /// Do the i-th of n shares of the pictures, for several machines or jobs on one list: 1/8, 2/8, .. 8/8
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Compute in tiles: auto (where the whole picture would take too much memory), off, or the tiles' side in pixels
    #[arg(long, value_name = "auto|N|off", default_value = "auto")]
    pub tile: TileSize,

    /// What tiles share the statistics of: thumbnail (a smaller copy; some levels of 255 off), or exact (the picture
    /// itself: as if it were computed whole, in two to three times the time)
    #[arg(long, value_name = "thumbnail|exact", default_value = "thumbnail")]
    pub statistics: StatisticsOf,

    /// The memory that the program may take, as 2GB or 1500MB; a picture that needs more is an error [default: 2 GB for a
    /// picture alone, more where it has no smaller tiles; half of what is free for several]
    #[arg(long, value_name = "SIZE", value_parser = memory::size)]
    pub memory: Option<usize>,

    /// The numbers that a model without a card takes and gives: 0..1, 0..255, -1..1, or imagenet (0..1 less its channel
    /// means, by its deviations) [default: what its metadata says, or 0..1]
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub range: Option<Range>,

    /// The numbers that it gives, where they are others than it takes
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub output_range: Option<Range>,

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

fn blend_share(text: &str) -> Result<f32, String> {
    let number = text.trim().parse().ok().filter(|number: &f32| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected numbers from 0, as 2,1".to_string())
}

fn extension(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('.').to_ascii_lowercase();
    let known = picture_format(&PathBuf::from(format!("a.{name}"))).is_ok();
    known.then_some(name).ok_or_else(|| "expected jpg, png, webp, gif, bmp or tiff".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["stylize", "--doctor"]).is_ok());
    }
}
