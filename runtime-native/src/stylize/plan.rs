//! The plan of `stylize`: the command line, checked and with every default filled in.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use easel_pictures::Quality;
use easel_runtime::stylizer::Compositing;
use image::ImageFormat;

use super::args::Args;
use super::options::{ExistingResults, IoOptions, Shard, TilingOptions, is_standard};
use super::video::container::{self, Container};
use crate::cli::{Auto, Misuse};
use crate::engine::EngineOptions;
use crate::output::Output;

/// Where the results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The only result goes to standard output.
    Standard,
    /// A picture or a folder.
    Pictures(Output),
    /// The only input is a video, and this is its result.
    Video(PathBuf),
}

impl Destination {
    /// Its path, or `standard output`.
    pub fn describe(&self) -> String {
        match self {
            Self::Standard => "standard output".into(),
            Self::Pictures(output) => output.path().display().to_string(),
            Self::Video(path) => path.display().to_string(),
        }
    }
}

/// A model and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// The model's file or name.
    pub model: PathBuf,
    /// The folder of its results if there are several models: the file's name without its extension.
    pub name: PathBuf,
}

impl Style {
    fn new(model: &Path) -> Self {
        let name = match model.file_stem() {
            // A model may be in a folder that is named after it.
            Some(stem) if stem == OsStr::new("model") => model.parent().and_then(Path::file_name).unwrap_or(stem),
            Some(stem) => stem,
            None => model.as_os_str(),
        };
        Self { model: model.to_owned(), name: name.into() }
    }
}

/// What to do.
#[derive(Debug, Clone)]
pub struct StylizePlan {
    /// The pictures, folders and patterns, or one video.
    pub inputs: Vec<PathBuf>,
    /// The models, at least one.
    pub styles: Vec<Style>,
    /// Each model's weight in the only result; their sum is 1. Without it every model has results of its own.
    pub blend: Option<Vec<f32>>,
    /// Where the results go.
    pub destination: Destination,
    /// How much of the style, and whose colours.
    pub compositing: Compositing,
    /// Whether to reduce a video's flicker.
    pub steady: bool,
    /// The longest side of results.
    pub max_size: Option<u32>,
    /// The extension that names the format of results in a folder or on standard output.
    pub format: Option<String>,
    /// How results are encoded.
    pub quality: Quality,
    /// Whether results have no metadata but the colour profile.
    pub strip: bool,
    /// What to do about results that exist.
    pub existing: ExistingResults,
    /// The shard of the pictures.
    pub shard: Option<Shard>,
    /// Memory and tiles.
    pub tiling: TilingOptions,
    /// The inputs and outputs of models without a card.
    pub io: IoOptions,
    /// Whether to report on stdout.
    pub json: bool,
    /// How the models are run.
    pub engine: EngineOptions,
}

impl StylizePlan {
    /// Fails on arguments that do not go together.
    pub fn from_args(args: &Args) -> Result<Self, Misuse> {
        let Some(path) = &args.output else {
            return Err(Misuse::new("--output", "an output (-o) is needed"));
        };
        if args.models.is_empty() {
            return Err(Misuse::new("--model", "a model (-m) is needed"));
        }
        if args.inputs.iter().filter(|input| is_standard(input)).count() > 1 {
            return Err(Misuse::new("INPUT", "standard input (-) can be named only once"));
        }
        let styles: Vec<Style> = args.models.iter().map(|model| Style::new(model)).collect();
        let blend = args.blend.as_deref().map(|weights| normalised(weights, styles.len())).transpose()?;
        let separate = styles.len() > 1 && blend.is_none();
        Ok(Self {
            inputs: args.inputs.clone(),
            destination: destination(path, args, separate.then_some(&styles))?,
            styles,
            blend,
            compositing: Compositing { strength: args.strength, keep_color: args.keep_color },
            steady: args.steady,
            max_size: args.max_size,
            format: args.format.clone().value(),
            quality: Quality { jpeg: args.quality, png: args.compression },
            strip: args.strip,
            existing: match (args.overwrite, args.skip_existing) {
                (true, _) => ExistingResults::Overwrite,
                (_, true) => ExistingResults::Skip,
                _ => ExistingResults::Refuse,
            },
            shard: args.shard,
            tiling: TilingOptions { tile: args.tile, statistics: args.statistics, memory: args.memory.value() },
            io: IoOptions { range: args.range.value(), output_range: args.output_range.value(), bgr: args.bgr },
            json: args.json,
            engine: args.engine.options()?,
        })
    }

    /// Whether each model has results of its own, in a folder of its own.
    pub fn is_separate(&self) -> bool {
        self.styles.len() > 1 && self.blend.is_none()
    }
}

/// The weights of a blend, whose sum is 1.
fn normalised(weights: &[f32], models: usize) -> Result<Vec<f32>, Misuse> {
    if weights.len() != models {
        let reason = format!("--blend has {} weights for {models} models; give one for each -m", weights.len());
        return Err(Misuse::new("--blend", reason));
    }
    let sum: f32 = weights.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(Misuse::new("--blend", "--blend: the sum of the weights must be more than 0"));
    }
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

/// Where the results go; `separate` are the models that each have a folder.
fn destination(path: &Path, args: &Args, separate: Option<&Vec<Style>>) -> Result<Destination, Misuse> {
    if let Some(styles) = separate
        && let Some(twice) = (1..styles.len()).find(|&at| styles[..at].iter().any(|one| one.name == styles[at].name))
    {
        let name = styles[twice].name.display();
        let reason = format!("two models are named {name}, so their results would share a folder; rename one");
        return Err(Misuse::new("--model", reason));
    }
    if let Some(video) = video_destination(path, args, separate.is_some())? {
        return Ok(video);
    }
    if is_standard(path) {
        return match (separate, &args.inputs[..], args.json) {
            (None, [input], false) if !input.is_dir() => Ok(Destination::Standard),
            (_, _, true) => Err(Misuse::new("--json", "standard output is taken by the result (-o -); remove --json")),
            _ => {
                let reason = "standard output (-o -) takes one result, and there may be several; give a folder";
                Err(Misuse::new("--output", reason))
            }
        };
    }
    let output = match path.is_dir() {
        true => Output::Folder(path.to_owned()),
        false => Output::from_path(path).map_err(|reason| Misuse::new("--output", reason))?,
    };
    if let Output::Picture(path, own) = &output {
        let several = match (args.inputs.len(), separate) {
            (2.., _) => Some("there are several"),
            (_, Some(_)) => Some("each model makes one (--blend makes one of all)"),
            _ => None,
        };
        let name = path.display();
        if let Some(several) = several {
            return Err(Misuse::new("--output", format!("{name} names one picture, and {several}; give a folder")));
        }
        let format = args.format.clone().value();
        if format.is_some_and(|format| ImageFormat::from_extension(format) != Some(*own)) {
            return Err(Misuse::new("--format", format!("--format differs from the extension of {name}; remove it")));
        }
    }
    Ok(Destination::Pictures(output))
}

/// Where a video's result goes; none if no video is named.
fn video_destination(path: &Path, args: &Args, separate: bool) -> Result<Option<Destination>, Misuse> {
    let is_video = |path: &Path| Container::of(path).is_some() && !path.is_dir();
    let names = container::NAMES;
    let Some(video) = args.inputs.iter().find(|input| is_video(input)) else {
        return match (is_video(path), args.steady) {
            (true, _) => {
                let reason = format!("{} names a video, but the input is not a video ({names})", path.display());
                Err(Misuse::new("--output", reason))
            }
            (_, true) => Err(Misuse::new("--steady", "--steady is for videos; remove it")),
            _ => Ok(None),
        };
    };
    let video = video.display();
    if args.inputs.len() > 1 {
        return Err(Misuse::new("INPUT", format!("{video} is a video; a video must be the only input")));
    }
    if !is_video(path) {
        let reason = format!("{video} is a video; the name of -o must end in {names}");
        return Err(Misuse::new("--output", reason));
    }
    if separate {
        let reason = format!("{video}: a video has one result; run it for each model, or --blend them");
        return Err(Misuse::new("--model", reason));
    }
    for (given, option) in [(args.format != Auto::Auto, "--format"), (args.shard.is_some(), "--shard")] {
        if given {
            let reason = format!("{option} is for pictures, and {video} is a video; remove it");
            return Err(Misuse::new(option, reason));
        }
    }
    Ok(Some(Destination::Video(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stylize::options::TileSize;
    use crate::test_support::{Refusal, refusal};
    use easel_runtime::stylizer::Range;

    fn plan(flags: &str) -> Result<StylizePlan, Refusal> {
        refusal(&format!("stylize -m m.onnx {flags}"), StylizePlan::from_args)
    }

    #[test]
    fn options_are_resolved() {
        let resolved = plan("a.jpg -o b.png").unwrap();
        assert_eq!(
            (resolved.tiling.tile, resolved.existing, resolved.compositing),
            (TileSize::Auto, ExistingResults::Refuse, Compositing::default())
        );
        let resolved = plan("a.jpg b.jpg -o out --tile 101 --range -1..1 --skip-existing --format JPEG").unwrap();
        assert_eq!((resolved.tiling.tile, resolved.io.range), (TileSize::Pixels(101), Some(Range::Signed)));
        assert_eq!((resolved.existing, resolved.format.as_deref()), (ExistingResults::Skip, Some("jpeg")));
        assert!(plan("a.png -o b.jpg --format jpeg").is_ok());
        assert_eq!(plan("- -o -").unwrap().destination, Destination::Standard);
        assert_eq!(plan("a.mp4 -o b.MKV --steady").unwrap().destination, Destination::Video("b.MKV".into()));
        assert_eq!(plan("a -o b --shard 3/8").unwrap().shard, Some(Shard { index: 2, of: 8 }));
        assert_eq!(plan("a -o b --memory 2GB").unwrap().tiling.memory, Some(2_000_000_000));
    }

    #[test]
    fn models_have_weights_or_folders() {
        let blended = plan("a.png -m n.onnx -o b.png --blend 3,1").unwrap();
        assert_eq!((blended.blend.as_deref(), blended.is_separate()), (Some(&[0.75, 0.25][..]), false));
        let separate = plan("a.png -m styles/night/model.onnx -o out").unwrap();
        let names: Vec<_> = separate.styles.iter().map(|style| style.name.to_str().unwrap()).collect();
        assert_eq!((names, separate.is_separate()), (vec!["m", "night"], true));
    }

    #[test]
    fn misuse_names_the_argument() {
        use clap::error::ErrorKind::{ArgumentConflict, InvalidValue, MissingRequiredArgument, ValueValidation};
        for (flags, kind, argument) in [
            ("-o b.png", MissingRequiredArgument, "INPUT"),
            ("a.jpg", MissingRequiredArgument, "--output"),
            ("a.jpg -o out --format ico", ValueValidation, "--format"),
            ("a.jpg -o b.png --compression none", InvalidValue, "--compression"),
            ("a.jpg -o b.png --strength 1.1", ValueValidation, "--strength"),
            ("a.jpg -o b.png --strength nan", ValueValidation, "--strength"),
            ("a.jpg -o b.png --tile 15", ValueValidation, "--tile"),
            ("a.jpg -o b.png --tile on", ValueValidation, "--tile"),
            ("a.jpg -o b.png --memory 0", ValueValidation, "--memory"),
            ("a.jpg -o b.png --statistics none", ValueValidation, "--statistics"),
            ("a.jpg -o b.png --range 0..2", ValueValidation, "--range"),
            ("a.jpg -o b.png --quality 0", ValueValidation, "--quality"),
            ("a.jpg -o b.png --max-size 0", ValueValidation, "--max-size"),
            ("a.jpg -o b.png --overwrite --skip-existing", ArgumentConflict, "--overwrite"),
            ("a.jpg --doctor", ArgumentConflict, "--doctor"),
            ("a.jpg -o b.png -m n.onnx --blend 1,-1", ValueValidation, "--blend"),
            ("a.jpg -o out --shard 0/3", ValueValidation, "--shard"),
            ("a.jpg -o out --shard 4/3", ValueValidation, "--shard"),
            ("a.jpg -o out --shard 3", ValueValidation, "--shard"),
        ] {
            let refused = plan(flags).unwrap_err();
            assert!(refused.is_clap(kind, argument), "{flags}: {refused:?}");
        }
        for (flags, argument) in [
            ("a.jpg b.jpg -o c.png", "--output"),
            ("a.jpg -o b.ico", "--output"),
            ("a.jpg -o b.png --format jpg", "--format"),
            ("- - -o out", "INPUT"),
            ("a.jpg b.jpg -o -", "--output"),
            ("a.jpg -o - --json", "--json"),
            ("a.jpg -o - -m n.onnx", "--output"),
            ("a.jpg -o b.png -m n.onnx", "--output"),
            ("a.jpg -o out -m other/m.onnx", "--model"),
            ("a.jpg -o b.png --blend 1,1", "--blend"),
            ("a.jpg -o b.png -m n.onnx --blend 1", "--blend"),
            ("a.jpg -o b.png -m n.onnx --blend 0,0", "--blend"),
            ("a.jpg -o b.mp4", "--output"),
            ("a.mp4 -o b.jpg", "--output"),
            ("a.mp4 -o out", "--output"),
            ("a.mp4 -o -", "--output"),
            ("a.mp4 b.mp4 -o c.mp4", "INPUT"),
            ("a.mp4 -m n.onnx -o b.mp4", "--model"),
            ("a.mp4 -o b.mp4 --shard 1/2", "--shard"),
            ("a.mp4 -o b.mp4 --format png", "--format"),
            ("a.jpg -o b.png --steady", "--steady"),
        ] {
            assert_eq!(plan(flags).unwrap_err(), Refusal::Misuse(argument), "{flags}");
        }
    }
}
