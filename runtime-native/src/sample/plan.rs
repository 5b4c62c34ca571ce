//! The plan of `sample`: the command line, checked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use easel_pictures::animation::AnimationFormat;
use easel_runtime::denoiser::Sampler;
use easel_runtime::grid::GridShape;
use image::ImageFormat;

use super::args::{ALL_CLASSES, Args, DEFAULT_SAMPLER};
use crate::cli::{Auto, Misuse};
use crate::engine::EngineOptions;
use crate::error::Result;
use crate::output::{Output, Prepared};

/// The frames of the longest walk: an hour at 25 per second.
const MOST_FRAMES: u64 = 90_000;

/// What to do, as far as it does not depend on the model.
#[derive(Debug, Clone)]
pub struct SamplePlan {
    /// The model's file or name.
    pub model: PathBuf,
    /// Which pictures.
    pub selection: Selection,
    /// The grid that they are arranged in; by default it depends on the model.
    pub grid: Option<GridShape>,
    /// What they become.
    pub target: Target,
    /// The options of a denoiser.
    pub denoiser: DenoiserOptions,
    /// Where the result goes.
    pub output: Destination,
    /// Whether to report on stdout.
    pub json: bool,
    /// The factor by which every picture is enlarged; by default animations of small pictures are.
    pub scale: Option<usize>,
    /// How many pictures are computed at once; by default as many as memory is sure to hold.
    pub batch: Option<usize>,
    /// How the model is run.
    pub engine: EngineOptions,
}

/// Where the result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Standard,
    /// A file, or a folder of files.
    Files(Output),
}

impl Destination {
    /// The path, or what standard output is called in messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Standard => Path::new("standard output"),
            Self::Files(output) => output.path(),
        }
    }

    /// Makes the folder where one is wanted and tries whether a file can be written there.
    pub fn prepare(&self) -> Result<Prepared> {
        match self {
            Self::Standard => Ok(Prepared::default()),
            Self::Files(output) => output.prepare(),
        }
    }
}

/// Which pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The first pictures of a seed.
    Seed {
        /// The seed.
        seed: u64,
        /// How many, of each class if there are classes; by default it depends on the model.
        count: Option<usize>,
    },
    /// The first picture of each seed.
    Seeds(Vec<u64>),
    /// A walk past the first picture of each seed.
    Walk {
        /// The seeds, at least two.
        seeds: Vec<u64>,
        /// Frames from one to the next.
        steps: usize,
        /// Whether it goes back to the first.
        closed: bool,
    },
}

/// What the pictures become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One picture.
    Picture(ImageFormat),
    /// A file each.
    Folder,
    /// An animation.
    Animation {
        /// Its format.
        format: AnimationFormat,
        /// Frames per second; by default it depends on what is shown.
        fps: Option<u32>,
    },
}

/// The options of a denoiser.
#[derive(Debug, Clone, PartialEq)]
pub struct DenoiserOptions {
    /// The classes, by names, numbers and ranges; none stands for all.
    pub classes: Vec<String>,
    /// The sampler.
    pub sampler: Sampler,
    /// How many steps it takes; by default it depends on the sampler.
    pub steps: Option<usize>,
    /// The guidance scale; by default it depends on the model.
    pub guidance: Option<f64>,
    /// Whether to animate the sampling.
    pub animate: bool,
}

impl Default for DenoiserOptions {
    fn default() -> Self {
        Self { classes: vec![], sampler: DEFAULT_SAMPLER, steps: None, guidance: None, animate: false }
    }
}

impl DenoiserOptions {
    /// The first option that is not at its default.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            (!self.classes.is_empty(), "--class"),
            (self.sampler != DEFAULT_SAMPLER, "--sampler"),
            (self.steps.is_some(), "--steps"),
            (self.guidance.is_some(), "--guidance"),
            (self.animate, "--animate"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, option)| option)
    }
}

impl SamplePlan {
    /// Fails on arguments that do not go together.
    pub fn from_args(args: &Args) -> Result<Self, Misuse> {
        let animated = args.animation.walk.is_some() || args.animation.animate;
        let selection = match args.animation.walk {
            Some(steps) => walk(args, steps)?,
            None => pictures(args)?,
        };
        let (output, target) = match (args.output == Path::new("-"), animated) {
            (true, _) => standard(args, animated)?,
            _ if args.format != Auto::Auto => {
                let reason = "--format is for standard output (-o -); the name of -o says the format of a file";
                return Err(Misuse::new("--format", reason));
            }
            (false, true) => animation(args).map(|(output, target)| (Destination::Files(output), target))?,
            (false, false) => still(args).map(|(output, target)| (Destination::Files(output), target))?,
        };
        if let (Selection::Seeds(seeds), Target::Folder, false) = (&selection, &target, animated) {
            let mut seen = HashSet::new();
            if let Some(twice) = seeds.iter().find(|&seed| !seen.insert(seed)) {
                let reason =
                    format!("--seeds names {twice} twice, and a folder has one picture of a seed; name it once");
                return Err(Misuse::new("--seeds", reason));
            }
        }
        Ok(Self {
            model: args.model.clone(),
            selection,
            grid: args.grid.value().map(GridShape::from),
            target,
            denoiser: denoiser_options(args)?,
            output,
            json: args.json,
            scale: args.scale.value().map(|scale| scale as usize),
            batch: args.batch.value().map(|batch| batch as usize),
            engine: args.engine.options()?,
        })
    }
}

fn pictures(args: &Args) -> Result<Selection, Misuse> {
    let room = args.grid.value().map(|grid| u64::from(grid.columns) * u64::from(grid.rows));
    let given = args.seeds.as_ref().map(|seeds| seeds.0.len() as u64).or(args.count.value().map(u64::from));
    if let (Some(count), Some(room)) = (given, room)
        && count > room
    {
        let option = if args.seeds.is_some() { "--seeds" } else { "-n" };
        let reason = format!("{count} pictures do not fit a grid of {room}; make it larger or {option} smaller");
        return Err(Misuse::new("--grid", reason));
    }
    Ok(match &args.seeds {
        Some(seeds) => Selection::Seeds(seeds.0.clone()),
        None => Selection::Seed { seed: args.seed, count: given.or(room).map(|count| count as usize) },
    })
}

fn walk(args: &Args, steps: u32) -> Result<Selection, Misuse> {
    let seeds = args.seeds.as_ref().map_or_else(Vec::new, |seeds| seeds.0.clone());
    if seeds.len() < 2 {
        return Err(Misuse::new("--seeds", "a walk goes from seed to seed; give --seeds at least two"));
    }
    let frames = seeds.len() as u64 * u64::from(steps);
    if frames > MOST_FRAMES {
        let reason =
            format!("a walk of {frames} frames is too long; give fewer seeds or frames, {MOST_FRAMES} at most");
        return Err(Misuse::new("--walk", reason));
    }
    Ok(Selection::Walk { seeds, steps: steps as usize, closed: !args.animation.one_way })
}

/// One picture, or an animation, on standard output.
fn standard(args: &Args, animated: bool) -> Result<(Destination, Target), Misuse> {
    if args.json {
        return Err(Misuse::new("--json", "standard output is taken by the result (-o -); remove --json"));
    }
    let (usual, fps) = (if animated { ImageFormat::Gif } else { ImageFormat::Png }, args.animation.fps.value());
    let target = match (args.format.value().unwrap_or(usual), animated) {
        (ImageFormat::Gif, true) => Target::Animation { format: AnimationFormat::Gif, fps },
        (ImageFormat::WebP, true) => Target::Animation { format: AnimationFormat::WebP, fps },
        (_, true) => return Err(Misuse::new("--format", "an animation is written as gif or webp")),
        (ImageFormat::Gif, false) => return Err(Misuse::new("--format", "gif is for animations; write png")),
        (format, false) => Target::Picture(format),
    };
    Ok((Destination::Standard, target))
}

fn still(args: &Args) -> Result<(Output, Target), Misuse> {
    let (path, name) = (&args.output, args.output.display());
    if AnimationFormat::from_path(path) == Some(AnimationFormat::Gif) {
        let advice = "add --seeds LIST --walk FRAMES, or --animate with a denoiser, or write png";
        return Err(Misuse::new("--output", format!("{name}: gif is for animations; {advice}")));
    }
    let output = Output::from_path(path).map_err(|reason| Misuse::new("--output", reason))?;
    let target = match &output {
        Output::Folder(_) if args.grid != Auto::Auto => {
            let reason =
                format!("--grid makes one picture, and {name} names a folder; end the name in .png, or remove --grid");
            return Err(Misuse::new("--grid", reason));
        }
        Output::Folder(_) => Target::Folder,
        Output::Picture(_, format) => Target::Picture(*format),
    };
    Ok((output, target))
}

fn animation(args: &Args) -> Result<(Output, Target), Misuse> {
    let (path, fps) = (&args.output, args.animation.fps.value());
    if let Some(format) = AnimationFormat::from_path(path) {
        return Ok((Output::Picture(path.clone(), format.picture_format()), Target::Animation { format, fps }));
    }
    let name = path.display();
    match Output::from_path(path) {
        Ok(Output::Folder(_)) if fps.is_some() => {
            let reason = format!(
                "--fps is for an animation, and {name} names a folder of frames; end the name in .gif or .webp"
            );
            Err(Misuse::new("--fps", reason))
        }
        Ok(folder @ Output::Folder(_)) => Ok((folder, Target::Folder)),
        _ => {
            let what = if args.animation.animate { "an animation" } else { "a walk" };
            let reason = format!("{name}: {what} is written as gif or webp, or as a folder of frames");
            Err(Misuse::new("--output", reason))
        }
    }
}

fn denoiser_options(args: &Args) -> Result<DenoiserOptions, Misuse> {
    let given = &args.denoiser;
    let sampler = match given.sampler {
        Sampler::Ddim { .. } => Sampler::Ddim { eta: given.eta },
        other if given.eta != 0.0 => {
            return Err(Misuse::new("--eta", format!("--eta is for --sampler ddim, not {other}; remove it")));
        }
        other => other,
    };
    Ok(DenoiserOptions {
        classes: if given.classes == [ALL_CLASSES] { vec![] } else { given.classes.clone() },
        sampler,
        steps: given.steps.value().map(|steps| steps as usize),
        guidance: given.guidance.value(),
        animate: args.animation.animate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Refusal, refusal};

    fn plan(flags: &str) -> Result<SamplePlan, Refusal> {
        refusal(&format!("sample -m m.onnx {flags}"), SamplePlan::from_args)
    }

    #[test]
    fn count_and_grid_determine_each_other() {
        let resolved = |flags| {
            let plan = plan(flags).unwrap();
            let count = match plan.selection {
                Selection::Seed { count, .. } => count,
                Selection::Seeds(seeds) => Some(seeds.len()),
                Selection::Walk { .. } => panic!("a walk"),
            };
            (count, plan.grid.map(|grid| (grid.columns, grid.rows)), plan.target == Target::Folder)
        };
        assert_eq!(resolved("-o a.png"), (None, None, false));
        assert_eq!(resolved("-o a.png -n 5"), (Some(5), None, false));
        assert_eq!(resolved("-o a.png --grid 5x2"), (Some(10), Some((5, 2)), false));
        assert_eq!(resolved("-o a.png -n 7 --grid 5x2 --batch 3"), (Some(7), Some((5, 2)), false));
        assert_eq!(resolved("-o folder -n 100"), (Some(100), None, true));
        assert_eq!(resolved("-o a.webp --seeds 1-5,9"), (Some(6), None, false));
        assert_eq!(resolved("-o a.png --seeds 1-5 --grid 7x1"), (Some(5), Some((7, 1)), false));
        assert_eq!(resolved("-o folder --seeds 4,9"), (Some(2), None, true));
    }

    #[test]
    fn the_extension_decides_what_a_walk_becomes() {
        let walk = |flags| {
            let plan = plan(flags).unwrap();
            let Selection::Walk { seeds, steps, closed } = plan.selection else { panic!("{flags}: not a walk") };
            (seeds, steps, closed, plan.target)
        };
        let gif = Target::Animation { format: AnimationFormat::Gif, fps: None };
        assert_eq!(walk("-o a.GIF --seeds 1-3 --walk 5"), (vec![1, 2, 3], 5, true, gif));
        let webp = Target::Animation { format: AnimationFormat::WebP, fps: Some(12) };
        assert_eq!(walk("-o a.webp --seeds 4,2 --walk 1 --fps 12 --one-way"), (vec![4, 2], 1, false, webp));
        assert_eq!(walk("-o - --seeds 1-2 --walk 3").3, Target::Animation { format: AnimationFormat::Gif, fps: None });
        assert_eq!(walk("-o frames --seeds 1,1 --walk 9"), (vec![1, 1], 9, true, Target::Folder));
    }

    #[test]
    fn a_denoiser_has_options_of_its_own() {
        let plain = plan("-o a.png -n 3 --seed 2").unwrap();
        assert_eq!((&plain.denoiser, plain.denoiser.first_given()), (&DenoiserOptions::default(), None));
        let asked = plan("-o a.png --class 3,7-9 --sampler ddim --eta 0.5 --steps 50 --guidance -1.5").unwrap();
        let expected = DenoiserOptions {
            classes: vec!["3".into(), "7-9".into()],
            sampler: Sampler::Ddim { eta: 0.5 },
            steps: Some(50),
            guidance: Some(-1.5),
            animate: false,
        };
        assert_eq!((asked.denoiser.first_given(), asked.denoiser), (Some("--class"), expected));
        let animated = plan("-o a.gif --animate --class 3 --grid 4x2 --fps 9").unwrap();
        assert_eq!(animated.target, Target::Animation { format: AnimationFormat::Gif, fps: Some(9) });
        assert_eq!(animated.selection, Selection::Seed { seed: 1, count: Some(8) });
        assert_eq!(plan("-o frames --animate --seeds 1,1").unwrap().target, Target::Folder);
    }

    #[test]
    fn misuse_names_the_argument() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument, ValueValidation};
        for (flags, kind, argument) in [
            ("-o a.png -n 0", ValueValidation, "--count"),
            ("-o a.png --grid 5", ValueValidation, "--grid"),
            ("-o a.png --grid 0x5", ValueValidation, "--grid"),
            ("-o a.png --grid 99999999999x1", ValueValidation, "--grid"),
            ("-o a.png --batch 0", ValueValidation, "--batch"),
            ("-o a.png --scale 0", ValueValidation, "--scale"),
            ("-o a.png --scale 65", ValueValidation, "--scale"),
            ("-o a.png --threads 0", ValueValidation, "--threads"),
            ("-o a.png --device gpu", ValueValidation, "--device"),
            ("-n 3", MissingRequiredArgument, "--output"),
            ("-o a.png --seeds 8-1", ValueValidation, "--seeds"),
            ("-o a.png --seeds 1-9999999999", ValueValidation, "--seeds"),
            ("-o a.png --seeds 1-3 --seed 1", ArgumentConflict, "--seeds"),
            ("-o a.png --seeds 1-3 -n 3", ArgumentConflict, "--seeds"),
            ("-o a.gif --walk 5", MissingRequiredArgument, "--seeds"),
            ("-o a.gif --seeds 1-3 --walk 0", ValueValidation, "--walk"),
            ("-o a.gif --seeds 1-3 --walk 5 --fps 0", ValueValidation, "--fps"),
            ("-o a.gif --seeds 1-3 --walk 5 --fps 51", ValueValidation, "--fps"),
            ("-o a.gif --seeds 1-3 --walk 5 --grid 2x2", ArgumentConflict, "--walk"),
            ("-o a.png --seeds 1-3 --one-way", MissingRequiredArgument, "--walk"),
            ("-o a.png --fps 10", MissingRequiredArgument, "--walk"),
            ("-o a.gif --animate --fps 0", ValueValidation, "--fps"),
            ("-o a.gif --animate --seeds 1-3 --walk 5", ArgumentConflict, "--animate"),
            ("-o a.gif --class 3 --seeds 1-3 --walk 5", ArgumentConflict, "--walk"),
            ("-o a.gif --guidance 2 --seeds 1-3 --walk 5", ArgumentConflict, "--walk"),
            ("-o a.png --sampler euler", ValueValidation, "--sampler"),
            ("-o a.png --steps 0", ValueValidation, "--steps"),
            ("-o a.png --guidance much", ValueValidation, "--guidance"),
        ] {
            let refused = plan(flags).unwrap_err();
            assert!(refused.is_clap(kind, argument), "{flags}: {refused:?}");
        }
        for (flags, argument) in [
            ("-o a.png -n 11 --grid 5x2", "--grid"),
            ("-o folder --grid 5x2", "--grid"),
            ("-o a.gif", "--output"),
            ("-o a.png --seeds 1-11 --grid 5x2", "--grid"),
            ("-o folder --seeds 1-3,2", "--seeds"),
            ("-o a.gif --seeds 1 --walk 5", "--seeds"),
            ("-o a.png --seeds 1-3 --walk 5", "--output"),
            ("-o a.gif --seeds 1-1000 --walk 1000", "--walk"),
            ("-o folder --seeds 1-3 --walk 5 --fps 10", "--fps"),
            ("-o a.png --animate", "--output"),
            ("-o folder --animate --fps 10", "--fps"),
            ("-o a.png --eta 0.5", "--eta"),
            ("-o a.png --sampler dpm-solver --eta 0.5", "--eta"),
            ("-o - --json", "--json"),
            ("-o - --format gif", "--format"),
            ("-o - --format png --animate", "--format"),
            ("-o a.png --format png", "--format"),
        ] {
            assert_eq!(plan(flags).unwrap_err(), Refusal::Misuse(argument), "{flags}");
        }
    }
}
