//! The command line of `stylize`.

use std::path::{Path, PathBuf};

use clap::Parser;
use easel_pictures::{Compression, picture_format};
use easel_runtime::stylizer::Range;

use super::options::{Shard, StatisticsSource, TileSize, parse_bytes};
use crate::cli::{Auto, EngineArgs};

const USAGE: &str = "stylize INPUT... -m MODEL... -o OUT [OPTIONS]\n       stylize --doctor [-m MODEL]";

const EXAMPLES: &str = "\
Examples:
  stylize photo.jpg -m wave -o photo-wave.jpg            one picture, a shipped style
  stylize photos/ -m wave.onnx -o styled/ --max-size 1600
                                                         a folder and all folders in it, downscaled
  stylize *.png -m wave -o out --strength 0.6 --keep-color --format jpg --skip-existing
  stylize 'trip/**/*.jpg' -m wave -m scream -o out       a folder for each model: out/wave, out/scream
  stylize a.jpg -m wave -m scream --blend 2,1 -o b.jpg   two thirds wave, one third scream
  stylize photos -m wave -o out --skip-existing --shard 3/8
                                                         the third of eight jobs; run it again to resume
  curl .. | stylize - -m wave -o - --format png | ..     from standard input to standard output
  stylize video.mp4 -m wave -o out.mp4 --steady          a video, with its sound
  stylize a.jpg -m other.onnx --range 0..255 -o b.jpg    a model from elsewhere
  stylize --doctor                                       checks this machine

Results are RGB with 8 bits a channel. A result keeps its picture's name, size,
transparency (jpg: laid on white), colour profile (bmp and gif: converted to sRGB)
and EXIF (jpg, png, webp, tiff) except thumbnails and maker notes. XMP and IPTC are
dropped. The camera's orientation is applied. CMYK, grey with a profile, and pictures
whose colour space is told by numbers (a png's cICP or gAMA, an HDR avif) become
sRGB. avif and jxl are read, and their results are png without --format.

Animations (gif, webp, png) stay animations and keep their timing and loop count. A
gif gets one palette of 256 colours for all frames. webp results are lossless.

A picture that would take more than 2 GB of memory (or --memory) is computed in
tiles that share the statistics of a thumbnail, so no seams show. With --memory the
program stays within that limit, and small pictures take up to an eighth longer.

Videos (mp4, m4v, mov, mkv, webm, avi) are read and written by ffmpeg, which must be
installed. The result is H.264, or VP9 in webm, at a constant frame rate and an even
size (an odd column or row is cropped), with the sound, the metadata, and the
subtitles that its container supports. Flicker is reported: how much the result
changes from frame to frame, along the motion, where the video itself hardly
changes, in levels of 255. --steady averages the model's statistics over half a
second and blends each frame with the one before where the video hardly changes.

Pictures are read, computed and written at the same time, in separate threads. A
result appears under its name only when it is complete, so an interrupted run
resumes if the same command is run with --skip-existing. Results that exist are an
error without that and without --overwrite. A full disk ends the program; a bad file
does not.

--json prints one object per line on stdout for each result: first those that fail
before any work and those that are skipped, then the others in input order:
  input, output, status (done, skipped, failed, left, left_out), width, height,
  frames, tiles, memory, ms, error, reason
A result that is done has width to ms (frames: of an animation; tiles: per frame;
memory: the estimated peak of the whole program in bytes; ms: the model's time), and
one that failed has error. A file in a folder that is not a picture that can be read
is left_out, and has reason. A video has no memory, its ms is the whole time, and it
also has fps, notes (what it lacks, or was converted) and flicker ({result, video,
share}; share: the part of the video that hardly changes). The last line, after an
error and Ctrl-C too, is
  {\"summary\": {done, skipped, failed, left, left_out, ms, idle_ms, models, engine,
  engine_name, error}}
where left_out counts each kind of file ({\"camera raw\": 2}), idle_ms is how long no
model ran between the first and the last picture or frame, engine_name is easel or
onnxruntime, and error is null, or what ended the run early. With --doctor each line has
  check, status (ok, no, none, other, missing, fails), about
and the last one is {\"summary\": {error}}.

Exit status: 0 success, 1 failure (of any picture), 2 misuse, 130 interrupted.";

/// Applies the style of a model to pictures and videos
#[derive(Debug, Clone, Parser)]
#[command(name = "stylize", version, override_usage = USAGE, after_help = EXAMPLES)]
pub struct Args {
    /// Pictures (jpg, png, webp, bmp, tiff, gif, avif, jxl; told by content); folders, whose pictures are
    /// taken at any depth; glob patterns (*, ?, [a-z], and ** for any folders); - for standard input; or one video
    #[arg(required_unless_present = "doctor", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    /// The model: a file, or the name of a model in the folder `models`. Models from elsewhere turn one
    /// picture of RGB into one, in floats or bytes, and may enlarge it. With several -m, each model's results go into a folder of its name, or see --blend
    #[arg(short, long = "model", required_unless_present = "doctor", value_name = "MODEL")]
    pub models: Vec<PathBuf>,

    /// Make one result, the weighted mean of all models' results: a weight for each -m
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',', value_parser = blend_weight)]
    pub blend: Option<Vec<f32>>,

    /// The output: a picture for one input (jpg, png, webp, gif, bmp, tiff), a video for a video, or a folder, in which
    /// input folders keep their structure; - for standard output
    #[arg(short, long, required_unless_present = "doctor", value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// How much style: 0 is the picture itself, 1 is all style
    #[arg(long, value_name = "0..1", default_value_t = 1.0, value_parser = strength)]
    pub strength: f32,

    /// Keep the picture's colours; take only the brightness from the style
    #[arg(long, visible_alias = "keep-colour")]
    pub keep_color: bool,

    /// Reduce a video's flicker
    #[arg(long)]
    pub steady: bool,

    /// Downscale pictures first, to at most N pixels on the longer side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_size: Option<u32>,

    /// The format of results in a folder or on standard output: jpg, png, webp, gif, bmp, tiff; auto: each input's own
    #[arg(long, value_name = "auto|FORMAT", default_value = "auto", value_parser = auto_format)]
    pub format: Auto<String>,

    /// The quality of jpg results and videos, 1 to 100 (of videos: 92 is H.264's CRF 18, and 8 less is a CRF of 3 more)
    #[arg(long, value_name = "N", default_value_t = 92, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,

    /// How hard to compress png results
    #[arg(long, value_name = "LEVEL", default_value = "fast", value_enum)]
    pub compression: Compression,

    /// Drop the metadata (EXIF: camera, time, place) except the colour profile and the print resolution
    #[arg(long)]
    pub strip: bool,

    /// Replace results that exist
    #[arg(long, conflicts_with = "skip_existing")]
    pub overwrite: bool,

    /// Skip pictures whose results exist
    #[arg(long)]
    pub skip_existing: bool,

    /// Do the I-th of N equal parts of the pictures, to split a list among machines or jobs: 1/8, 2/8, .. 8/8
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Compute in tiles: auto (if the whole picture would take too much memory), off, or the tiles' side in pixels
    #[arg(long, value_name = "auto|N|off", default_value = "auto")]
    pub tile: TileSize,

    /// Where the norm statistics of tiles come from: thumbnail (a smaller copy; a few levels of 255 off), or exact (the
    /// whole picture; takes two to three times as long)
    #[arg(long, value_name = "thumbnail|exact", default_value = "thumbnail")]
    pub statistics: StatisticsSource,

    /// The memory that the program may take, as 2GB or 1500MB; a picture that needs more is an error. auto: 2 GB for a
    /// single picture, or more if its tiles cannot be smaller, and half of the free memory for several
    #[arg(long, value_name = "auto|SIZE", default_value = "auto", value_parser = auto_bytes)]
    pub memory: Auto<usize>,

    /// The input range of a model without a card: 0..1, 0..255, -1..1, or imagenet (0..1, normalised by ImageNet's mean
    /// and standard deviation); auto: what the model's metadata says, or 0..1
    #[arg(long, value_name = "auto|RANGE", default_value = "auto", allow_hyphen_values = true)]
    pub range: Auto<Range>,

    /// The output range of a model without a card; auto: that of its input
    #[arg(long, value_name = "auto|RANGE", default_value = "auto", allow_hyphen_values = true)]
    pub output_range: Auto<Range>,

    /// The channels of a model without a card are in the order blue, green, red
    #[arg(long)]
    pub bgr: bool,

    /// Print JSON on stdout, one object per line; see below
    #[arg(long)]
    pub json: bool,

    /// Check this machine: engines, devices, the models and their speed (with -m, that one too)
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

fn blend_weight(text: &str) -> Result<f32, String> {
    let number = text.trim().parse().ok().filter(|number: &f32| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected numbers from 0, as 2,1".to_string())
}

fn auto_format(text: &str) -> Result<Auto<String>, String> {
    let name = text.trim_start_matches('.').to_ascii_lowercase();
    match name.as_str() {
        "auto" => Ok(Auto::Auto),
        _ if picture_format(Path::new(&format!("a.{name}"))).is_ok() => Ok(Auto::Value(name)),
        _ => Err("expected auto, jpg, png, webp, gif, bmp or tiff".to_string()),
    }
}

fn auto_bytes(text: &str) -> Result<Auto<usize>, String> {
    if text == "auto" { Ok(Auto::Auto) } else { parse_bytes(text).map(Auto::Value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["stylize", "--doctor"]).unwrap().doctor);
    }
}
