//! What a command line of `stylize` comes down to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use easel_pictures::Quality;
use easel_runtime::stylizer::Look;
use easel_runtime::stylizer::tiles::SMALLEST;
use image::ImageFormat;

use super::film::{self, Container};
use super::{Args, Numbers, Settings};
use crate::Options;
use crate::output::Output;

/// Standard input as a picture, standard output as a place.
const STANDARD: &str = "-";

/// Whether a path means standard input or output.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
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

/// Where the statistics of tiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticsOf {
    /// A smaller copy of the picture.
    Thumbnail,
    /// The picture itself.
    Picture,
}

impl FromStr for StatisticsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "thumbnail" => Ok(Self::Thumbnail),
            "exact" => Ok(Self::Picture),
            _ => Err("expected thumbnail or exact".into()),
        }
    }
}

/// A share of the pictures: every `of`-th, beginning with number `index` (from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err("expected I/N with I from 1 to N, as 3/8".into()),
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

/// Where the results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one result goes to standard output.
    Standard,
    /// A picture or a folder.
    Place(Output),
    /// The one input is a film, and this is its result.
    Film(PathBuf),
}

impl Target {
    /// The place in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Standard => "standard output".into(),
            Self::Place(output) => output.path().display().to_string(),
            Self::Film(path) => path.display().to_string(),
        }
    }
}

/// A model and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// The model's file or name.
    pub model: PathBuf,
    /// The folder of its results, where there are several models: the file's name without its ending.
    pub name: PathBuf,
}

impl Style {
    fn new(model: &Path) -> Self {
        let name = match model.file_stem() {
            // A model may lie in a folder that is named after it.
            Some(stem) if stem == OsStr::new("model") => model.parent().and_then(Path::file_name).unwrap_or(stem),
            Some(stem) => stem,
            None => model.as_os_str(),
        };
        Self { model: model.to_owned(), name: name.into() }
    }
}

/// What is to be done, with every default filled in.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pictures, folders and patterns.
    pub inputs: Vec<PathBuf>,
    /// The models, at least one.
    pub styles: Vec<Style>,
    /// Each model's part of the one result, together 1. Without it every model has results of its own.
    pub blend: Option<Vec<f32>>,
    /// Where the results go.
    pub target: Target,
    /// How much of the style, and whose colours.
    pub look: Look,
    /// Whether a film's result is made to hold still where the film does.
    pub steady: bool,
    /// The longest side.
    pub max_size: Option<u32>,
    /// The format of all results without a name of their own, by its extension.
    pub format: Option<String>,
    /// How results are stored.
    pub quality: Quality,
    /// Whether results have no metadata but the colour profile.
    pub strip: bool,
    /// What happens to results that are there already.
    pub existing: Existing,
    /// The share of the pictures.
    pub shard: Option<Shard>,
    /// How pictures are tiled.
    pub tiles: Settings,
    /// The numbers of a model that does not tell.
    pub numbers: Numbers,
    /// Whether to report on stdout.
    pub json: bool,
    /// How the models are run.
    pub options: Options,
}

impl Plan {
    /// Fails on flags that do not go together; that is misuse.
    pub fn from_args(args: &Args) -> Result<Self, String> {
        let (false, Some(path)) = (args.models.is_empty(), &args.output) else {
            return Err("a model (-m) and a place for the results (-o) are needed".into());
        };
        if args.inputs.iter().filter(|input| is_standard(input)).count() > 1 {
            return Err("standard input (-) is there once".into());
        }
        let styles: Vec<Style> = args.models.iter().map(|model| Style::new(model)).collect();
        let blend = args.blend.as_deref().map(|shares| normalised(shares, styles.len())).transpose()?;
        let separate = styles.len() > 1 && blend.is_none();
        Ok(Self {
            inputs: args.inputs.clone(),
            target: target(path, args, separate.then_some(&styles))?,
            styles,
            blend,
            look: Look { strength: args.strength, keep_color: args.keep_color },
            steady: args.steady,
            max_size: args.max_size,
            format: args.format.clone(),
            quality: Quality { jpeg: args.quality, png: args.compression },
            strip: args.strip,
            existing: match (args.overwrite, args.skip_existing) {
                (true, _) => Existing::Overwrite,
                (_, true) => Existing::Skip,
                _ => Existing::Refuse,
            },
            shard: args.shard,
            tiles: Settings { tile: args.tile, statistics: args.statistics, memory: args.memory },
            numbers: Numbers { range: args.range, output_range: args.output_range, bgr: args.bgr },
            json: args.json,
            options: args.engine.options(),
        })
    }

    /// Whether each model has results of its own, in a folder of its own.
    pub fn is_separate(&self) -> bool {
        self.styles.len() > 1 && self.blend.is_none()
    }
}

/// The shares of a blend, together 1.
fn normalised(shares: &[f32], models: usize) -> Result<Vec<f32>, String> {
    if shares.len() != models {
        return Err(format!("--blend has {} shares for {models} models; it takes one for each -m", shares.len()));
    }
    let sum: f32 = shares.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return Err("--blend: the shares must be more than 0 together".into());
    }
    Ok(shares.iter().map(|share| share / sum).collect())
}

/// Where the results go; `separate` are the models that each have a folder.
fn target(path: &Path, args: &Args, separate: Option<&Vec<Style>>) -> Result<Target, String> {
    if let Some(styles) = separate
        && let Some(twice) = (1..styles.len()).find(|&at| styles[..at].iter().any(|one| one.name == styles[at].name))
    {
        let name = styles[twice].name.display();
        return Err(format!("two models are called {name}, and so would be their folders; rename one"));
    }
    if let Some(film) = film_target(path, args, separate.is_some())? {
        return Ok(film);
    }
    if is_standard(path) {
        return match (separate, &args.inputs[..], args.json) {
            (None, [input], false) if !input.is_dir() => Ok(Target::Standard),
            (_, _, true) => Err("standard output is taken by the result (-o -); leave --json away".into()),
            _ => Err("standard output (-o -) takes one result, and there may be several; give a folder".into()),
        };
    }
    let output = if path.is_dir() { Output::Folder(path.to_owned()) } else { Output::from_path(path)? };
    if let Output::Picture(path, own) = &output {
        let several = match (args.inputs.len(), separate) {
            (2.., _) => Some("there are several"),
            (_, Some(_)) => Some("each model makes one (--blend makes one of all)"),
            _ => None,
        };
        if let Some(several) = several {
            return Err(format!("{} names one picture, and {several}; give a folder", path.display()));
        }
        if args.format.as_deref().is_some_and(|format| ImageFormat::from_extension(format) != Some(*own)) {
            return Err(format!("--format is not what {} ends in; leave it away", path.display()));
        }
    }
    Ok(Target::Place(output))
}

/// Where a film's result goes; none where no film is named.
fn film_target(path: &Path, args: &Args, separate: bool) -> Result<Option<Target>, String> {
    let is_film = |path: &Path| Container::of(path).is_some() && !path.is_dir();
    let Some(film) = args.inputs.iter().find(|input| is_film(input)) else {
        return match (is_film(path), args.steady) {
            (true, _) => Err(format!("{} names a film, and what goes in is none ({})", path.display(), film::NAMES)),
            (_, true) => Err("--steady is for films; leave it away".into()),
            _ => Ok(None),
        };
    };
    let film = film.display();
    if args.inputs.len() > 1 {
        return Err(format!("{film} is a film; films go one by one, without other inputs"));
    }
    if !is_film(path) {
        return Err(format!("{film} is a film, and so is its result; end the name of -o in {}", film::NAMES));
    }
    if separate {
        return Err(format!("{film}: a film has one result; run it for each model, or --blend them"));
    }
    for (given, flag) in [(args.format.is_some(), "--format"), (args.shard.is_some(), "--shard")] {
        if given {
            return Err(format!("{flag} is for pictures, and {film} is a film; leave it away"));
        }
    }
    Ok(Some(Target::Film(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use easel_runtime::stylizer::Range;

    fn plan(flags: &str) -> Result<Plan, String> {
        let words = ["stylize", "-m", "m.onnx"].into_iter().chain(flags.split_whitespace());
        Plan::from_args(&Args::try_parse_from(words).map_err(|error| error.to_string())?)
    }

    #[test]
    fn flags_are_settled() {
        let settled = plan("a.jpg -o b.png").unwrap();
        assert_eq!(
            (settled.tiles.tile, settled.existing, settled.look),
            (TileSize::Auto, Existing::Refuse, Look::default())
        );
        let settled = plan("a.jpg b.jpg -o out --tile 101 --range -1..1 --skip-existing --format JPEG").unwrap();
        assert_eq!((settled.tiles.tile, settled.numbers.range), (TileSize::Pixels(101), Some(Range::Signed)));
        assert_eq!((settled.existing, settled.format.as_deref()), (Existing::Skip, Some("jpeg")));
        assert!(plan("a.png -o b.jpg --format jpeg").is_ok());
        assert_eq!(plan("- -o -").unwrap().target, Target::Standard);
        assert_eq!(plan("a.mp4 -o b.MKV --steady").unwrap().target, Target::Film("b.MKV".into()));
        assert_eq!(plan("a -o b --shard 3/8").unwrap().shard, Some(Shard { index: 2, of: 8 }));
    }

    #[test]
    fn models_have_shares_or_folders() {
        let blended = plan("a.png -m n.onnx -o b.png --blend 3,1").unwrap();
        assert_eq!((blended.blend.as_deref(), blended.is_separate()), (Some(&[0.75, 0.25][..]), false));
        let separate = plan("a.png -m styles/night/model.onnx -o out").unwrap();
        let names: Vec<_> = separate.styles.iter().map(|style| style.name.to_str().unwrap()).collect();
        assert_eq!((names, separate.is_separate()), (vec!["m", "night"], true));
    }

    #[test]
    fn misuse_is_refused() {
        for flags in [
            "-o b.png",
            "a.jpg",
            "a.jpg b.jpg -o c.png",
            "a.jpg -o b.ico",
            "a.jpg -o b.png --format jpg",
            "a.jpg -o out --format ico",
            "a.jpg -o b.png --compression none",
            "a.jpg -o b.png --strength 1.1",
            "a.jpg -o b.png --strength nan",
            "a.jpg -o b.png --tile 15",
            "a.jpg -o b.png --tile on",
            "a.jpg -o b.png --memory 0",
            "a.jpg -o b.png --statistics none",
            "a.jpg -o b.png --range 0..2",
            "a.jpg -o b.png --quality 0",
            "a.jpg -o b.png --max-size 0",
            "a.jpg -o b.png --overwrite --skip-existing",
            "a.jpg --doctor",
            "- - -o out",
            "a.jpg b.jpg -o -",
            "a.jpg -o - --json",
            "a.jpg -o - -m n.onnx",
            "a.jpg -o b.png -m n.onnx",
            "a.jpg -o out -m other/m.onnx",
            "a.jpg -o b.png --blend 1,1",
            "a.jpg -o b.png -m n.onnx --blend 1",
            "a.jpg -o b.png -m n.onnx --blend 0,0",
            "a.jpg -o b.png -m n.onnx --blend 1,-1",
            "a.jpg -o out --shard 0/3",
            "a.jpg -o out --shard 4/3",
            "a.jpg -o out --shard 3",
            "a.jpg -o b.mp4",
            "a.mp4 -o b.jpg",
            "a.mp4 -o out",
            "a.mp4 -o -",
            "a.mp4 b.mp4 -o c.mp4",
            "a.mp4 -m n.onnx -o b.mp4",
            "a.mp4 -o b.mp4 --shard 1/2",
            "a.mp4 -o b.mp4 --format png",
            "a.jpg -o b.png --steady",
        ] {
            assert!(plan(flags).is_err(), "{flags}");
        }
    }
}
